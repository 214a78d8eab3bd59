"""The way from the web application to the echo process: a unix socket in the data folder."""

import asyncio
import json
from pathlib import Path

from telehealth.core.errors import Invalid, Unavailable

ANSWER_S = 10.0


class EchoAway(Unavailable):
    code = "line-check-away"
    title = "The line cannot be checked just now; the visit itself may work all the same"


class EchoBusy(Unavailable):
    code = "line-check-busy"
    title = "Too many people are checking their lines just now. Please try again in a minute"


class NoOffer(Invalid):
    code = "no-offer"
    title = "This is not a description of a connection"


async def answer(socket: Path, sdp: str) -> str:
    """The echo's answer to a page's offer. Raises EchoAway, EchoBusy, NoOffer."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket, limit=256 * 1024)
    except OSError:
        raise EchoAway() from None
    try:
        writer.write(json.dumps({"sdp": sdp}).encode() + b"\n")
        said = json.loads(await asyncio.wait_for(reader.readline(), ANSWER_S))
    except (OSError, TimeoutError, ValueError):
        raise EchoAway() from None
    finally:
        writer.close()
    if "sdp" in said:
        return str(said["sdp"])
    raise EchoBusy() if said.get("refused") == "busy" else NoOffer()
