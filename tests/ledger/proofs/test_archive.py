"""The zip in one form only: other tools open it, and no byte of it is free."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs import archive
from ledger.proofs.archive import Archive, ArchiveWriter, Member, directory
from ledger.proofs.doubt import Malformed

MEMBERS = {"events/00000000.bin": b"some events", "heads.bin": b"", "index.txt": "año\n".encode()}


def zipped(members: dict[str, bytes] = MEMBERS) -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    for name, data in members.items():
        writer.add(name, [data[:3], data[3:]])
    writer.finish()
    return file.getvalue()


def read_all(data: bytes) -> None:
    there = Archive(io.BytesIO(data))
    for member in there.members:
        there.whole(member.name, bytes_max=1_000)


def by_python(members: dict[str, bytes], **how) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **how) as there:
        for name, data in members.items():
            there.writestr(name, data)
    return file.getvalue()


def test_other_tools_open_it() -> None:
    with zipfile.ZipFile(io.BytesIO(zipped())) as there:
        assert there.testzip() is None
        assert {i.filename: there.read(i) for i in there.infolist()} == MEMBERS
        assert {stat.filemode(i.external_attr >> 16) for i in there.infolist()} == {"-rw-r--r--"}


def test_it_is_read_as_it_was_written() -> None:
    there = Archive(io.BytesIO(zipped()))
    assert {m.name: there.whole(m.name, bytes_max=100) for m in there.members} == MEMBERS
    assert set(there.digests) == set(MEMBERS)
    assert there.peek("index.txt", 1, 2) == "ñ".encode()
    with pytest.raises(Malformed):
        there.whole("index.txt", bytes_max=3)
    with pytest.raises(Malformed):
        there.whole("else", bytes_max=3)


@given(st.data())
def test_no_byte_outside_the_members_is_free(data: st.DataObject) -> None:
    good = zipped()
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Malformed):
        read_all(bytes(changed))


@pytest.mark.parametrize(
    "other",
    [
        by_python(MEMBERS),
        by_python({"events/00000000.bin": bytes(10_000_000)}, compression=zipfile.ZIP_DEFLATED),
        by_python({}),
        zipped() + b"behind",
        b"before" + zipped(),
        zipped() * 2,
        b"",
        zipped()[:-1],
    ],
    ids=["with dates", "a bomb", "empty", "longer behind", "longer before", "twice", "nothing", "cut off"],
)
def test_every_other_zip_is_refused(other: bytes) -> None:
    with pytest.raises(Malformed):
        Archive(io.BytesIO(other)).whole("events/00000000.bin", bytes_max=100)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "A", "a b", "a\\b", "c:x", "ñ", "", "a\x00", "x" * 81],
)
def test_a_name_that_leads_elsewhere_is_neither_written_nor_read(name: str) -> None:
    with pytest.raises(Malformed):
        ArchiveWriter(io.BytesIO()).add(name, [b"x"])
    try:
        member = Member(name, 0, 0, 0)
        hostile = member.header() + directory([member], len(member.header()))
    except (UnicodeError, struct.error):
        return
    with pytest.raises(Malformed):
        Archive(io.BytesIO(hostile))


def test_members_that_overlap_or_share_a_name_are_refused() -> None:
    member = Member("a", 1, 0xE8B7BE43, 0)
    data = member.header() + b"a"
    Archive(io.BytesIO(data + directory([member], len(data))))
    for members in ([member, member], [member, member._replace(name="b")], [member._replace(size=1_000)], []):
        with pytest.raises(Malformed):
            Archive(io.BytesIO(data + directory(members, len(data))))
    twice = member._replace(offset=len(data))
    with pytest.raises(Malformed):
        Archive(io.BytesIO(data + data + directory([member, twice], 2 * len(data))))
    writer = ArchiveWriter(io.BytesIO())
    writer.add("a", [b"a"])
    with pytest.raises(Malformed):
        writer.add("a", [b"a"])


class Sparse(io.RawIOBase):
    """A file with nothing but zeros up to ``gap``, and a few bytes behind: as far as any test needs to reach."""

    def __init__(self, first: bytes, gap: int, last: bytes) -> None:
        self.parts = {0: first, gap: last}
        self.length = gap + len(last)
        self.at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.length)[whence]
        return self.at

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.length - self.at) if size >= 0 else self.length - self.at
        data = bytearray(size)
        for start, part in self.parts.items():
            for number in range(max(start, self.at), min(start + len(part), self.at + size)):
                data[number - self.at] = part[number - start]
        self.at += size
        return bytes(data)


def test_it_reaches_beyond_four_gigabytes() -> None:
    big = archive.MEMBER_BYTES_MAX
    first = Member("events/00000000.bin", big, 0, 0)
    second = Member("events/00000001.bin", 3, 0x352441C2, first.start + big)
    third = Member("index.txt", 0, 0, second.start + 3)
    end = third.start
    members = [first, second, third]
    last = second.header() + b"abc" + third.header() + directory(members, end)
    there = Archive(Sparse(first.header(), second.offset, last))  # type: ignore[arg-type]
    assert there.whole("events/00000001.bin", bytes_max=3) == b"abc"
    assert there.members == tuple(members)
    with zipfile.ZipFile(Sparse(first.header(), second.offset, last)) as other:
        assert other.read("events/00000001.bin") == b"abc"
    with pytest.raises(Malformed):
        Archive(Sparse(first.header(), second.offset, last[:-40] + b"\x01" + last[-39:]))  # type: ignore[arg-type]


def test_writing_goes_on_behind_what_is_whole() -> None:
    chunks = {f"events/{n:08}.bin": bytes([n]) * 50 for n in range(4)} | {"index.txt": b"x"}
    done = zipped(chunks)
    for cut in range(len(done)):
        file = io.BytesIO(done[:cut])
        writer = ArchiveWriter(file)
        writer.keep("events/")
        there = {m.name: writer.read(m) for m in writer.members}
        assert list(there.items()) == list(chunks.items())[: len(there)]
        for name, data in list(chunks.items())[len(there) :]:
            writer.add(name, [data])
        writer.finish()
        assert file.getvalue() == done
