"""The other end of the line check: gives back what it hears, in a process of its own.

`telehealth echo` runs it; the web application hands over a page's offer on loopback and gives back the answer. Two data
channels measure the line (`rate`: bulk in both directions, `echo`: small messages in order to time and count them), and
sound and picture are sent back, so that a person hears and sees what arrived.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

LINES_AT_ONCE = 8
"""Each decodes and encodes a picture: more would make the measures of all worse."""
LIFE_S = 45.0
CHUNK = b"\0" * 16_384
BUFFERED = 256 * 1024
OFFER_BYTES = 64 * 1024


class Busy(Exception):
    """As many checks as this process can carry are running."""


class Echo:
    def __init__(self) -> None:
        self.lines: set[RTCPeerConnection] = set()
        self._work: set[asyncio.Task[None]] = set()

    async def answer(self, sdp: str) -> str:
        """The answer to a page's offer. Raises Busy, and ValueError for what is no offer."""
        if len(self.lines) >= LINES_AT_ONCE:
            raise Busy()
        line = RTCPeerConnection(RTCConfiguration(iceServers=list[RTCIceServer]()))
        self.lines.add(line)
        try:
            self._prepare(line)
            await line.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await line.setLocalDescription(await line.createAnswer())
        except Exception as error:  # the parser of a stranger's text fails in many ways
            await self._drop(line)
            raise ValueError(type(error).__name__) from None
        self._start(self._end_later(line))
        return str(line.localDescription.sdp)

    def _prepare(self, line: RTCPeerConnection) -> None:
        relay = MediaRelay()

        @line.on("track")
        def give_back(track) -> None:  # type: ignore[no-untyped-def]
            line.addTrack(relay.subscribe(track))

        @line.on("datachannel")
        def open_channel(channel: RTCDataChannel) -> None:
            hear = self._rate(channel) if channel.label == "rate" else self._small(channel)
            channel.on("message", hear)

        @line.on("connectionstatechange")
        async def gone() -> None:
            if line.connectionState in ("failed", "closed"):
                await self._drop(line)

    def _small(self, channel: RTCDataChannel) -> Callable[[str | bytes], None]:
        """Each small message comes back as it is."""

        def hear(message: str | bytes) -> None:
            if len(message) <= 256:
                channel.send(message)

        return hear

    def _rate(self, channel: RTCDataChannel) -> Callable[[str | bytes], None]:
        """`{"send_ms": n}`: send as fast as the line takes it for so long. Bytes: count them, `{"got": n}` says how many."""
        got = 0

        def hear(message: str | bytes) -> None:
            nonlocal got
            if isinstance(message, bytes):
                got += len(message)
                return
            with suppress(ValueError, KeyError, TypeError):
                wish = json.loads(message)
                if "send_ms" in wish:
                    self._start(self._fill(channel, min(4000, int(wish["send_ms"])) / 1000))
                else:
                    channel.send(json.dumps({"got": got}))

        return hear

    async def _fill(self, channel: RTCDataChannel, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and channel.readyState == "open":
            while channel.bufferedAmount < BUFFERED:
                channel.send(CHUNK)
            await asyncio.sleep(0.005)
        if channel.readyState == "open":
            channel.send(json.dumps({"sent": True}))

    async def _end_later(self, line: RTCPeerConnection) -> None:
        await asyncio.sleep(LIFE_S)
        await self._drop(line)

    async def _drop(self, line: RTCPeerConnection) -> None:
        self.lines.discard(line)
        await line.close()

    def _start(self, work) -> None:  # type: ignore[no-untyped-def]
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def close(self) -> None:
        for task in list(self._work):
            task.cancel()
        for line in list(self.lines):
            await self._drop(line)


async def serve(path: str) -> None:
    """Answer offers on a unix socket, one JSON line each way: `{"sdp": …}` to `{"sdp": …}` or `{"refused": why}`."""
    echo = Echo()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, ConnectionError, ValueError, asyncio.LimitOverrunError):
            line = await asyncio.wait_for(reader.readline(), 5)
            writer.write(json.dumps(await _answer(echo, line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(hear, path, limit=2 * OFFER_BYTES)
    try:
        async with server:
            await server.serve_forever()
    finally:
        await echo.close()


async def _answer(echo: Echo, line: bytes) -> dict[str, str]:
    try:
        return {"sdp": await echo.answer(str(json.loads(line)["sdp"]))}
    except Busy:
        return {"refused": "busy"}
    except (ValueError, KeyError, TypeError):
        return {"refused": "malformed"}
