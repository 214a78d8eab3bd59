"""What every test may ask for: a database (both kinds), the application, a signed-in client, a province."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

# before anything of ours is imported: this run's own data folder, no broker to reach, no secrets of the developer
RUN_FOLDER = Path(tempfile.mkdtemp(prefix="telehealth-test-"))
for name in [name for name in os.environ if name.startswith("TELEHEALTH_")]:
    del os.environ[name]
os.environ["TELEHEALTH_DATA"] = str(RUN_FOLDER)
os.environ["TELEHEALTH_BROKER"] = "memory://"

import httpx2  # noqa: E402
import psycopg  # noqa: E402
from fastapi import FastAPI  # noqa: E402
from sqlalchemy.ext.asyncio import AsyncEngine  # noqa: E402
from sqlalchemy.pool import NullPool  # noqa: E402
from sqlmodel.ext.asyncio.session import AsyncSession  # noqa: E402

from telehealth.app import create_app  # noqa: E402
from telehealth.core import ids, schema, tables  # noqa: E402
from telehealth.core.db import make_engine, session_scope  # noqa: E402
from telehealth.core.settings import Settings  # noqa: E402
from telehealth.identity.models import Account  # noqa: E402
from telehealth.identity.sessions import open_session  # noqa: E402
from telehealth.referrals.models import Referral  # noqa: E402
from tests import factories, postgres  # noqa: E402

tables.load()

DATABASES = ("sqlite", "postgresql")
IN_CI = bool(os.environ.get("CI"))


@pytest.fixture(scope="session", autouse=True)
def run_folder() -> Iterator[Path]:
    yield RUN_FOLDER
    shutil.rmtree(RUN_FOLDER, ignore_errors=True)


def missing(part: str) -> None:
    """A part of the machine is not there: a failure in CI, a skip that says so at a desk."""
    if IN_CI:
        pytest.fail(f"{part} is missing")
    pytest.skip(f"{part} is missing")


def migrated(url: str) -> None:
    """Bring an empty database to the newest schema; outside any loop."""

    async def main() -> None:
        engine = make_engine(url, poolclass=NullPool)
        await schema.upgrade(engine)
        await engine.dispose()

    asyncio.run(main())


def admin(server: str, statement: str) -> None:
    """One statement on the server itself, such as CREATE DATABASE."""
    with psycopg.connect(server.replace("+psycopg", "") + "postgres", autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server with a migrated template database."""
    if postgres.binaries() is None:
        missing("PostgreSQL")
    with postgres.running_postgres() as address:
        admin(address, "CREATE DATABASE template_telehealth")
        migrated(address + "template_telehealth")
        yield address


@pytest.fixture(scope="session")
def sqlite_template(run_folder: Path) -> Path:
    path = run_folder / "template.db"
    migrated(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database: every test that touches one runs on both kinds."""
    if database_kind == "sqlite":
        path = tmp_path / "test.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"t_{ids.new_id().hex}"
    admin(server, f"CREATE DATABASE {name} TEMPLATE template_telehealth")
    yield server + name
    admin(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session for looking and arranging; commit what others must see."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
async def province(engine: AsyncEngine) -> factories.Province:
    """A small province with one person per role, committed."""
    async with session_scope(engine) as session:
        return await factories.make_province(session)


@pytest.fixture
async def referral(engine: AsyncEngine, province: factories.Province) -> Referral:
    """A question of the province's clinic about its patient."""
    async with session_scope(engine) as session:
        return await factories.make_referral(session, province)


@pytest.fixture
def config(database_url: str) -> Settings:
    return Settings(demo=True, database=database_url, data=RUN_FOLDER)


@pytest.fixture
async def app(engine: AsyncEngine, config: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(config)
    app.state.engine = engine
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who has not signed in."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


SignIn = Callable[[Account], Awaitable[httpx2.AsyncClient]]


@pytest.fixture
async def sign_in(app: FastAPI, engine: AsyncEngine) -> AsyncIterator[SignIn]:
    """Make a client that acts as an account: `doctor = await sign_in(province.doctor)`."""
    clients: list[httpx2.AsyncClient] = []

    async def make(account: Account) -> httpx2.AsyncClient:
        async with session_scope(engine) as session:
            _, secret = await open_session(session, account, second_factor=True)
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {secret}"}
        client = httpx2.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()
