"""The database's schema: bring it up to date, or say in one line why not."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

MIGRATIONS = Path(__file__).parent.parent / "migrations"


class SchemaIsNewer(Exception):
    """The database was migrated by a later version of this program."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision that this program knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


async def current(engine: AsyncEngine) -> str | None:
    """The database's revision; None for an empty database."""
    async with engine.connect() as connection:
        return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())


async def upgrade(engine: AsyncEngine, to: str = "head") -> None:
    """Walk the chain up. Raises SchemaIsNewer for a revision that this program does not know."""
    revision = await current(engine)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaIsNewer(
            f"the database is at revision {revision}, newer than this program ({head()}): start the newer version"
        )
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(_config(c), to))


async def downgrade(engine: AsyncEngine, to: str) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: command.downgrade(_config(c), to))


async def drift(engine: AsyncEngine) -> None:
    """Raises alembic.util.CommandError where models and migrations differ."""
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: command.check(_config(c)))
