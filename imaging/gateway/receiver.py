"""The modality's side: C-ECHO and C-STORE. "Success" means that the bytes are on this machine's disk, whatever the line does."""

import socket
from typing import Any

import structlog
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from imaging.gateway.config import GatewayConfig
from imaging.gateway.queue import Queue

log = structlog.get_logger()

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
LARGEST_PDU = 256 * 1024
SYNTAXES = [
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.100",
    "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203",
]  # fmt: skip
"""As the device has them: nothing is converted on the way."""


def listen(config: GatewayConfig, queue: Queue) -> ThreadedAssociationServer:
    """Start answering; `shutdown()` ends it. Raises OSError where the port is taken."""
    entity = AE(ae_title=config.ae_title)
    entity.maximum_pdu_size = LARGEST_PDU
    entity.add_supported_context(Verification)
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax, SYNTAXES)
    handlers: list[Any] = [(evt.EVT_C_STORE, _store, [queue]), (evt.EVT_CONN_OPEN, _at_once)]
    address = (config.dicom_host, config.dicom_port)
    return entity.start_server(address, block=False, evt_handlers=handlers)


def _store(event: Any, queue: Queue) -> int:
    try:
        queue.put(f"{event.assoc.requestor.ae_title}/{event.request.AffectedSOPInstanceUID}", [event.encoded_dataset()])
    except OSError as error:  # a full disk: the device keeps it and tries again
        log.error("not_stored", kind=type(error).__name__)
        return OUT_OF_RESOURCES
    return SUCCESS


def _at_once(event: Any) -> None:
    """Answers leave without waiting for more (Nagle): else every instance costs 40 ms."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
