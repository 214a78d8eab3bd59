"""A real server on a real socket, and a real Chromium in front of it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Page, ViewportSize, async_playwright
from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dicom import sandbox
from signaling.transport import CallSocket
from telehealth.app import create_app
from telehealth.core.db import session_scope
from telehealth.core.settings import Settings
from telehealth.identity.deps import cookie_name
from telehealth.identity.models import Account
from telehealth.identity.sessions import open_session
from tests.conftest import RUN_FOLDER, missing

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}


@pytest.fixture
def database_kind() -> str:
    """What a page shows does not depend on the database: the quick one is enough here."""
    return "sqlite"


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the whole run; every test opens contexts of its own."""
    if not Path(CHROMIUM).exists():
        missing("Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session", autouse=True)
def decoders() -> Iterator[None]:
    """The processes that decode pictures end with the run."""
    yield
    sandbox.close()


@dataclass(frozen=True)
class LiveServer:
    """A running application: its address, and its insides for arranging."""

    address: str
    app: FastAPI
    engine: AsyncEngine
    config: Settings


@pytest.fixture
async def live_server(engine: AsyncEngine, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[LiveServer]:
    """The application behind uvicorn, as `telehealth serve` runs it, on a free port of this loop.

    A file whose server needs more than the defaults has a fixture `live_settings`; one elsewhere, `live_host`.
    """
    besides = request.getfixturevalue("live_settings") if "live_settings" in request.fixturenames else {}
    host = request.getfixturevalue("live_host") if "live_host" in request.fixturenames else "127.0.0.1"
    listener = socket.create_server((host, 0))
    address = f"http://{host}:{listener.getsockname()[1]}"
    config = Settings(demo=True, database=database_url, data=RUN_FOLDER, public_url=address, **besides)
    app = create_app(config)
    app.state.engine = engine
    server = uvicorn.Server(uvicorn.Config(app, ws=CallSocket, log_level="warning", lifespan="on", timeout_graceful_shutdown=2))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if running.done():
            running.result()
            pytest.fail("the server stopped while starting")
        await asyncio.sleep(0.01)
    yield LiveServer(address, app, engine, config)
    server.should_exit = True
    await running


PageFor = Callable[..., Awaitable[Page]]


@pytest.fixture
async def page_for(chromium: Browser, live_server: LiveServer) -> AsyncIterator[PageFor]:
    """Open a page as somebody: `page = await page_for(province.doctor, PHONE)`; `None` has not signed in.

    Addresses are relative to the server; media devices are allowed. A script that fails fails the test.
    """
    pages: list[Page] = []
    failures: list[str] = []

    async def make(account: Account | None = None, viewport: ViewportSize = DESKTOP, **options: object) -> Page:
        context = await chromium.new_context(
            base_url=live_server.address,
            locale="vi-VN",
            timezone_id="Asia/Ho_Chi_Minh",
            viewport=viewport,
            permissions=["camera", "microphone"],
            **options,  # type: ignore[arg-type]
        )
        if account is not None:
            async with session_scope(live_server.engine) as session:
                _, secret = await open_session(session, account, second_factor=True)
            name = cookie_name(live_server.config)
            await context.add_cookies([{"name": name, "value": secret, "url": live_server.address}])
        page = await context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        pages.append(page)
        return page

    yield make
    for page in pages:
        await page.context.close()
    assert failures == []
