"""Benchmarks beside rivals, run by hand: `make bench`. Nothing here is collected as a test."""
