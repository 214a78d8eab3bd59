"""One Janus server over its WebSocket API: transactions, handles, and the word that it is gone.

Source: Janus 1.1 documentation, "Janus API" (rest.html, "WebSockets Interface").
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from signaling.engines.engine import EngineLost, EngineRefused

PROTOCOL = Subprotocol("janus-protocol")
VIDEOROOM = "janus.plugin.videoroom"
ANSWER_S = 3.0
"""Janus answers within milliseconds; one that takes this long is as good as dead."""
ALIVE_S = 2.0
"""Between two signs of life, which are the health check as well."""

Answer = dict[str, Any]


class Wire:
    """A connection with one session on it. heard: events of a handle. lost: once, when the server is gone."""

    def __init__(self, url: str, secret: str, heard: Callable[[int, Answer], None], lost: Callable[[], None]) -> None:
        self.url = url
        self._secret = secret
        self._heard = heard
        self._lost = lost
        self._socket: ClientConnection | None = None
        self._session: int | None = None
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._acknowledged: set[str] = set()
        """Requests that are only acknowledged; those to the plugin get an event after the acknowledgement."""
        self._work: list[asyncio.Task[None]] = []

    @property
    def open(self) -> bool:
        return self._session is not None

    async def connect(self) -> None:
        """Raises EngineLost if nobody answers."""
        try:
            self._socket = await connect(
                self.url,
                subprotocols=[PROTOCOL],
                open_timeout=ANSWER_S,
                close_timeout=1,
                ping_interval=None,
                compression=None,
                max_size=2**20,
                proxy=None,
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise EngineLost(f"{self.url}: {type(error).__name__}") from None
        self._work = [asyncio.create_task(self._read(self._socket))]
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]
        self._work.append(asyncio.create_task(self._stay_alive()))

    async def attach(self) -> int:
        answer = await self._ask({"janus": "attach", "plugin": VIDEOROOM})
        return int(answer["data"]["id"])

    async def detach(self, handle: int) -> None:
        with suppress(EngineLost, EngineRefused):
            await self._ask({"janus": "detach", "handle_id": handle})

    async def ask(self, handle: int, body: Answer, jsep: Answer | None = None) -> tuple[Answer, Answer | None]:
        """A request to the VideoRoom; its data and JSEP. Raises EngineRefused with Janus' own words."""
        request: Answer = {"janus": "message", "handle_id": handle, "body": body}
        answer = await self._ask(request | ({"jsep": jsep} if jsep else {}))
        data = answer.get("plugindata", {}).get("data", {})
        if "error_code" in data:
            raise EngineRefused(f"{data['error_code']} {data.get('error', '')}")
        return data, answer.get("jsep")

    async def trickle(self, handle: int, candidate: Answer) -> None:
        await self._ask({"janus": "trickle", "handle_id": handle, "candidate": candidate})

    async def close(self) -> None:
        self._session = None
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        if self._socket:
            await self._socket.close()
        self._give_up()

    async def _ask(self, request: Answer) -> Answer:
        if self._socket is None:
            raise EngineLost(self.url)
        transaction = str(next(self._numbers))
        session = {"session_id": self._session} if self._session else {}
        secret = {"apisecret": self._secret} if self._secret else {}
        if request["janus"] in ("keepalive", "trickle"):
            self._acknowledged.add(transaction)
        answer = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps(request | session | secret | {"transaction": transaction}))
            return await asyncio.wait_for(answer, ANSWER_S)
        except (TimeoutError, WebSocketException):
            raise EngineLost(self.url) from None
        finally:
            self._waiting.pop(transaction, None)
            self._acknowledged.discard(transaction)

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(WebSocketException):
            async for text in socket:
                self._take(json.loads(text))
        self._session = None
        self._give_up()
        self._lost()

    def _take(self, message: Answer) -> None:
        waiting = self._waiting.get(message.get("transaction", ""))
        if waiting is None or waiting.done():
            if "sender" in message:
                self._heard(int(message["sender"]), message)
        elif message["janus"] == "error":
            waiting.set_exception(EngineRefused(f"{message['error']['code']} {message['error']['reason']}"))
        elif message["janus"] != "ack" or message["transaction"] in self._acknowledged:
            waiting.set_result(message)

    def _give_up(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(EngineLost(self.url))

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(ALIVE_S)
            try:
                await self._ask({"janus": "keepalive"})
            except (EngineLost, EngineRefused):
                if self._socket:
                    await self._socket.close()
                return
