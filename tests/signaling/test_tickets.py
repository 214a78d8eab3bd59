"""Tickets: one kind, one key, minutes to live."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from signaling import service, tickets
from signaling.tickets import BadTicket, Ticket

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TICKET = Ticket(
    id=UUID(int=1),
    room=UUID(int=2),
    account=UUID(int=3),
    name="Nguyễn Thị Hoà",
    role="patient",
    login=UUID(int=4),
    expires_at=NOW + timedelta(minutes=10),
)


def test_a_ticket_comes_back_as_it_was_given():
    key = service.signing_key()
    assert tickets.read(key, tickets.sign(key, TICKET, NOW), NOW) == TICKET


def test_a_ticket_is_too_old_after_ten_minutes_and_cannot_be_made_longer():
    key = service.signing_key()
    with pytest.raises(BadTicket):
        tickets.read(key, tickets.sign(key, TICKET, NOW), NOW + timedelta(minutes=10))
    with pytest.raises(ValueError, match="ten minutes"):
        tickets.sign(key, replace(TICKET, expires_at=NOW + timedelta(minutes=11)), NOW)


@pytest.mark.parametrize("change", [{"aud": "download"}, {"role": "admin"}, {"exp": "soon"}, {"room": "x"}, {"sub": None}])
def test_another_audience_or_shape_is_refused(change):
    key = service.signing_key()
    claims = jwt.decode(tickets.sign(key, TICKET, NOW), key, algorithms=[tickets.ALGORITHM]).claims | change
    forged = jwt.encode({"alg": tickets.ALGORITHM, "typ": tickets.TYPE}, claims, key, algorithms=[tickets.ALGORITHM])
    with pytest.raises(BadTicket):
        tickets.read(key, forged, NOW)


def test_other_algorithms_types_and_keys_are_refused():
    key = service.signing_key()
    claims = jwt.decode(tickets.sign(key, TICKET, NOW), key, algorithms=[tickets.ALGORITHM]).claims
    plain = jwt.encode({"alg": "HS256", "typ": tickets.TYPE}, claims, OctKey.import_key("s" * 32), algorithms=["HS256"])
    typed = jwt.encode({"alg": tickets.ALGORITHM, "typ": "JWT"}, claims, key, algorithms=[tickets.ALGORITHM])
    other = tickets.sign(tickets.OKPKey.generate_key("Ed25519"), TICKET, NOW)
    for text in (plain, typed, other, "", "a.b.c", "x" * 2000):
        with pytest.raises(BadTicket):
            tickets.read(key, text, NOW)
