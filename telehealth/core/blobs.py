"""Objects by content: put once, read by range, never changed. Local disk or S3, the same guarantees.

A key is made by us (`dicom/ab/cd…`), never from data. Put-if-absent; a stored object is durable when `put` returns:
disk writes temp file -> fsync -> rename -> fsync of the folder.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from telehealth.core.errors import NotFound, Unavailable
from telehealth.core.ids import new_id
from telehealth.core.settings import Settings, settings

CHUNK = 1024**2
TWO_DIGITS = frozenset(f"{number:02x}" for number in range(256))
FORGOTTEN_S = 24 * 3600
"""A staged file this old belongs to a process that was killed."""


class Blobs(Protocol):
    def staging(self) -> Path:
        """A fresh temp file name on the disk that `put` moves from; the caller writes and closes it."""

    def flush(self, key: str, staged: Path) -> None:
        """The long half of taking a staged file over: its bytes become durable. Blocks."""

    def publish(self, staged: Sequence[tuple[str, Path]]) -> None:
        """The short half, for any number of flushed files: each stands under its key, durably. Blocks.

        One that stands there already may be gone as a file; else OSError.
        """

    async def put(self, key: str, staged: Path) -> None:
        """Both halves. The same key again is a success without a write."""

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object. Raises NotFound, Unavailable."""

    async def local(self, key: str) -> Path:
        """A file to read from: the object itself on disk, or a copy fetched for this process."""

    async def delete(self, key: str) -> None: ...

    async def check(self) -> None:
        """Raises Unavailable where the store cannot be written."""


def content_key(kind: str, digest: str) -> str:
    """`dicom` and a SHA-256 hex digest -> dicom/ab/abcd…: 256 folders, so that they are made once; names never from data."""
    return f"{kind}/{digest[:2]}/{digest}"


async def put_bytes(blobs: Blobs, kind: str, content: bytes) -> tuple[str, str]:
    """Store content under its digest. Returns (key, SHA-256 hex)."""
    digest = sha256(content).hexdigest()
    staged = blobs.staging()
    await asyncio.to_thread(staged.write_bytes, content)
    key = content_key(kind, digest)
    await blobs.put(key, staged)
    return key, digest


async def chunks(blobs: Blobs, key: str, size: int) -> AsyncIterator[bytes]:
    """An object in pieces, for a streamed answer."""
    for offset in range(0, size, CHUNK):
        yield await blobs.read(key, offset, min(CHUNK, size - offset))


class Disk:
    """Objects as files below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temp = root / "tmp"
        self.temp.mkdir(parents=True, exist_ok=True)
        _sweep(self.temp)

    def staging(self) -> Path:
        return self.temp / str(new_id())

    async def put(self, key: str, staged: Path) -> None:
        await asyncio.to_thread(self._put, key, staged)

    def _put(self, key: str, staged: Path) -> None:
        self.flush(key, staged)
        self.publish([(key, staged)])

    def flush(self, key: str, staged: Path) -> None:  # noqa: ARG002 the other store needs it
        _fsync(staged)

    def publish(self, staged: Sequence[tuple[str, Path]]) -> None:
        folders = set[Path]()
        for key, file in staged:
            target = self._path(key)
            folders.add(target.parent)  # also where somebody else has just put it there: its name must last before ours counts
            if target.exists():
                file.unlink(missing_ok=True)
                continue
            self._make(target.parent)
            file.rename(target)
        for folder in folders:
            _fsync(folder)

    def _make(self, folder: Path) -> None:
        """Durably: a folder's name stands in the one above it. Folders of digests are made all at once."""
        if folder.exists():
            return
        self._make(folder.parent)
        for name in TWO_DIGITS if folder.name in TWO_DIGITS else (folder.name,):
            (folder.parent / name).mkdir(exist_ok=True)
        _fsync(folder.parent)

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        return await asyncio.to_thread(self._read, key, offset, length)

    def _read(self, key: str, offset: int, length: int | None) -> bytes:
        try:
            with self._path(key).open("rb") as file:
                file.seek(offset)
                return file.read(-1 if length is None else length)
        except FileNotFoundError:
            raise NotFound() from None

    async def local(self, key: str) -> Path:
        path = self._path(key)
        if not path.exists():
            raise NotFound()
        return path

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    async def check(self) -> None:
        if not os.access(self.temp, os.W_OK):
            raise Unavailable("the object folder cannot be written")

    def _path(self, key: str) -> Path:
        return self.root / key


class S3:
    """Objects in a bucket; `put` is a conditional create, staging and local copies live on this host's disk."""

    def __init__(self, store: S3Store, scratch: Path) -> None:
        self.store = store
        self.temp = scratch / "tmp"
        self.cache = scratch / "cache"
        for folder in (self.temp, self.cache):
            folder.mkdir(parents=True, exist_ok=True)
        _sweep(self.temp)

    def staging(self) -> Path:
        return self.temp / str(new_id())

    async def put(self, key: str, staged: Path) -> None:
        await asyncio.to_thread(self.flush, key, staged)
        self.publish([(key, staged)])

    def flush(self, key: str, staged: Path) -> None:
        try:
            # one request, so that "create" (If-None-Match) holds; a part's size is bounded by Limits.instance_bytes
            obstore.put(self.store, key, staged, mode="create", use_multipart=False)
        except AlreadyExistsError:
            pass
        except BaseError as error:
            raise Unavailable(type(error).__name__) from error

    def publish(self, staged: Sequence[tuple[str, Path]]) -> None:
        for _, file in staged:
            file.unlink(missing_ok=True)

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        try:
            if length is None and offset == 0:
                return bytes(await (await obstore.get_async(self.store, key)).bytes_async())
            end = (await obstore.head_async(self.store, key))["size"] if length is None else offset + length
            return bytes(await obstore.get_range_async(self.store, key, start=offset, end=end))
        except FileNotFoundError:
            raise NotFound() from None
        except BaseError as error:
            raise Unavailable(type(error).__name__) from error

    async def local(self, key: str) -> Path:
        path = self.cache / key.rpartition("/")[2]
        if not path.exists():
            draft = self.staging()
            draft.write_bytes(await self.read(key))
            draft.rename(path)
        return path

    async def delete(self, key: str) -> None:
        await obstore.delete_async(self.store, key)

    async def check(self) -> None:
        try:
            await obstore.list_with_delimiter_async(self.store, "dicom/")
        except (BaseError, OSError) as error:
            raise Unavailable(type(error).__name__) from error


def _sweep(temp: Path) -> None:
    """What was left behind by a kill; others may sweep at the same time."""
    for file in temp.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > FORGOTTEN_S:
                file.unlink()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_blobs(config: Settings) -> Blobs:
    """The store that `TELEHEALTH_STORAGE` names: file:///folder or s3://bucket. Raises ValueError for others."""
    address = urlsplit(config.storage_url)
    if address.scheme == "file":
        return Disk(Path(address.path))
    if address.scheme == "s3":
        options: dict[str, str] = {"region": config.s3.region}
        if config.s3.endpoint:
            options |= {"endpoint": config.s3.endpoint, "virtual_hosted_style_request": "false"}
        if config.s3.access_key:
            options |= {"access_key_id": config.s3.access_key, "secret_access_key": config.s3.secret_key.get_secret_value()}
        store = S3Store(address.netloc, config=options, client_options={"allow_http": config.s3.allow_http})  # type: ignore[arg-type]
        return S3(store, config.data / "objects-cache")
    raise ValueError(f"TELEHEALTH_STORAGE must begin with file:// or s3://, not {address.scheme}://")


@cache
def blobs() -> Blobs:
    return open_blobs(settings())
