"""The tables in a folder or a zip: which there are, and the bytes of each as a stream.

A zip may come from anybody, so nothing that it says of itself is believed: what is unpacked is counted while it is
unpacked, no name in it is ever used as a path, and only what every packer makes is taken. Of a folder, a table must be
a plain file that stands in it. Nothing is written.
"""

from __future__ import annotations

import errno
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from ledger.intake import lines
from ledger.intake.lines import refuse
from ledger.intake.tables import letter_of

ZIP_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""First bytes of a zip: of one with entries, of an empty one, of one that was cut into parts."""

Blocks = Callable[[], Iterator[bytes]]
"""Gives the bytes of one table from their beginning, in blocks; may be called again."""

_T = TypeVar("_T")


class Limits(msgspec.Struct, frozen=True):
    """How much a zip may hold. entries: names in it. unpacked_bytes: of all its tables together.

    ratio: how many times larger than the zip they may be, asked from ratio_from_bytes on: less than that does no harm,
    and a small table of equal rows packs very well.
    """

    entries: int = 1_000
    unpacked_bytes: int = 2 << 30
    ratio: int = 250
    ratio_from_bytes: int = 64 << 20


LIMITS: Final = Limits()

_LISTING_BYTES_MAX: Final = 1 << 20
"""Of a zip's list of names, which is read at once: room for a thousand names as long as people make them."""

_ARCHIVES: Final = (".zip", ".7z", ".rar", ".gz", ".tar", ".tgz")
_JUNK: Final = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
"""What systems leave in folders; names that begin with a dot or ``~$`` are junk too."""

_OUTWARD: Final = re.compile(r"/|[A-Za-z]:|(?:.*/)?\.\.(?:/|$)")
"""A name that leads out of the folder it is unpacked in: absolute, with a drive, or upwards."""


class Tables(msgspec.Struct, frozen=True):
    """What a folder or zip holds. by_letter: its tables. others: whether there are other files beside them."""

    by_letter: Mapping[str, Blocks]
    others: bool = False


def of_folder(folder: Path) -> Tables:
    """The tables of a folder; of the one folder in it, where it holds nothing else.

    Raises SubmissionRefused: ``no-tables``, ``nested-zip``, ``duplicate-table``, ``not-a-file``; OSError.
    """
    names = _names_in(folder)
    if len(names) == 1 and (folder / names[0]).is_dir() and not (folder / names[0]).is_symlink():
        folder = folder / names[0]
        names = _names_in(folder)
    found = _by_letter((name, name) for name in names)
    return Tables(
        {letter: partial(_file_blocks, _plain(folder, name)) for letter, name in found.items()},
        others=len(found) < len(names),
    )


@contextmanager
def of_zip(file: BinaryIO, limits: Limits = LIMITS) -> Iterator[Tables]:
    """The tables of a zip, at its top or in the one folder that holds everything.

    file: to be sought in; tables are read from it. Raises SubmissionRefused: ``zip-damaged``, ``zip-encrypted``,
    ``zip-entries``, ``zip-path``, ``nested-zip``, ``no-tables``, ``duplicate-table``, ``not-a-file``; and when a table
    is read ``zip-damaged``, ``zip-bomb``.
    """
    size = file.seek(0, 2)
    listed = _Listed(file, size)
    with _believed():
        archive = zipfile.ZipFile(listed)
    with archive:
        entries = archive.infolist()
        if len(entries) > limits.entries:
            refuse("zip-entries")
        found, others = _tables_among(entries)
        budget = _Budget(limits, size)
        yield Tables(
            {letter: partial(_entry_blocks, archive, letter, entry, budget) for letter, entry in found.items()}, others
        )


def _names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not _is_junk(entry.name))


def _is_junk(name: str) -> bool:
    return name.lower() in _JUNK or name.startswith((".", "~$"))


def _by_letter(named: Iterable[tuple[str, _T]]) -> dict[str, _T]:
    """The tables among things that have file names."""
    found: dict[str, _T] = {}
    nested = False
    for name, thing in named:
        letter = letter_of(name)
        if letter is None:
            nested = nested or name.lower().endswith(_ARCHIVES)
        elif letter in found:
            refuse("duplicate-table")
        else:
            found[letter] = thing
    if not found:
        refuse("nested-zip" if nested else "no-tables")
    return found


# -- a folder


def _plain(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not stat.S_ISREG(path.stat().st_mode):
        refuse("not-a-file")
    return path


def _file_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(lines.BLOCK_BYTES):
            yield block


# -- a zip


class _Listed:
    """The zip's file as the library reads it. A list of names that would not fit in memory is not read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if (self._size - self.tell() if size < 0 else size) > _LISTING_BYTES_MAX:
            refuse("zip-entries")
        return self._file.read(size)

    def close(self) -> None:
        """The file stays open: it is its owner's."""


class _Budget:
    """How much was unpacked, table by table; a table that is read again counts anew."""

    def __init__(self, limits: Limits, packed_bytes: int) -> None:
        self._limits = limits
        self._packed_bytes = packed_bytes
        self._unpacked: dict[str, int] = {}

    def begin(self, letter: str) -> None:
        self._unpacked[letter] = 0

    def take(self, letter: str, count: int) -> None:
        self._unpacked[letter] += count
        unpacked = sum(self._unpacked.values())
        is_bomb = unpacked > self._limits.ratio_from_bytes and unpacked > self._limits.ratio * self._packed_bytes
        if is_bomb or unpacked > self._limits.unpacked_bytes:
            refuse("zip-bomb")


@contextmanager
def _believed() -> Iterator[None]:
    """Whatever the library makes of bytes that are no zip, or no zip of the usual kind, is one refusal."""
    damaged = True
    try:
        yield
        damaged = False
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError):
        pass  # ValueError: a name that is no text
    except RuntimeError:
        pass  # packed in a way that the library does not have, which it says by a kind of RuntimeError
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # The zip points before its own beginning.
    if damaged:
        refuse("zip-damaged")


def _tables_among(entries: Iterable[zipfile.ZipInfo]) -> tuple[dict[str, zipfile.ZipInfo], bool]:
    """The tables, and whether there are files beside them."""
    files: list[tuple[list[str], zipfile.ZipInfo]] = []
    for entry in entries:
        name = entry.filename.replace("\\", "/")  # as some packers of Windows write it
        if _OUTWARD.match(name):
            refuse("zip-path")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if parts and not name.endswith("/") and not any(_is_junk(part) for part in parts):
            files.append((parts, entry))
    tops = {parts[0] for parts, _ in files}
    depth = 1 if len(tops) == 1 and all(len(parts) > 1 for parts, _ in files) else 0
    found = _by_letter((parts[depth], entry) for parts, entry in files if len(parts) == depth + 1)
    for entry in found.values():
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            refuse("not-a-file")
        if entry.flag_bits & 0x1:
            refuse("zip-encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            refuse("zip-damaged")
    return found, len(found) < len(files)


def _entry_blocks(archive: zipfile.ZipFile, letter: str, entry: zipfile.ZipInfo, budget: _Budget) -> Iterator[bytes]:
    budget.begin(letter)
    with _believed():
        file = archive.open(entry)
    with file:
        while True:
            with _believed():
                block = file.read(lines.BLOCK_BYTES)
            if not block:
                return
            budget.take(letter, len(block))
            yield block
