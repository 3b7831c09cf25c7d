"""What a state sends, made ready to be read: a text file, or a folder or zip of CSVs, in any encoding that is taken.

A text file in UTF-8 is read in place. Anything else is rewritten once, as a stream, into the text layout in UTF-8, and
what is rewritten goes into a sealed spool: no file of ours holds a child's data in clear. Row numbers are those of
what was sent: the lines of a text file, the rows of the tables in the layout's order.

The content hash is of what was sent. For a text file it is that of its bytes; for a folder or zip that of its tables'
bytes, so that packing the same tables again, or not at all, is the same submission.
"""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol

from ledger.errors import Conflict, SubmissionRefused
from ledger.intake import rewriting
from ledger.intake.containers import LIMITS, ZIP_MAGIC, Limits, Tables, of_folder, of_zip
from ledger.intake.encodings import Encoding, Looked, declared, decoded, look
from ledger.intake.layout import Header, read_header
from ledger.intake.lines import RECORD_BYTES_MAX, blocks, refuse
from ledger.intake.rewriting import Begin, FileFinding, as_windows_1252, warning
from ledger.intake.spool import SpoolWriter
from ledger.intake.tables import file_name_of

Kind = Literal["text", "folder", "zip"]

_HEAD_BYTES: Final = 2 * (RECORD_BYTES_MAX + 4)
"""Room for the longest first line, in UTF-16 too."""


class Sent:
    """One thing that was sent, while it is open.

    kind: what it is.
    """

    def __init__(self, kind: Kind, reading: _Reading) -> None:
        self.kind: Kind = kind
        self._reading = reading
        self._header: Header | None = None
        self._looked: Looked | None = None

    @property
    def findings(self) -> list[FileFinding]:
        """Warnings on it as a whole: complete once ``whole`` has returned."""
        return self._reading.findings

    @property
    def rewritten(self) -> bool:
        """Whether ``whole`` gives another file than the one that was sent."""
        return self._reading.rewritten

    def header(self) -> Header:
        """The header, checked by itself; little more than it is read.

        Raises SubmissionRefused: what ``layout.read_header`` raises; for a folder or zip what ``whole`` raises for the
        header's table.
        """
        if self._header is None:
            self._header = self._reading.header()
        return self._header

    def whole(self) -> Looked:
        """What ``layout.scan`` and ``layout.students`` read, as long as this is open. It is made once.

        Raises SubmissionRefused with the line of the text file, or with the table and its row: what ``header`` raises;
        ``encoding``, ``nul``, ``line-end``, ``line-too-long``; of a table also ``no-columns``, ``missing-column``,
        ``duplicate-column``, ``delimiter``, ``quoting``, ``second-header``; of a zip ``zip-damaged``, ``zip-bomb``.
        OSError where the system refuses to read it, or to write the spool.
        """
        if self._looked is None:
            self.header()  # what is no submission is refused early, however large it is
            self._looked = self._reading.whole()
        return self._looked

    def content_hash(self) -> str:
        """Of what was sent, SHA-256 in hexadecimal, also where it is refused. Raises OSError.

        Where a zip cannot be unpacked it is that of its own bytes.
        """
        return self._looked.content_hash if self._looked is not None else self._reading.content_hash()

    def place(self, number: int) -> tuple[str | None, int]:
        """Where a row stands in what was sent: its table's file name, None for a text file, and its row there."""
        return self._reading.place(number)

    def check_unchanged(self) -> None:
        """Raises Conflict where a file that is read in place was written to since it was opened; OSError."""
        self._reading.check_unchanged()


@contextmanager
def opened(source: Path | BinaryIO, spool: Path, key: bytes, *, limits: Limits = LIMITS) -> Iterator[Sent]:
    """Open what was sent, by its path, or as a binary file that can be sought in, which stays open.

    spool: where a rewritten file goes, sealed under the key of 32 bytes, if one is needed. Its folder is there; what
    stands in its place is replaced; it has no name while it is written and read, so that a killed run leaves nothing.
    Raises SubmissionRefused: ``not-a-file`` for a path that is neither file nor folder; for a folder or zip what
    ``containers.of_folder`` and ``containers.of_zip`` raise. OSError where the system refuses.
    """
    with ExitStack() as stack:
        spooled = _Spooled(spool, key, stack)
        if isinstance(source, Path):
            if source.is_dir():
                yield Sent("folder", _InTables(of_folder(source), spooled))
                return
            if not stat.S_ISREG(source.stat().st_mode):
                refuse("not-a-file")
            file: BinaryIO = stack.enter_context(source.open("rb"))
        else:
            file = source
        file.seek(0)
        head = file.read(4)
        if head in ZIP_MAGIC:
            yield Sent("zip", _InTables(stack.enter_context(of_zip(file, limits)), spooled, archive=file))
        elif head and isinstance(source, Path) and source.suffix.lower() == ".zip":
            refuse("zip-damaged")
        else:
            yield Sent("text", _InText(file, source if isinstance(source, Path) else None, spooled))


class _Reading(Protocol):
    """One kind of what is sent; the methods are those of ``Sent``."""

    findings: list[FileFinding]
    rewritten: bool

    def header(self) -> Header: ...
    def whole(self) -> Looked: ...
    def content_hash(self) -> str: ...
    def place(self, number: int) -> tuple[str | None, int]: ...
    def check_unchanged(self) -> None: ...


class _Spooled:
    """The one sealed file that a rewriting needs."""

    def __init__(self, path: Path, key: bytes, stack: ExitStack) -> None:
        self._path = path
        self._key = key
        self._stack = stack

    def file(self, write: Callable[[rewriting.Out], None]) -> BinaryIO:
        """What ``write`` writes, open to be read as long as the stack is."""
        # Made again when it is needed again, so it need not outlive a loss of power. It never has a name for longer
        # than it takes to open it: the system takes it away with the process, also with one killed while it writes.
        with SpoolWriter(self._path, self._key, durable=False, nameless=True) as out:
            write(out.write)
        return self._stack.enter_context(out.reader()).as_file()


class _InText:
    """A text file."""

    def __init__(self, file: BinaryIO, path: Path | None, spooled: _Spooled) -> None:
        self.findings: list[FileFinding] = []
        self.rewritten = False
        self._file = file
        self._path = path
        self._spooled = spooled
        self._seen = self._see()
        file.seek(0)
        self._declared: Encoding | None = declared(file.read(4))

    def header(self) -> Header:
        if self._declared in ("utf-16-le", "utf-16-be"):
            head = ""
            for text in decoded(blocks(self._file), self._declared):
                head += text
                if "\n" in head.lstrip() or len(head) > RECORD_BYTES_MAX:
                    break
            return read_header(io.BytesIO(head.encode()))
        try:
            return read_header(self._file)
        except SubmissionRefused as refusal:
            if refusal.rule != "encoding" or self._declared == "utf-8":
                raise
        # No header has letters beyond ASCII; what is wrong is the element that has them, not yet the file.
        self._file.seek(0)
        line = self._file.read(_HEAD_BYTES).partition(b"\n")[0]
        return read_header(io.BytesIO(line.decode("cp1252", "replace").encode()))

    def whole(self) -> Looked:
        blame_line: int | None = None
        encoding: Encoding = "windows-1252"
        if self._declared is None or self._declared == "utf-8":
            found = look(blocks(self._file))
            if found.utf_8:
                return Looked(self._file, found.content_hash)
            blame_line = as_windows_1252(found, marked=self._declared is not None)
            self.findings.append(warning("windows-1252"))
        else:
            encoding = self._declared
        digest = hashlib.sha256()

        def write(out: rewriting.Out) -> None:
            for text in decoded(rewriting.hashed(blocks(self._file), digest), encoding, blame_line=blame_line):
                out(text.encode())

        file = self._spooled.file(write)
        self.rewritten = True
        look(blocks(file))  # refuses what shows only in the text layout's own bytes
        return Looked(file, digest.hexdigest())

    def content_hash(self) -> str:
        return _hash_of(self._file)

    def place(self, number: int) -> tuple[str | None, int]:
        return None, number

    def check_unchanged(self) -> None:
        if not self.rewritten and self._see() != self._seen:
            raise Conflict(
                "The file was written to while it was being applied.",
                remedy="Send it again, under a Submission Date of its own, when nobody writes to it.",
            )

    def _see(self) -> tuple[int, int, int] | None:
        """What tells whether a file is still the same: its place on disk, its size, when it was last written to."""
        if self._path is None:
            return None
        found = self._path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns


class _InTables:
    """A folder or a zip."""

    def __init__(self, tables: Tables, spooled: _Spooled, *, archive: BinaryIO | None = None) -> None:
        self.findings: list[FileFinding] = []
        self.rewritten = True
        self._tables = tables
        self._spooled = spooled
        self._archive = archive
        self._begins: list[Begin] = []

    def header(self) -> Header:
        line = io.BytesIO()
        rewriting.rewrite_header(self._tables, line.write)
        return read_header(line)

    def whole(self) -> Looked:
        try:
            return self._rewritten("|")
        except rewriting.NeedsQuotes:
            return self._rewritten(",")

    def _rewritten(self, delimiter: str) -> Looked:
        done: list[rewriting.Rewritten] = []
        file = self._spooled.file(lambda out: done.append(rewriting.rewrite(self._tables, out, delimiter)))
        self.findings, self._begins = done[0].findings, done[0].begins
        return Looked(file, done[0].content_hash)

    def content_hash(self) -> str:
        try:
            return rewriting.content_hash(self._tables)
        except SubmissionRefused:
            if self._archive is None:
                raise
        return _hash_of(self._archive)

    def place(self, number: int) -> tuple[str | None, int]:
        begin = Begin("H", 1, 1)
        for table in self._begins:
            if table.number <= number:
                begin = table
        return file_name_of(begin.letter), number - begin.number + begin.own

    def check_unchanged(self) -> None:
        """Nothing to ask: what is read is a copy."""


def _hash_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    for block in blocks(file):
        digest.update(block)
    return digest.hexdigest()
