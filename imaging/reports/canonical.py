"""What exactly is signed: canonical JSON, its digest, and the service's seal over digest, signer and time."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from telehealth.core.crypto import report_key

SCHEMA = "telehealth-report/1"


def canonical(content: dict[str, Any]) -> str:
    """One text for one content: sorted keys, no spaces, UTF-8 as it is."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return sha256(text.encode()).hexdigest()


def _sealed(content_hash: str, signer: UUID, at: datetime) -> bytes:
    return f"{content_hash}|{signer}|{at.astimezone(UTC).isoformat()}".encode()


def seal(content_hash: str, signer: UUID, at: datetime) -> str:
    """Ed25519, base64."""
    return b64encode(report_key().sign(_sealed(content_hash, signer, at))).decode()


def key_id() -> str:
    """The first 16 hex digits of the public key's digest."""
    public = report_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sha256(public).hexdigest()[:16]


def is_sealed(text: str, content_hash: str, signed_seal: str, signer: UUID, at: datetime) -> bool:
    """Whether content, digest, signer and time are still those that were sealed."""
    if digest(text) != content_hash:
        return False
    try:
        report_key().public_key().verify(b64decode(signed_seal), _sealed(content_hash, signer, at))
    except (InvalidSignature, ValueError):
        return False
    return True
