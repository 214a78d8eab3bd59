"""A request's body as it arrives, for as long as it arrives."""

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.requests import ClientDisconnect

from imaging.dicomweb.errors import TooSlow

PATIENCE_S = 8.0
"""Without a byte, and before the rate counts. The door answers within ten seconds whatever the other side does."""
LEAST_BYTES_PER_S = 1024
"""The worst of mobile links give eight times as much; whoever sends less only holds a place."""


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """Raises TooSlow, ClientDisconnect."""
    begun, total = time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S):
                message = await request.receive()
        except TimeoutError:
            raise TooSlow() from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect()
        if chunk := message.get("body", b""):
            total += len(chunk)
            yield chunk
        if not message.get("more_body", False):
            return
        if (waited := time.monotonic() - begun) > PATIENCE_S and total < LEAST_BYTES_PER_S * waited:
            raise TooSlow()
