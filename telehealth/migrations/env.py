"""Alembic's door: runs the chain on the connection that `upgrade` hands over."""

from alembic import context
from sqlmodel import SQLModel

from telehealth.core import tables

tables.load()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
