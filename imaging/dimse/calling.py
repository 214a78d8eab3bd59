"""Associations that we begin: to the nodes where C-MOVE sends, and where storage commitment reports."""

import asyncio
import ssl
from collections.abc import Iterable

from imaging.dimse import pdu
from imaging.dimse.association import STALL_S, Association, Context, Ended
from imaging.dimse.nodes import Guest
from imaging.dimse.pdu import AbortReason, Associate, Broken, Kind, Proposed, Roles
from telehealth.core.errors import Unavailable
from telehealth.core.settings import Dimse

CONNECT_S = 10.0


async def call(
    node: Guest, config: Dimse, contexts: Iterable[tuple[str, tuple[str, ...]]], roles: Roles | None = None
) -> Association:
    """An association with a node. contexts: (SOP class, transfer syntaxes). Raises Unavailable where it is not to be had."""
    asked = [Proposed(2 * index + 1, *one) for index, one in enumerate(contexts)][: pdu.MOST_CONTEXTS]
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                node.host, node.port, ssl=_tls(config) if node.tls else None, limit=pdu.LARGEST
            )
    except (OSError, TimeoutError):
        raise Unavailable("the node does not answer") from None
    association = Association(reader, writer)
    try:
        said = Associate(node.ae_title, config.ae_title, proposed=tuple(asked), roles=roles or {})
        await association.write(pdu.encode(Kind.ASSOCIATE_RQ, said))
        kind, body = await association.pdu(STALL_S)
        if kind is not Kind.ASSOCIATE_AC:
            raise Broken(AbortReason.UNEXPECTED_PDU)
        answer = pdu.associate(body)
    except (Ended, Broken):
        association.close()
        raise Unavailable("the node refused the association") from None
    association.largest = answer.largest or pdu.LARGEST
    by_id = {one.id: one for one in asked}
    for one in answer.accepted:
        if one.result == 0 and one.id in by_id:
            abstract = by_id[one.id].abstract
            association.contexts[one.id] = Context(one.id, abstract, one.syntax, we_serve=False, we_ask=True)
    return association


def _tls(config: Dimse) -> ssl.SSLContext:
    """Our certificate shown, theirs of the authority that we know; nodes are addresses, so names do not count."""
    context = ssl.create_default_context(cafile=str(config.tls_authority) if config.tls_authority else None)
    context.check_hostname = False
    if config.tls_certificate:
        context.load_cert_chain(config.tls_certificate, config.tls_key)
    return context
