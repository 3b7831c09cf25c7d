"""The tables of a folder or zip, rewritten as one file in the text layout.

Each table is read twice: once to learn its encoding, once to be put into the layout's columns. Rows are numbered as
``ledger.intake.tables`` says; where each table's begin is kept, so that a row can be named as it was sent. Whatever is
wrong with a table is refused with the name of its file and its row there.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

import msgspec

from ledger import rulebook
from ledger.errors import SubmissionRefused
from ledger.events import submission as said
from ledger.intake.containers import Blocks, Tables
from ledger.intake.encodings import Encoding, Look, declared, decoded, look
from ledger.intake.lines import refuse
from ledger.intake.tables import LETTERS, columns_of, file_name_of, records_of, text_lines

Out = Callable[[bytes], object]
"""Takes what is written."""

_TABLES_HASH: Final = b"sojourn tables 1\n"
_FLUSH_CHARACTERS: Final = 1 << 16


class FileFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A warning on what was sent as a whole, with the words of the rulebook.

    table: name of the table's file (``Demographics.csv``); None for a text file, and for a folder or zip as a whole.
    columns: of that table, from 1, where they are what the rule speaks of. Their names are not kept: in a table that
    lacks its first row they would be a child's data.
    """

    rule: str
    message: str
    remedy: str
    level: str = "warned"
    table: str | None = None
    columns: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        """``Demographics.csv, columns 3, 7``; empty for what was sent as a whole."""
        if self.table is None:
            return ""
        numbers = ", ".join(map(str, self.columns))
        return f"{self.table}, column{'s' * (len(self.columns) > 1)} {numbers}" if numbers else self.table


class Begin(msgspec.Struct, frozen=True):
    """Where a table's rows begin. number: of its first row in the rewritten file. own: of the same row in its own."""

    letter: str
    number: int
    own: int


class Rewritten(msgspec.Struct, frozen=True):
    """What a rewriting learned. content_hash: SHA-256, hexadecimal, over the tables' bytes in the layout's order."""

    content_hash: str
    findings: list[FileFinding]
    begins: list[Begin]


class NeedsQuotes(Exception):
    """A value holds what ends a field or a row where nothing is quoted."""


def rewrite(tables: Tables, out: Out, delimiter: str) -> Rewritten:
    """Write all tables, the header first.

    delimiter: ``|`` is read fastest; a comma takes any value. Raises NeedsQuotes where ``|`` does not do, and
    SubmissionRefused: ``no-header``, ``second-header``; what ``tables.columns_of``, ``tables.records_of``,
    ``encodings.look`` and ``encodings.decoded`` raise; what reading a table raises, OSError too.
    """
    return _Rewriting(tables, out, delimiter).run(LETTERS)


def rewrite_header(tables: Tables, out: Out) -> None:
    """Write the header alone. Raises as ``rewrite``."""
    _Rewriting(tables, out, ",").run("H")


def content_hash(tables: Tables) -> str:
    """The hash that ``rewrite`` gives, also where it would refuse. Raises what reading a table raises."""
    digest = hashlib.sha256(_TABLES_HASH)
    for letter in LETTERS:
        if letter in tables.by_letter:
            own = hashlib.sha256()
            for block in tables.by_letter[letter]():
                own.update(block)
            digest.update(_hash_of_table(letter, own))
    return digest.hexdigest()


def warning(rule: str, letter: str | None = None, columns: tuple[int, ...] = ()) -> FileFinding:
    """The finding of a rule on a whole file, with its words. Raises KeyError for an unknown rule."""
    return _finding(rule, None if letter is None else file_name_of(letter), columns)


def file_finding(kept: said.FileWarning, language: str = "en") -> FileFinding:
    """What was warned of, with its words; none where this release no longer has the rule."""
    return _finding(kept.rule, kept.table, kept.columns, language)


def _finding(rule: str, table: str | None, columns: tuple[int, ...], language: str = "en") -> FileFinding:
    message, remedy = rulebook.words(rule, language) if rule in rulebook.RULES else ("", "")
    return FileFinding(rule=rule, message=message, remedy=remedy, table=table, columns=columns)


def as_windows_1252(found: Look, *, marked: bool) -> int | None:
    """What to do with a file that was found to be no UTF-8: read it as Windows-1252, or refuse it (``encoding``).

    marked: it says by its mark that it is UTF-8. Gives the line to blame where a byte is no character of Windows-1252
    either: in a file that has both encodings it is the line that is no UTF-8; None for the line of that byte.
    """
    if marked or (found.cut and found.other):
        # It means to be UTF-8, and is damaged or cut off.
        refuse("encoding", found.bad_line)
    return found.bad_line if found.other else None


class _Rewriting:
    def __init__(self, tables: Tables, out: Out, delimiter: str) -> None:
        self._tables = tables
        self._out = _Utf8(out)
        # CRLF, because the writer quotes a value that holds a character of the line end.
        quoting = csv.writer(self._out, lineterminator="\r\n")
        self._write = quoting.writerow if delimiter == "," else self._write_bars
        self._digest = hashlib.sha256(_TABLES_HASH)
        self._number = 1
        self._findings: list[FileFinding] = []
        self._begins: list[Begin] = []

    def run(self, letters: Iterable[str]) -> Rewritten:
        if self._tables.others:
            self._findings.append(warning("unknown-file"))
        if "H" not in self._tables.by_letter:
            refuse("no-header")
        there = [letter for letter in letters if letter in self._tables.by_letter]
        # All are looked at before any is rewritten: what is no text, or too much of it, is told at once.
        encodings: dict[str, tuple[Encoding, int | None]] = {}
        for letter in there:
            with _named(letter):
                encodings[letter] = self._encoding_of(letter, self._tables.by_letter[letter])
        for letter in there:
            with _named(letter):
                self._table(letter, self._tables.by_letter[letter], *encodings[letter])
        self._out.flush()
        return Rewritten(self._digest.hexdigest(), self._findings, self._begins)

    def _table(self, letter: str, blocks: Blocks, encoding: Encoding, blame_line: int | None) -> None:
        own = hashlib.sha256()
        lines = text_lines(decoded(hashed(blocks(), own), encoding, blame_line=blame_line))
        columns = columns_of(letter, lines)
        if columns is not None:
            if columns.unknown:
                self._findings.append(warning("unknown-column", letter, columns.unknown))
            self._begins.append(Begin(letter, self._number, columns.row + 1))
            records = records_of(letter, columns, lines)
            if letter == "H":
                self._header(records, columns.row + 1)
            else:
                self._body(records)
        elif letter == "H":
            refuse("no-header")
        self._digest.update(_hash_of_table(letter, own))

    def _body(self, records: Iterable[list[str] | None]) -> None:
        for record in records:
            if record is None:
                self._out.write("\n")
            else:
                self._write(record)
            self._number += 1

    def _header(self, records: Iterable[list[str] | None], number: int) -> None:
        """The one row of the header's table: row 1, whatever blank rows stand about it."""
        found = False
        for own, record in enumerate(records, number):
            if record is not None:
                if found:
                    refuse("second-header", own)
                self._begins[-1] = Begin("H", 1, own)
                self._write(record)
                found = True
        if not found:
            refuse("no-header")
        self._number = 2

    def _write_bars(self, record: list[str], /) -> None:
        row = "|".join(record)
        if row.count("|") >= len(record) or "\n" in row or "\r" in row:
            raise NeedsQuotes
        self._out.write(row + "\n")

    def _encoding_of(self, letter: str, blocks: Blocks) -> tuple[Encoding, int | None]:
        reading = blocks()
        first = next(reading, b"")
        encoding = declared(first[:4])
        if encoding is not None and encoding != "utf-8":
            return encoding, None
        found = look(chain((first,), reading))
        if found.utf_8:
            return "utf-8", None
        blame_line = as_windows_1252(found, marked=encoding is not None)
        self._findings.append(warning("windows-1252", letter))
        return "windows-1252", blame_line


class _Utf8:
    """Takes text and hands it on in UTF-8, many rows at a time."""

    def __init__(self, out: Out) -> None:
        self._out = out
        self._held: list[str] = []
        self._size = 0

    def write(self, text: str, /) -> int:
        self._held.append(text)
        self._size += len(text)
        if self._size > _FLUSH_CHARACTERS:
            self.flush()
        return len(text)

    def flush(self) -> None:
        self._out("".join(self._held).encode())
        self._held.clear()
        self._size = 0


@contextmanager
def _named(letter: str) -> Iterator[None]:
    """Name the table's file where it is refused."""
    try:
        yield
    except SubmissionRefused as refusal:
        table = file_name_of(letter)
        raise SubmissionRefused(
            f"{table}: {refusal.what}",
            rule=refusal.rule,
            remedy=refusal.remedy,
            element=refusal.element,
            row=refusal.row,
            table=table,
        ) from None


def hashed(blocks: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    """The same blocks; the digest takes each as it passes."""
    for block in blocks:
        digest.update(block)
        yield block


def _hash_of_table(letter: str, own: Any) -> bytes:
    return letter.encode() + own.digest()
