"""The schema's history, one chain for SQLite and PostgreSQL; `telehealth migrate` walks it."""
