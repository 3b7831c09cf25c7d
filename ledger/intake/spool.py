"""A sealed temporary file: written once, as a stream, then read from any place by whoever has the key.

What was sent holds children's data and must not stand in clear in any file of ours. The content is cut into blocks,
each sealed by AES-256-GCM; the nonce is the block's number and whether it is the last, so blocks cannot change places
and a file that was cut off does not open (the STREAM construction; Hoang, Reyhanitabar, Rogaway and Vizar, 2015). Each
file has a salt of its own and its keys are HKDF-SHA256 (RFC 5869) of the caller's with it, so one key may seal many.

A file that is damaged, cut off or sealed under another key is a SpoolBroken, which names the file and nothing of what
stands in it. Whatever else the system refuses (no room, no permission) is an OSError as it comes.
"""

from __future__ import annotations

import errno
import io
import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final, Self, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

KEY_BYTES: Final = 32
BLOCK_BYTES: Final = 1 << 14
"""Content of one block: small enough that one row can be read alone, large enough that its seal costs nothing."""

_MAGIC: Final = b"sojourn spool 1\n"
_SALT_BYTES: Final = 16
_CHECK_BYTES: Final = 16
_HEAD_BYTES: Final = len(_MAGIC) + _SALT_BYTES + _CHECK_BYTES
_TAG_BYTES: Final = 16
_SEALED_BYTES: Final = BLOCK_BYTES + _TAG_BYTES
_OPENED_MAX: Final = 64
"""Blocks kept open: rows of one student are read from every table in turn."""


class SpoolBroken(OSError):
    """The sealed file cannot be opened: damaged, cut off, or sealed under another key. filename: which."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.EIO, what, str(path))


class SpoolWriter:
    """A sealed file being written. Leaving the ``with`` block closes it, or removes it where an error left the block.

    path: of the file; one that stands there, left by a run that was killed, is replaced. key: 32 bytes. durable:
    whether the file is on the disk once ``close`` has returned. nameless: the file loses its name at once, is read by
    ``reader`` alone, and goes with the process, however that ends. Raises OSError.
    """

    def __init__(self, path: Path, key: bytes, *, durable: bool = True, nameless: bool = False) -> None:
        self._path = path
        self._key = key
        self._durable = durable
        salt = os.urandom(_SALT_BYTES)
        self._seal, check = _keys(key, salt)
        self._number = 0
        self._waiting = bytearray()
        with suppress(FileNotFoundError):
            path.unlink()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=1 << 18)
        self._nameless: int | None = None
        if nameless:
            path.unlink()
            self._nameless = os.dup(self._file.fileno())
        self._file.write(_MAGIC + salt + check)

    def write(self, data: ReadableBuffer) -> int:
        """Take bytes, how many."""
        view = memoryview(data)
        self._waiting += view
        if len(self._waiting) > BLOCK_BYTES:
            # What may be the last block waits until it is known to be.
            whole = (len(self._waiting) - 1) // BLOCK_BYTES * BLOCK_BYTES
            ready = bytes(memoryview(self._waiting)[:whole])
            del self._waiting[:whole]
            for place in range(0, whole, BLOCK_BYTES):
                self._write_block(ready[place : place + BLOCK_BYTES], last=False)
        return len(view)

    def close(self) -> None:
        """Seal the last block; the file is whole. Again is nothing. Raises OSError, and removes the file first."""
        if self._file.closed:
            return
        try:
            self._write_block(bytes(self._waiting), last=True)
            self._file.flush()
            if self._durable:
                os.fsync(self._file.fileno())
            self._file.close()
            if self._durable:
                _fsync_folder(self._path.parent)
        except OSError:
            self.abandon()
            raise

    def reader(self) -> SpoolReader:
        """Of a file that was written without a name and closed; once. Raises SpoolBroken, OSError."""
        assert self._file.closed, "what is not whole is not read"
        assert self._nameless is not None, "one that has a name is opened by its name"
        handle, self._nameless = self._nameless, None
        return SpoolReader(self._path, self._key, handle=handle)

    def abandon(self) -> None:
        """Remove what was written."""
        with suppress(OSError):
            self._file.close()
        if self._nameless is not None:
            os.close(self._nameless)
            self._nameless = None
        else:
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _write_block(self, content: bytes, *, last: bool) -> None:
        self._file.write(self._seal.encrypt(_nonce(self._number, last=last), content, _MAGIC))
        self._number += 1


class SpoolReader(io.RawIOBase):
    """A sealed file as a binary file that is read and sought in. Not for several threads at once.

    key: 32 bytes, the one it was written under. handle: of a file that has no name any more; it is closed with this
    one, and the path only names it in errors. Raises SpoolBroken, where it is opened for a file that is not whole and
    where it is read for a block that is damaged; OSError.
    """

    def __init__(self, path: Path, key: bytes, *, handle: int | None = None) -> None:
        super().__init__()
        self._path = path
        self._file = path.open("rb", buffering=0) if handle is None else os.fdopen(handle, "rb", buffering=0)
        try:
            self._open(key)
        except BaseException:
            self._file.close()
            raise

    def _open(self, key: bytes) -> None:
        head = os.pread(self._file.fileno(), _HEAD_BYTES, 0)
        sealed = os.fstat(self._file.fileno()).st_size - _HEAD_BYTES
        self._last = max(sealed - 1, 0) // _SEALED_BYTES
        self._size = sealed - (self._last + 1) * _TAG_BYTES
        if not head.startswith(_MAGIC) or self._size < self._last * BLOCK_BYTES:
            raise SpoolBroken(self._path, "The sealed file is damaged or cut off")
        salt, check = head[len(_MAGIC) : -_CHECK_BYTES], head[-_CHECK_BYTES:]
        self._seal, own_check = _keys(key, salt)
        if own_check != check:
            raise SpoolBroken(self._path, "The file is sealed under another key, or damaged")
        self._opened: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0
        self._block(self._last)  # opens only where nothing is cut off behind

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "Before the beginning of the file", str(self._path))
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as asked for, fewer only at the end."""
        left = max(self._size - self._at, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if not wanted:
            return b""
        first, begin = divmod(self._at, BLOCK_BYTES)
        last = (self._at + wanted - 1) // BLOCK_BYTES
        self._at += wanted
        if first == last:
            return self._block(first)[begin : begin + wanted]
        content = b"".join([self._block(number) for number in range(first, last + 1)])
        return content[begin : begin + wanted]

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()

    def as_file(self) -> BinaryIO:
        """This reader, for those who ask for a binary file by its type."""
        return cast("BinaryIO", self)

    def _block(self, number: int) -> bytes:
        found = self._opened.get(number)
        if found is not None:
            self._opened.move_to_end(number)
            return found
        sealed = os.pread(self._file.fileno(), _SEALED_BYTES, _HEAD_BYTES + number * _SEALED_BYTES)
        try:
            content = self._seal.decrypt(_nonce(number, last=number == self._last), sealed, _MAGIC)
        except InvalidTag:
            content = None
        if content is None:
            raise SpoolBroken(self._path, "A block of the sealed file is damaged or cut off")
        self._opened[number] = content
        if len(self._opened) > _OPENED_MAX:
            self._opened.popitem(last=False)
        return content


def _keys(key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """What seals the blocks of one file, and what tells its key from another."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key of a sealed file has {KEY_BYTES} bytes")
    made = HKDF(SHA256(), KEY_BYTES + _CHECK_BYTES, salt, b"sojourn spool").derive(key)
    return AESGCM(made[:KEY_BYTES]), made[KEY_BYTES:]


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes((last,))


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
