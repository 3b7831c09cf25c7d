"""Records of a delimited text file, with their places, so that any of them can be read again alone.

A *place* is a record's number (from 1, the header included; with ``|`` and tab that is its line), its offset and its
length in bytes. Knows no letters and no students: those are ``ledger.intake.layout``'s. The file never stands in
memory: at most a block and one record.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn, Protocol

from ledger import mde
from ledger.errors import SubmissionRefused

RECORD_BYTES_MAX: Final = 1_000_000
_BLOCK_BYTES: Final = 1 << 18


class Readable(Protocol):
    """What is asked of a file: both methods as of a binary file that can be sought in."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


class Place(NamedTuple):
    """Where a record begins. number: of the record, from 1. offset: in bytes."""

    number: int
    offset: int


class Record(NamedTuple):
    """One record. length: in bytes, without the end of its line where it has one line."""

    number: int
    offset: int
    length: int
    fields: list[str]


class Opening(NamedTuple):
    """The first record of a file, and where the second begins."""

    delimiter: str
    fields: list[str]
    body: Place


def refuse(rule: str, row: int | None = None, element: str | None = None) -> NoReturn:
    """Refuse the whole file. element: of the header. Raises SubmissionRefused with the rulebook's words."""
    message, remedy = mde.words(rule, "H", element)
    raise SubmissionRefused(message, rule=rule, remedy=remedy, row=row)


def opening(source: Readable) -> Opening:
    """The first record, which shows the delimiter: ``H`` and one of ``|``, tab, comma.

    Raises SubmissionRefused: ``empty``, ``encoding``, ``nul``, ``line-end``, ``line-too-long``, ``no-header``,
    ``delimiter``, ``quoting``.
    """
    source.seek(0)
    head = source.read(RECORD_BYTES_MAX + 4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        refuse("encoding", 1)
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    line, ended, _ = head[start:].partition(b"\n")
    if not head[start:].strip():
        refuse("empty")
    if len(line) > RECORD_BYTES_MAX:
        refuse("line-end" if b"\r" in line else "line-too-long", 1)
    body = Place(2, start + len(line) + len(ended))
    line = line.removesuffix(b"\r")
    if b"\0" in line:
        refuse("nul", 1)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        refuse("encoding", 1)
    quoted = text.startswith('"H"')
    if text[:1] != "H" and not quoted:
        refuse("no-header", 1)
    if b"\r" in line:
        refuse("line-end", 1)
    delimiter = text[3:4] if quoted else text[1:2]
    if delimiter not in ("|", "\t", ",") or (quoted and delimiter != ","):
        refuse("delimiter", 1)
    return Opening(delimiter, parsed(line, delimiter, 1), body)


def parsed(data: bytes, delimiter: str, number: int) -> list[str]:
    """The fields of one record. Raises SubmissionRefused (``quoting``); the bytes are known to be UTF-8."""
    text = data.decode()
    if delimiter != ",":
        return text.removesuffix("\n").removesuffix("\r").split(delimiter)
    try:
        return next(csv.reader((line + "\n" for line in text.split("\n")), strict=True), [])
    except csv.Error:
        refuse("quoting", number)


def records(source: Readable, delimiter: str, start: Place) -> Iterator[Record]:
    """Every record from a place on; blank lines are counted and left out.

    Reads at offsets of its own, so the caller may read elsewhere in between. Raises SubmissionRefused:
    ``line-too-long``, ``quoting``.
    """
    if delimiter == ",":
        yield from _quoted(source, start)
        return
    for number, offset, line in lines(source, start):
        if not is_blank(line):
            fields = line.decode().split(delimiter)
            fields[-1] = fields[-1].removesuffix("\r")
            yield Record(number, offset, len(line), fields)


def lines(source: Readable, start: Place) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and bytes of every line, blank ones too, without its line feed."""
    number, offset = start
    at, rest = offset, b""
    while True:
        source.seek(at)
        block = source.read(_BLOCK_BYTES)
        if not block:
            break
        at += len(block)
        whole = (rest + block).split(b"\n")
        rest = whole.pop()
        for line in whole:
            if len(line) > RECORD_BYTES_MAX:
                refuse("line-too-long", number)
            yield number, offset, line
            offset += len(line) + 1
            number += 1
        if len(rest) > RECORD_BYTES_MAX:
            refuse("line-too-long", number)
    if rest:
        yield number, offset, rest


def is_blank(line: bytes) -> bool:
    """Whether a line holds no row, and counts for nothing but its number."""
    return not line or line.isspace()


def _quoted(source: Readable, start: Place) -> Iterator[Record]:
    number, begun = start
    end = begun

    def texts() -> Iterator[str]:
        nonlocal end
        for _, offset, line in lines(source, start):
            end = offset + len(line) + 1
            if end - begun > RECORD_BYTES_MAX:
                refuse("line-too-long", number)
            yield line.decode() + "\n"

    # The reader asks for a line only when it needs one, so after each record `end` is where that record ends.
    reader = csv.reader(texts(), strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            refuse("line-too-long" if "larger than" in str(error) else "quoting", number)
        if fields is None:
            return
        if len(fields) > 1 or any(field.strip() for field in fields):
            yield Record(number, begun, end - begun, fields)
        number, begun = number + 1, end


class Checked:
    """A file that is read once, in order, from its beginning, while every byte of it is looked at.

    Each block is hashed (SHA-256) and refused at a NUL byte (``nul``) and at bytes that are no UTF-8 (``encoding``),
    each with the line where it stands.
    """

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._at = 0
        self._lines_before = 0

    def seek(self, offset: int, /) -> int:
        assert offset == self._at, "a checked file is read in order"
        return self._source.seek(offset)

    def read(self, size: int, /) -> bytes:
        block = self._source.read(size)
        nul = block.find(0)
        if nul >= 0:
            refuse("nul", self._line(block, nul))
        held = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            refuse("encoding", self._line(block, error.start - held))
        self._digest.update(block)
        self._at += len(block)
        self._lines_before += block.count(b"\n")
        return block

    def content_hash(self) -> str:
        """SHA-256 of what was read so far, hexadecimal: of the whole file once its end was read."""
        return self._digest.hexdigest()

    def _line(self, block: bytes, place: int) -> int:
        return self._lines_before + block.count(b"\n", 0, max(place, 0)) + 1
