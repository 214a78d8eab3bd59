"""The nodes that administrators know: adding, switching off, and letting in."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dimse.errors import BadNode, NodeExists
from imaging.dimse.models import DicomNode, Right
from telehealth.core import audit, clock
from telehealth.core.actor import SYSTEM, Actor
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden
from telehealth.core.settings import settings
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.identity.models import Account
from telehealth.identity.service import ensure_fresh_factor
from telehealth.identity.sessions import describe, subtree

TITLE = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")
"""1 to 16 printable ASCII characters without backslash, no space outside (PS3.5, 6.2: AE)."""
FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class Stranger(StrEnum):
    """Why somebody is not let in, for the audit log; the peer only hears that its title is not recognized."""

    UNKNOWN_TITLE = "unknown_title"
    SWITCHED_OFF = "switched_off"
    WRONG_ADDRESS = "wrong_address"
    WRONG_CERTIFICATE = "wrong_certificate"
    ACCOUNT_DISABLED = "account_disabled"


@dataclass(frozen=True)
class Guest:
    """A node that was let in: who it acts as, where, and what it may ask."""

    node_id: UUID
    ae_title: str
    organisation_id: UUID
    actor: Actor
    rights: frozenset[Right]
    host: str
    port: int
    tls: bool


@dataclass(frozen=True)
class NodeIn:
    """What an administrator says about a node. addresses: networks or single addresses, as typed."""

    ae_title: str
    addresses: Sequence[str]
    organisation_id: UUID
    account_id: UUID
    rights: Iterable[str] = (Right.STORE,)
    certificate_sha256: str = ""
    host: str = ""
    port: int = 0
    tls: bool = False


async def add(session: AsyncSession, actor: Actor, given: NodeIn) -> DicomNode:
    """A new node of an organisation that the administrator looks after.

    Raises BadNode, NodeExists, Forbidden, FreshFactorNeeded: it opens images to somebody, as a role does.
    """
    access.ensure(actor, Action.MANAGE_PEOPLE, Scope(units=frozenset({given.organisation_id})))
    ensure_fresh_factor(actor)
    node = DicomNode(
        ae_title=_title(given.ae_title),
        addresses=_networks(given.addresses),
        organisation_id=given.organisation_id,
        account_id=given.account_id,
        certificate_sha256=_fingerprint(given.certificate_sha256),
        rights=sorted(_rights(given.rights)),
        host=given.host.strip(),
        port=_port(given.port, given.host),
        tls=given.tls,
    )
    await _ensure_acts_there(session, node)
    try:
        async with session.begin_nested():
            session.add(node)
            await session.flush()
    except IntegrityError:
        raise NodeExists() from None
    audit.record(session, actor, "dicom_node.added", node.id, ae_title=node.ae_title, rights=node.rights)
    return node


async def _ensure_acts_there(session: AsyncSession, node: DicomNode) -> None:
    """A node without an account that holds a role in its organisation could do nothing."""
    account = await fetch(session, Account, node.account_id)
    if node.organisation_id not in (await describe(session, account)).units:
        raise BadNode("account", part="account")


async def switch(session: AsyncSession, actor: Actor, node_id: UUID, *, active: bool) -> DicomNode:
    """Off: associations that are open end within seconds. On: needs a fresh factor, as adding does."""
    node = await fetch(session, DicomNode, node_id, lock=True)
    access.ensure(actor, Action.MANAGE_PEOPLE, Scope(units=frozenset({node.organisation_id})), hidden=True)
    if active:
        ensure_fresh_factor(actor)
    node.active = active
    session.add(node)
    audit.record(session, actor, f"dicom_node.switched_{'on' if active else 'off'}", node.id, ae_title=node.ae_title)
    return node


async def listed(session: AsyncSession, actor: Actor) -> Sequence[tuple[DicomNode, Account]]:
    """The nodes of the administrator's organisations with the account each acts as, by title."""
    units = access.units_for(actor, Action.MANAGE_PEOPLE)
    if not units:
        raise Forbidden()
    rows = select(DicomNode, Account).join(Account, col(Account.id) == col(DicomNode.account_id))
    return (await session.exec(rows.where(col(DicomNode.organisation_id).in_(units)).order_by(DicomNode.ae_title))).all()


def _title(text: str) -> str:
    if not TITLE.fullmatch(text.strip()):
        raise BadNode("AE title", part="ae_title")
    return text.strip()


def _networks(texts: Iterable[str]) -> list[str]:
    try:
        found = [str(ip_network(text.strip(), strict=False)) for text in texts if text.strip()]
    except ValueError:
        raise BadNode("address", part="addresses") from None
    if not found:
        raise BadNode("address", part="addresses")
    return found


def _fingerprint(text: str) -> str:
    """SHA-256 in hexadecimal; colons, as openssl prints them, do not count."""
    plain = text.strip().replace(":", "").lower()
    if plain and not FINGERPRINT.fullmatch(plain):
        raise BadNode("fingerprint", part="certificate_sha256")
    return plain


def _rights(texts: Iterable[str]) -> frozenset[Right]:
    try:
        found = frozenset(Right(text) for text in texts)
    except ValueError:
        raise BadNode("rights", part="rights") from None
    if not found:
        raise BadNode("rights", part="rights")
    return found


def _port(port: int, host: str) -> int:
    if not 0 <= port < 65536 or bool(port) != bool(host.strip()):
        raise BadNode("port", part="port")
    return port


async def admit(session: AsyncSession, title: str, address: str, fingerprint: str) -> Guest | Stranger:
    """Whether this caller is the node that it says to be. fingerprint: of its TLS certificate, empty without one."""
    node = (await session.exec(select(DicomNode).where(DicomNode.ae_title == title))).first()
    if node is None:
        return Stranger.UNKNOWN_TITLE
    if not node.active:
        return Stranger.SWITCHED_OFF
    if not is_within(address, node.addresses):
        return Stranger.WRONG_ADDRESS
    if node.certificate_sha256 and node.certificate_sha256 != fingerprint:
        return Stranger.WRONG_CERTIFICATE
    return await _guest(session, node) or Stranger.ACCOUNT_DISABLED


async def destination(session: AsyncSession, title: str) -> Guest | None:
    """The node to which C-MOVE may send: known, switched on, with an address."""
    node = (await session.exec(select(DicomNode).where(DicomNode.ae_title == title))).first()
    return await _guest(session, node) if node and node.active and node.host else None


def is_within(address: str, networks: Iterable[str]) -> bool:
    """An IPv4 address that came over an IPv6 socket counts as IPv4."""
    try:
        caller = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ip_network(network) for network in networks)


async def _guest(session: AsyncSession, node: DicomNode) -> Guest | None:
    account = await session.get(Account, node.account_id)
    if account is None or not account.active:
        return None
    person = await describe(session, account)
    today = clock.day_in(settings().zone, clock.now())
    within = await subtree(session, {node.organisation_id}, today)
    grants = {role: units & within for role, units in person.grants.items()}
    actor = Actor(
        account_id=person.account_id,
        name=f"{person.name} · {node.ae_title}",
        grants=MappingProxyType({role: units for role, units in grants.items() if units}),
        homes=frozenset({node.organisation_id}),
        language=person.language,
    )
    rights = frozenset(Right(one) for one in node.rights)
    return Guest(node.id, node.ae_title, node.organisation_id, actor, rights, node.host, node.port, node.tls)


def note_refused(session: AsyncSession, title: str, address: str, why: Stranger | str) -> None:
    """An association that was rejected: who called from where, and why."""
    audit.record(session, SYSTEM, "dicom_node.refused", "", ae_title=title, address=address, reason=str(why))
