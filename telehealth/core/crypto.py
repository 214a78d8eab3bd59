"""Keys, signed tickets, encrypted fields. One master key, from a file; every use has a key of its own."""

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telehealth.core.settings import settings

KEY_BYTES = 32
NONCE_BYTES = 12


class BadSecret(Exception):
    """A value was not made with this key, or was changed."""


@cache
def _master_key() -> bytes:
    """From the configured file (a Docker or systemd secret), or made once in the data folder."""
    configured = settings().master_key_file
    path = configured or settings().data / "master.key"
    if configured is None and not path.exists():
        _create_key(path)
    key = urlsafe_b64decode(path.read_bytes().strip())
    if len(key) < KEY_BYTES:
        raise ValueError(f"{path} is too short: it must hold {KEY_BYTES} bytes in URL-safe base64")
    return key


def _create_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)))
    try:
        os.link(draft, path)  # whichever process comes first decides; the others read its key
    except FileExistsError:
        pass
    finally:
        draft.unlink()


@cache
def derived_key(purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(_master_key())


def audit_key() -> bytes:
    return derived_key("audit")


@cache
def ticket_key() -> Ed25519PrivateKey:
    """Signs short-lived tickets (calls, downloads)."""
    return Ed25519PrivateKey.from_private_bytes(derived_key("ticket"))


@cache
def report_key() -> Ed25519PrivateKey:
    """The service's seal on a signed report; the signer's own certificate may be added beside it."""
    return Ed25519PrivateKey.from_private_bytes(derived_key("report"))


def encrypt(text: str) -> str:
    """AES-256-GCM with a fresh nonce, URL-safe."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return urlsafe_b64encode(nonce + AESGCM(derived_key("field")).encrypt(nonce, text.encode(), None)).decode()


def decrypt(token: str) -> str:
    """The text of `encrypt`. Raises BadSecret."""
    raw = urlsafe_b64decode(token)
    try:
        return AESGCM(derived_key("field")).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
    except InvalidTag:
        raise BadSecret("not made with this key") from None


def fingerprint(secret: str) -> str:
    """What is stored in place of a random secret of at least 128 bits."""
    return sha256(secret.encode()).hexdigest()
