"""A zip in exactly one form: members stored as they are, one after the other, nothing before, between or behind them.

Every tool opens it, and no byte of it is free: headers have no dates, comments or extra fields, so the reader makes
them again from names, sizes and checksums and compares. That leaves no room for a bomb (nothing is compressed), for
members that overlap, for two of one name, or for a path that leads elsewhere.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import BinaryIO, NamedTuple

from ledger.proofs.doubt import Malformed

MEMBERS_MAX = 60_000
MEMBER_BYTES_MAX = 0xFFFF_FFFE
_NAME = re.compile(r"[a-z0-9]+(?:[-_./][a-z0-9]+){0,8}")
_NAME_CHARACTERS_MAX = 80
_DIRECTORY_BYTES_MAX = 64 << 20

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_END_64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR = struct.Struct("<4sIQI")
_DATE = 0x0021  # 1 January 1980, the first day that a zip knows
_UNIX_FILE = 0o100644 << 16
_MADE_BY, _NEEDS, _NEEDS_64 = 0x0314, 20, 45
_BEYOND = 0xFFFF_FFFF


class Member(NamedTuple):
    """offset: of its header in the file. crc: CRC-32 of its bytes."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def start(self) -> int:
        """Where its bytes begin."""
        return self.offset + _LOCAL.size + len(self.name)

    def header(self) -> bytes:
        """What stands before its bytes."""
        name = self.name.encode()
        return _LOCAL.pack(b"PK\x03\x04", _NEEDS, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(name), 0) + name


def directory(members: Sequence[Member], offset: int) -> bytes:
    """What stands behind the last member, from ``offset`` to the end of the file."""
    entries = []
    for m in members:
        far = m.offset >= _BEYOND
        extra = struct.pack("<HHQ", 1, 8, m.offset) if far else b""
        needs, shown = (_NEEDS_64, _BEYOND) if far else (_NEEDS, m.offset)
        fixed = _CENTRAL.pack(
            b"PK\x01\x02", _MADE_BY, needs, 0, 0, 0, _DATE, m.crc, m.size, m.size, len(m.name), len(extra), 0, 0, 0,
            _UNIX_FILE, shown,
        )  # fmt: skip
        entries.append(fixed + m.name.encode() + extra)
    body = b"".join(entries)
    far = offset >= _BEYOND
    tail = b""
    if far:
        count = len(members)
        tail = _END_64.pack(b"PK\x06\x06", 44, _MADE_BY, _NEEDS_64, 0, 0, count, count, len(body), offset)
        tail += _LOCATOR.pack(b"PK\x06\x07", 0, offset + len(body), 1)
    shown = _BEYOND if far else offset
    return body + tail + _END.pack(b"PK\x05\x06", 0, 0, len(members), len(members), len(body), shown, 0)


class Archive:
    """Reads such a zip. Raises Malformed, also from its constructor, where the file is any other zip."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members = _listed(file)
        self.digests: dict[str, str] = {}
        """SHA-256 of each member that was read to its end, by name, in hexadecimal digits."""
        self._by_name = {m.name: m for m in self.members}

    def peek(self, name: str, at: int, length: int) -> bytes:
        """Bytes of a member, from its byte ``at`` on; fewer at its end. Nothing is compared."""
        member = self._member(name)
        self._file.seek(member.start + at)
        return self._file.read(max(0, min(length, member.size - at)))

    def open(self, name: str) -> Reading:
        """A member from its beginning."""
        return Reading(self, self._member(name))

    def whole(self, name: str, *, bytes_max: int) -> bytes:
        """All of a small member."""
        reading = self.open(name)
        if reading.left > bytes_max:
            raise Malformed(f"{name} has {reading.left} bytes, and {bytes_max} are the most.")
        data = reading.read(reading.left)
        reading.ended()
        return data

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def _member(self, name: str) -> Member:
        if name not in self._by_name:
            raise Malformed(f"The bundle has no {name}.")
        return self._by_name[name]


class Reading:
    """A member while it is read. Only ``ended`` compares it with its checksum: a reader who knows better what is wrong
    with it says so first."""

    def __init__(self, archive: Archive, member: Member) -> None:
        self._archive = archive
        self.member = member
        self.left = member.size
        self._crc = 0
        self._hash = sha256()

    def read(self, length: int) -> bytes:
        """Exactly so many bytes. Raises Malformed where there are fewer."""
        if not 0 <= length <= self.left:
            raise Malformed(f"{self.member.name} is shorter than it must be.")
        data = self._archive.peek(self.member.name, self.member.size - self.left, length)
        if len(data) != length:
            raise Malformed("The bundle is cut off.")
        self._crc = zlib.crc32(data, self._crc)
        self._hash.update(data)
        self.left -= length
        return data

    def ended(self) -> None:
        """Raises Malformed where more is there, or where it is not what its checksum says."""
        if self.left:
            raise Malformed(f"{self.member.name} is longer than it must be.")
        if self._crc != self.member.crc:
            raise Malformed(f"{self.member.name} is not what its checksum says: it was changed, or damaged.")
        self._archive.digests[self.member.name] = self._hash.hexdigest()


class ArchiveWriter:
    """Writes such a zip, member by member, to a file that can be read and sought.

    Crash point: a member whose header bears its size is whole; ``resumed`` finds those and cuts off what follows.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members: list[Member] = []
        self._end = 0
        self._resume()

    def add(self, name: str, chunks: Iterable[bytes]) -> str:
        """One member; the SHA-256 of its bytes, in hexadecimal digits. Raises Malformed."""
        _must_be_name(name)
        if any(m.name == name for m in self.members) or len(self.members) >= MEMBERS_MAX:
            raise Malformed(f"{name} cannot be added: it is there, or {MEMBERS_MAX} members are.")
        started = Member(name, 0, 0, self._end)
        self._file.seek(started.offset)
        # No header yet: until the bytes behind it are there, a restart must not take it for a member.
        self._file.write(bytes(len(started.header())))
        size, crc, hashed = 0, 0, sha256()
        for chunk in chunks:
            # Whoever gives the chunks may read other members of this file meanwhile.
            self._file.seek(started.start + size)
            self._file.write(chunk)
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
            hashed.update(chunk)
            if size > MEMBER_BYTES_MAX:
                raise Malformed(f"{name} has more than {MEMBER_BYTES_MAX} bytes.")
        member = Member(name, size, crc, started.offset)
        self._file.flush()
        self._file.seek(member.offset)
        self._file.write(member.header())
        self._file.flush()
        self._end = member.start + size
        self.members.append(member)
        return hashed.hexdigest()

    def keep(self, beginning: str) -> None:
        """Of what an earlier run left, the members up to the first whose name begins otherwise."""
        kept = next((i for i, m in enumerate(self.members) if not m.name.startswith(beginning)), len(self.members))
        if kept < len(self.members):
            self._end = self.members[kept].offset
            del self.members[kept:]
            self._file.truncate(self._end)

    def read(self, member: Member) -> bytes:
        """A member's bytes again."""
        self._file.seek(member.start)
        return self._file.read(member.size)

    def finish(self) -> None:
        """The directory; after it the zip is whole."""
        self._file.seek(self._end)
        self._file.write(directory(self.members, self._end))
        self._file.truncate()
        self._file.flush()

    def _resume(self) -> None:
        """Members that an earlier run wrote whole."""
        while True:
            self._file.seek(self._end)
            fixed = self._file.read(_LOCAL.size)
            if len(fixed) < _LOCAL.size or fixed[:4] != b"PK\x03\x04":
                break
            *_, crc, size, _, name_length, _ = _LOCAL.unpack(fixed)
            name = self._file.read(name_length).decode("ascii", "replace")
            member = Member(name, size, crc, self._end)
            if member.header() != fixed + name.encode() or not _fits(self._file, member):
                break
            self.members.append(member)
            self._end = member.start + size
        self._file.truncate(self._end)


def _fits(file: BinaryIO, member: Member) -> bool:
    file.seek(member.start)
    left, crc = member.size, 0
    while left and (data := file.read(min(left, 1 << 20))):
        left, crc = left - len(data), zlib.crc32(data, crc)
    return not left and crc == member.crc


def _listed(file: BinaryIO) -> tuple[Member, ...]:
    """The members of a file that is such a zip from its first byte to its last."""
    total = file.seek(0, 2)
    offset, size = _directory_place(file, total)
    file.seek(offset)
    behind = file.read(total - offset)
    members = tuple(_central(behind[:size]))
    end = 0
    for m in members:
        _must_be_name(m.name)
        if m.offset != end:
            raise Malformed("The bundle holds bytes that belong to no member.")
        file.seek(m.offset)
        if file.read(m.start - m.offset) != m.header():
            raise Malformed(f"The header of {m.name} is not as it must be.")
        end = m.start + m.size
    if end != offset or len({m.name for m in members}) != len(members):
        raise Malformed("The bundle holds bytes that belong to no member, or two members of one name.")
    if directory(members, offset) != behind:
        raise Malformed("The directory of the bundle is not as it must be.")
    return members


def _directory_place(file: BinaryIO, total: int) -> tuple[int, int]:
    """Offset and size of the list of members."""
    file.seek(max(0, total - _END.size))
    end = file.read(_END.size)
    if len(end) < _END.size or end[:4] != b"PK\x05\x06":
        raise Malformed("This is no bundle, or it is cut off.")
    *_, size, offset, _ = _END.unpack(end)
    if offset == _BEYOND:
        file.seek(max(0, total - _END.size - _LOCATOR.size - _END_64.size))
        far = file.read(_END_64.size)
        if far[:4] != b"PK\x06\x06" or len(far) < _END_64.size:
            raise Malformed("The directory of the bundle is not as it must be.")
        *_, size, offset = _END_64.unpack(far)
    if size > _DIRECTORY_BYTES_MAX or offset + size > total or total - offset - size > 200:
        raise Malformed("The directory of the bundle is not where it must be.")
    return offset, size


def _central(data: bytes) -> Iterable[Member]:
    at = 0
    while at < len(data):
        if len(data) - at < _CENTRAL.size:
            raise Malformed("The directory of the bundle is cut off.")
        fields = _CENTRAL.unpack_from(data, at)
        crc, _, size, name_length, extra_length = fields[7:12]
        offset = fields[16]
        name = data[at + _CENTRAL.size : at + _CENTRAL.size + name_length].decode("ascii", "replace")
        at += _CENTRAL.size + name_length
        if offset == _BEYOND and extra_length == 12:
            offset = int.from_bytes(data[at + 4 : at + 12], "little")
        at += extra_length
        yield Member(name, size, crc, offset)


def _must_be_name(name: str) -> None:
    if len(name) > _NAME_CHARACTERS_MAX or not _NAME.fullmatch(name):
        raise Malformed("The bundle holds a member whose name none may have.")
