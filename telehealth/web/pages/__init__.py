"""Handlers of pages, one file per area."""
