"""Time-limited TURN credentials (draft-uberti-behave-turn-rest-00, coturn `use-auth-secret`)."""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Credentials:
    username: str
    credential: str


def credentials(secret: str, who: str, now: datetime, lifetime_s: int) -> Credentials:
    """The username is `expiry:who` (expiry in Unix seconds), credential base64(HMAC-SHA1(secret, username))."""
    username = f"{int(now.timestamp()) + lifetime_s}:{who}"
    digest = hmac.new(secret.encode(), username.encode(), "sha1").digest()
    return Credentials(username, b64encode(digest).decode())


def ice_servers(
    stun: Sequence[str], turn: Sequence[str], secret: str, who: str, now: datetime, lifetime_s: int
) -> list[dict[str, object]]:
    """RTCIceServer dictionaries. TURN only where addresses and a secret are configured."""
    servers: list[dict[str, object]] = [{"urls": list(stun)}] if stun else []
    if turn and secret:
        made = credentials(secret, who, now, lifetime_s)
        servers.append({"urls": list(turn), "username": made.username, "credential": made.credential})
    return servers
