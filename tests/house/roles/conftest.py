"""One scene for all tables of this folder, on each database: a door changes its own things only."""

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dicom import sandbox
from telehealth.app import create_app
from telehealth.core import ids
from telehealth.core.db import make_engine
from telehealth.core.settings import Settings
from tests.conftest import DATABASES, RUN_FOLDER, admin
from tests.house.roles.scene import Scene, make_scene


@pytest.fixture(scope="package", params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="package")
def database_url(request: pytest.FixtureRequest, database_kind: str) -> Iterator[str]:
    """One migrated database for the folder; its name is new for each run of a worker."""
    name = f"t_{ids.new_id().hex}"
    if database_kind == "sqlite":
        path = RUN_FOLDER / f"{name}.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    server: str = request.getfixturevalue("postgres_server")
    admin(server, f"CREATE DATABASE {name} TEMPLATE template_telehealth")
    yield server + name
    admin(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="package")
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="package")
async def scene(engine: AsyncEngine, database_url: str) -> AsyncIterator[Scene]:
    app = create_app(Settings(demo=True, database=database_url, data=RUN_FOLDER))
    app.state.engine = engine
    async with app.router.lifespan_context(app):
        made = await make_scene(app, engine)
        yield made
        for client in made.clients.values():
            await client.aclose()
    sandbox.close()
