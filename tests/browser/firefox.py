"""A stock Firefox with made-up camera and microphone, driven over WebDriver BiDi: no geckodriver, no patched build."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

FIREFOX = "/usr/bin/firefox-esr"
PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.gmp-manager.updateEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.aboutwelcome.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "remote.active-protocols": 1,
}
PATIENCE_S = 60
READY = "WebDriver BiDi listening on "


class Tab:
    """One tab and its commands."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.context = ""

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command; events in between are passed over."""
        self._number += 1
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = json.loads(await self._socket.recv())
                if answer.get("id") == self._number:
                    assert answer["type"] == "success", answer
                    return dict(answer["result"])

    async def begin(self) -> None:
        await self.ask("session.new", capabilities={})
        tree = await self.ask("browsingContext.getTree")
        self.context = tree["contexts"][0]["context"]

    async def cookie(self, name: str, value: str, domain: str) -> None:
        text = {"type": "string", "value": value}
        await self.ask("storage.setCookie", cookie={"name": name, "value": text, "domain": domain, "path": "/"})

    async def goto(self, address: str) -> None:
        await self.ask("browsingContext.navigate", context=self.context, url=address, wait="complete")

    async def evaluate(self, function: str) -> Any:
        """What the JavaScript function gives, as JSON."""
        expression = f"(async () => JSON.stringify(await ({function})() ?? null))()"
        answer = await self.ask("script.evaluate", expression=expression, target={"context": self.context}, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    async def until(self, function: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await self.evaluate(function):
                await asyncio.sleep(0.2)


@asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[Tab]:
    """A browser of its own profile in this folder."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        *(FIREFOX, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"HOME": str(folder), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
    )
    assert process.stderr
    draining = None
    try:
        address = await _address(process.stderr)
        draining = asyncio.create_task(_drain(process.stderr))
        async with connect(f"{address}/session", max_size=None, compression=None, open_timeout=PATIENCE_S) as socket:
            tab = Tab(socket)
            await tab.begin()
            yield tab
            with suppress(Exception):
                await tab.ask("browser.close")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if draining:
            await draining


async def _address(output: asyncio.StreamReader) -> str:
    async with asyncio.timeout(PATIENCE_S):
        async for line in output:
            if READY in (text := line.decode(errors="replace")):
                return text.split(READY)[1].strip()
    raise AssertionError("Firefox ended")


async def _drain(output: asyncio.StreamReader) -> None:
    while await output.read(65536):
        pass
