"""A join ticket: one person, one room, minutes to live, used once. A JWT with algorithm, type and audience fixed."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from signaling.messages import Role

ALGORITHM = "Ed25519"
TYPE = "call-ticket+jwt"
AUDIENCE = "telehealth-call"
LONGEST = timedelta(minutes=10)
ROLES: tuple[Role, ...] = get_args(Role)


class BadTicket(Exception):
    """Not ours, changed, of another kind, or too old. The reason is for the log only."""


@dataclass(frozen=True)
class Ticket:
    """id: single use is kept by the hub. login: the sign-in session, or the invitation, under which it was given.

    expected_at: about when this person's turn comes. line: in a ticket for coming back, the line it belongs to.
    """

    id: UUID
    room: UUID
    account: UUID
    name: str
    role: Role
    login: UUID
    expires_at: datetime
    expected_at: datetime | None = None
    line: UUID | None = None


def key_of(seed: bytes, public: bytes) -> OKPKey:
    """Raw Ed25519 bytes (32 each) as a signing key."""
    encoded = [urlsafe_b64encode(part).rstrip(b"=").decode() for part in (seed, public)]
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "d": encoded[0], "x": encoded[1]})


def sign(key: OKPKey, ticket: Ticket, now: datetime) -> str:
    """Compact JWT. Raises ValueError for a life over ten minutes."""
    if ticket.expires_at - now > LONGEST:
        raise ValueError("a ticket lives ten minutes at most")
    claims = {
        "jti": str(ticket.id),
        "aud": AUDIENCE,
        "sub": str(ticket.account),
        "room": str(ticket.room),
        "name": ticket.name,
        "role": ticket.role,
        "login": str(ticket.login),
        "iat": int(now.timestamp()),
        "exp": int(ticket.expires_at.timestamp()),
    }
    if ticket.expected_at:
        claims["due"] = int(ticket.expected_at.timestamp())
    if ticket.line:
        claims["line"] = str(ticket.line)
    return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, key, algorithms=[ALGORITHM])


def read(key: OKPKey, text: str, now: datetime) -> Ticket:
    """The ticket in `text`. Raises BadTicket."""
    try:
        token = jwt.decode(text, key, algorithms=[ALGORITHM])
        ticket = _ticket(token.claims)
    except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadTicket(type(error).__name__) from None
    if token.header.get("typ") != TYPE or token.claims.get("aud") != AUDIENCE or ticket.role not in ROLES:
        raise BadTicket("of another kind")
    if ticket.expires_at <= now or ticket.expires_at - now > LONGEST:
        raise BadTicket("too old")
    return ticket


def _ticket(claims: dict[str, Any]) -> Ticket:
    return Ticket(
        id=UUID(claims["jti"]),
        room=UUID(claims["room"]),
        account=UUID(claims["sub"]),
        name=str(claims["name"]),
        role=claims["role"],
        login=UUID(claims["login"]),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        expected_at=datetime.fromtimestamp(claims["due"], UTC) if "due" in claims else None,
        line=UUID(claims["line"]) if "line" in claims else None,
    )
