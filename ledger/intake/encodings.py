"""From bytes to text: which encoding a file is in, and its text as a stream.

UTF-8, with or without a byte order mark, is what a file should be; UTF-16 shows itself by its mark or by its first
characters; bytes that are neither are Windows-1252, where every one of them is a character of it. Whatever is no
text is refused with the line where it stands: a NUL, a broken character, a line without an end. Nothing is guessed
beyond that. Pure; a block and a line are all that stands in memory.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, Literal

import msgspec

from ledger.intake.lines import RECORD_BYTES_MAX, refuse

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "windows-1252"]

_ROW_BEHIND_CR: Final = re.compile(rb"\r[HSKDQECAI][|\t]")
"""A carriage return that ends a row where the others end in a line feed. One inside a value is that value's fault."""

_ROW_BEGUN_BEHIND_CR: Final = re.compile(rb"\r[HSKDQECAI]?\Z")
"""The same, cut off by the end of a block."""


class Looked(msgspec.Struct, frozen=True):
    """A file in the text layout, every byte of it looked at: UTF-8 throughout, without NUL and without endless lines.

    file: to be sought in, closed by whoever opened it. content_hash: SHA-256, hexadecimal, of what was sent, which may
    have been rewritten since.
    """

    file: BinaryIO
    content_hash: str


class Look(msgspec.Struct, frozen=True):
    """What one reading of a file found. content_hash: of all its bytes, where they are UTF-8.

    utf_8: whether they are. bad_line: the first that is not, None where all are. cut: the file ends inside a
    character. other: characters beyond ASCII stood before the first bad line, so it means to be UTF-8.
    """

    content_hash: str
    utf_8: bool
    bad_line: int | None = None
    cut: bool = False
    other: bool = False


def declared(head: bytes) -> Encoding | None:
    """The encoding that the first bytes show; None where they show none, and UTF-8 only by its byte order mark.

    head: the first four bytes, fewer of a shorter file. Raises SubmissionRefused (``encoding``) for UTF-32.
    """
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        refuse("encoding", 1)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    zeros = tuple(byte == 0 for byte in head)
    if zeros == (False, True, False, True):
        return "utf-16-le"
    if zeros == (True, False, True, False):
        return "utf-16-be"
    return None


def look(blocks: Iterable[bytes]) -> Look:
    """Read a file once, from its beginning, as far as it is UTF-8.

    blocks: its bytes, fewer at a time than a record may have. Raises SubmissionRefused with the line: ``nul``;
    ``line-too-long``; ``line-end`` where a lone carriage return stands between two rows.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    number, unended, other, held, tail = 1, 0, False, 0, b""
    for block in _ended(blocks):
        if (nul := block.find(0)) >= 0:
            refuse("nul", number + block.count(b"\n", 0, nul))
        if held or not block.isascii():
            try:
                other = not decoder.decode(block, final=not block).isascii() or other
            except UnicodeDecodeError as error:
                good = block[: max(error.start - held, 0)]
                bad_line = number + good.count(b"\n")
                return Look("", utf_8=False, bad_line=bad_line, cut=not block, other=other or not good.isascii())
            held = len(decoder.getstate()[0])
        digest.update(block)
        end = block.find(b"\n")
        if unended + (len(block) if end < 0 else end) > RECORD_BYTES_MAX:
            refuse("line-too-long", number)
        unended = unended + len(block) if end < 0 else len(block) - block.rfind(b"\n") - 1
        if tail or b"\r" in block:
            window = tail + block
            if window.count(b"\r") != window.count(b"\r\n") and (found := _ROW_BEHIND_CR.search(window)):
                refuse("line-end", number + window.count(b"\n", 0, found.start()))
            begun = _ROW_BEGUN_BEHIND_CR.search(window[-2:])
            tail = begun[0] if begun else b""
        number += block.count(b"\n")
    return Look(digest.hexdigest(), utf_8=True)


def decoded(blocks: Iterable[bytes], encoding: Encoding, *, blame_line: int | None = None) -> Iterator[str]:
    """The text of a file, without its byte order mark, in pieces that end anywhere.

    blame_line: the line to name where a byte is no character, instead of the one where it stands. Raises
    SubmissionRefused with the line: ``encoding``, ``nul``, ``line-too-long``.
    """
    decoder = codecs.getincrementaldecoder("cp1252" if encoding == "windows-1252" else encoding)()
    number, unended, first = 1, 0, True
    for block in _ended(blocks):
        text, bad_line = "", None
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(error.encoding)
            bad_line = blame_line or number + good.count("\n")
        if bad_line is not None:
            # Out of the handler: what a decoder says of its bytes is a child's, and goes no further.
            refuse("encoding", bad_line)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if (nul := text.find("\0")) >= 0:
            refuse("nul", number + text.count("\n", 0, nul))
        end = text.find("\n")
        if unended + (len(text) if end < 0 else end) > RECORD_BYTES_MAX:
            refuse("line-too-long", number)
        unended = unended + len(text) if end < 0 else len(text) - text.rfind("\n") - 1
        number += text.count("\n")
        if text:
            yield text


def _ended(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks, and an empty one as their end."""
    for block in blocks:
        if block:
            yield block
    yield b""
