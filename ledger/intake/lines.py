"""Records of a delimited text file, with their places, so that any of them can be read again alone.

A *place* is a record's number (from 1, the header included; with ``|`` and tab that is its line), its offset and its
length in bytes. Knows no letters and no students: those are ``ledger.intake.layout``'s. The file never stands in
memory: at most a block and one record.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn, Protocol

from ledger import mde
from ledger.errors import SubmissionRefused

RECORD_BYTES_MAX: Final = 1_000_000
TOLD_MAX: Final = 40
"""Characters of a header's value that are told at most."""
BLOCK_BYTES: int = 1 << 18
"""How much of a file is read at once."""

_SUSPECT: Final = re.compile(rb"\xc3[\x82-\x85\x8a\x8c\xa1\xa2\xaa][\xc2\xc5\xc6\xcb\xe2]")
"""UTF-8 bytes without which no value is text that was read in a wrong encoding: ``ledger.intake.mojibake`` says more.
The first of them is found as fast as memory is read, so a line that is as it should be costs next to nothing."""


class Readable(Protocol):
    """What is asked of a file: both methods as of a binary file that can be sought in."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


class Place(NamedTuple):
    """Where a record begins. number: of the record, from 1. offset: in bytes."""

    number: int
    offset: int


class Record(NamedTuple):
    """One record. length: in bytes, without the end of its line where it has one line. suspect: whether one of its
    values may have been read in a wrong encoding before it came here."""

    number: int
    offset: int
    length: int
    fields: list[str]
    suspect: bool


class Opening(NamedTuple):
    """The first record of a file, and where the second begins."""

    delimiter: str
    fields: list[str]
    body: Place


def refuse(rule: str, row: int | None = None, element: str | None = None, says: str = "") -> NoReturn:
    """Refuse the whole file. element: key of the header's, if one is wrong. says: a sentence on what it says.

    A value of the header is nobody's: state, dates and totals. No other value of a file is told here. Raises
    SubmissionRefused with the rulebook's words.
    """
    message, remedy = mde.words(rule, "H", element)
    raise SubmissionRefused(f"{message} {says}".rstrip(), rule=rule, remedy=remedy, row=row, element=element)


def quoted(value: str) -> str:
    """A value of the header as it is told: what a line can hold of it, cut off where it is too long to be one."""
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value)
    return f'"{plain[:TOLD_MAX]}{"…" * (len(plain) > TOLD_MAX)}"'


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
    """The fields of one record. Raises SubmissionRefused (``quoting``, ``line-end``, ``encoding``)."""
    text = text_of(data, number)
    if delimiter != ",":
        fields = text.removesuffix("\n").removesuffix("\r").split(delimiter)
        return list(map(unquoted, fields)) if delimiter == "\t" else fields
    try:
        return next(csv.reader((line + "\n" for line in text.split("\n")), strict=True), [])
    except csv.Error as error:
        refuse(quoting_rule(error), number)


def unquoted(field: str) -> str:
    """A field of a file with tabs as it was before a spreadsheet quoted it: one that held a comma or a quote.

    Such a file may come from another program too, so whatever is not quoted as RFC 4180 says stays as it is.
    """
    if len(field) < 2 or field[0] != '"' or field[-1] != '"':
        return field
    inner = field[1:-1]
    return field if '"' in inner.replace('""', "") else inner.replace('""', '"')


def quoting_rule(error: csv.Error) -> str:
    """The rule that a record breaks which the reader of quoted fields gave up."""
    said = str(error)
    if "larger than" in said:
        return "line-too-long"
    return "line-end" if "new-line character" in said else "quoting"


def is_suspect(data: bytes) -> bool:
    """Whether one of a record's values may have been read in a wrong encoding before it came here."""
    return _SUSPECT.search(data) is not None


def text_of(data: bytes, number: int) -> str:
    """The text of a record's bytes. Raises SubmissionRefused (``encoding``)."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        # Its words would hold the bytes, which are a child's.
        pass
    refuse("encoding", number)


def records(source: Readable, delimiter: str, start: Place) -> Iterator[Record]:
    """Every record from a place on; blank lines are counted and left out.

    Reads at offsets of its own, so the caller may read elsewhere in between. Raises SubmissionRefused:
    ``line-too-long``, ``quoting``, ``line-end``, and ``encoding`` where bytes are no UTF-8 that were when the file was
    looked at.
    """
    if delimiter == ",":
        yield from _quoted(source, start)
        return
    of_a_spreadsheet = delimiter == "\t"
    for number, offset, line in lines(source, start):
        if not is_blank(line):
            fields = text_of(line, number).split(delimiter)
            fields[-1] = fields[-1].removesuffix("\r")
            if of_a_spreadsheet and b'"' in line:
                fields = list(map(unquoted, fields))
            yield Record(number, offset, len(line), fields, _SUSPECT.search(line) is not None)


def lines(source: Readable, start: Place) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and bytes of every line, blank ones too, without its line feed."""
    number, offset = start
    at, rest = offset, b""
    while True:
        source.seek(at)
        block = source.read(BLOCK_BYTES)
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


def blocks(source: Readable) -> Iterator[bytes]:
    """Every byte of a file, from its beginning."""
    at = 0
    while True:
        source.seek(at)
        block = source.read(BLOCK_BYTES)
        if not block:
            return
        at += len(block)
        yield block


def is_blank(line: bytes) -> bool:
    """Whether a line holds no row, and counts for nothing but its number."""
    return not line or line.isspace()


def _quoted(source: Readable, start: Place) -> Iterator[Record]:
    number, begun = start
    end = begun
    suspect = False

    def texts() -> Iterator[str]:
        nonlocal end, suspect
        for _, offset, line in lines(source, start):
            end = offset + len(line) + 1
            if end - begun > RECORD_BYTES_MAX:
                refuse("line-too-long", number)
            suspect = suspect or _SUSPECT.search(line) is not None
            yield text_of(line, number) + "\n"

    # The reader asks for a line only when it needs one, so after each record `end` is where that record ends.
    reader = csv.reader(texts(), strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            refuse(quoting_rule(error), number)
        if fields is None:
            return
        if len(fields) > 1 or any(field.strip() for field in fields):
            yield Record(number, begun, end - begun, fields, suspect)
        number, begun, suspect = number + 1, end, False
