"""Which encoding a file is in, and its text as a stream, wherever its blocks end."""

from __future__ import annotations

import codecs
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import SubmissionRefused
from ledger.intake.encodings import Encoding, Look, declared, decoded, look

CODECS: dict[Encoding, str] = {
    "utf-8": "utf-8",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "windows-1252": "cp1252",
}
TEXT = "H|OR|1\r\nD|1|001|María|Muñoz\n\nQ|1|001|€\n"


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[place : place + size] for place in range(0, len(content), size)]


def refused(content: bytes, size: int, encoding: Encoding | None = None) -> tuple[str, int | None]:
    blocks = pieces(content, size)
    with pytest.raises(SubmissionRefused) as caught:
        look(blocks) if encoding is None else list(decoded(blocks, encoding))
    return caught.value.rule, caught.value.row


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b"H|OR", None),
        (b"", None),
        (b"H", None),
        (b"H\0", None),
        ("H|OR".encode("utf-16-le")[:4], "utf-16-le"),
        ("H|OR".encode("utf-16-be")[:4], "utf-16-be"),
        (b"\xff\xfeH\0", "utf-16-le"),
        (b"\xfe\xff\0H", "utf-16-be"),
        (b"\xff\xfe", "utf-16-le"),
        (codecs.BOM_UTF8 + b"H", "utf-8"),
        (b"H\0\0\0", None),
        (b"H|\0\0", None),
        (b"\xff\xfdH|", None),
    ],
)
def test_the_first_bytes_show_an_encoding_or_none(head: bytes, encoding: Encoding | None) -> None:
    assert declared(head) == encoding


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
def test_an_encoding_that_is_not_taken_is_refused_by_its_mark(mark: bytes) -> None:
    with pytest.raises(SubmissionRefused) as caught:
        declared(mark)
    assert caught.value.rule == "encoding"


@pytest.mark.parametrize(
    ("encoding", "mark"), [("windows-1252", ""), *((e, m) for e in CODECS for m in ("", "\ufeff") if e[0] == "u")]
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_the_text_does_not_hang_on_where_a_block_ends(encoding: Encoding, size: int, mark: str) -> None:
    content = (mark + TEXT).encode(CODECS[encoding])
    assert "".join(decoded(pieces(content, size), encoding)) == TEXT


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_look_does_not_hang_on_where_a_block_ends(size: int) -> None:
    content = TEXT.encode()
    assert look(pieces(content, size)) == Look(hashlib.sha256(content).hexdigest(), utf_8=True)
    latin = look(pieces(TEXT.encode("cp1252"), size))
    assert (latin.utf_8, latin.bad_line, latin.cut, latin.other) == (False, 2, False, False)
    mixed = look(pieces(content.replace("€".encode(), b"\x80"), size))
    assert (mixed.utf_8, mixed.bad_line, mixed.cut, mixed.other) == (False, 4, False, True)
    cut = look(pieces(content[: content.index("€".encode()) + 2], size))
    assert (cut.utf_8, cut.bad_line, cut.cut, cut.other) == (False, 4, True, True)
    ascii_but_the_last = look(pieces(b"H|OR\nD|1\xc3", size))
    assert (ascii_but_the_last.bad_line, ascii_but_the_last.cut, ascii_but_the_last.other) == (2, True, False)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_what_is_no_text_is_refused_with_its_line_wherever_a_block_ends(size: int) -> None:
    assert refused(b"H|OR\nD|1\nQ|\0x\n", size) == ("nul", 3)
    assert refused(b"H|OR\nD|1\rQ|1\n", size) == ("line-end", 2)
    assert refused(b"H|OR\r\nD|1\r\nD|\xc3\xb1\rQ\t1\r\n", size) == ("line-end", 3)
    assert refused("a\nb\0".encode("utf-16-le"), size, "utf-16-le") == ("nul", 2)
    assert refused("a\nb".encode("utf-16-be") + b"\xd8\x00\x00x", size, "utf-16-be") == ("encoding", 2)
    assert refused("a\nb".encode("utf-16-le") + b"x", size, "utf-16-le") == ("encoding", 2)
    assert refused(b"a\n\n\x81", size, "windows-1252") == ("encoding", 3)
    assert refused("a\nñ".encode()[:-1], size, "utf-8") == ("encoding", 2)


@pytest.mark.parametrize("content", [b"D|1\r\nQ|1\r\n", b"D|a\rb|\nQ|1", b"D|a\rQx|\n", b"D|\r\r\nQ|1", b"D|1\r"])
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_carriage_return_that_ends_no_row_is_left_to_the_row(content: bytes, size: int) -> None:
    assert look(pieces(content, size)).utf_8


@pytest.mark.parametrize("size", [100_000, 1 << 18])
def test_a_line_of_more_than_a_megabyte_is_refused_and_one_of_a_megabyte_is_not(size: int) -> None:
    fits = b"H|OR\n" + b"x" * 1_000_000 + b"\nD|1\n" + b"y" * 1_000_000
    assert look(pieces(fits, size)).utf_8
    assert "".join(decoded(pieces(fits, size), "windows-1252")) == fits.decode()
    for encoding in (None, "windows-1252"):
        assert refused(fits.replace(b"\nD", b"x\nD"), size, encoding) == ("line-too-long", 2)
        assert refused(fits + b"y", size, encoding) == ("line-too-long", 4)


def test_an_endless_line_is_refused_before_it_is_read() -> None:
    taken = 0

    def endless():
        nonlocal taken
        yield b"H|OR\n"
        while True:
            taken += 1
            yield b"x" * (1 << 18)

    for read in (look, lambda blocks: list(decoded(blocks, "windows-1252"))):
        with pytest.raises(SubmissionRefused) as caught:
            read(endless())
        assert (caught.value.rule, caught.value.row) == ("line-too-long", 2)
    assert taken <= 10


@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from(list(CODECS)))
def test_any_bytes_are_the_text_that_they_are_or_refused(content: bytes, size: int, encoding: Encoding) -> None:
    rule, text = "", ""
    try:
        text = "".join(decoded(pieces(content, size), encoding))
    except SubmissionRefused as refusal:
        rule = refusal.rule
    try:
        known = content.decode(CODECS[encoding]).removeprefix("\ufeff")
    except UnicodeDecodeError:
        known = None
    if known is None:
        assert rule in ("encoding", "nul")
    else:
        assert (rule, text) == (("nul", "") if "\0" in known else ("", known))


@given(st.binary(max_size=300), st.integers(1, 50))
def test_a_look_agrees_with_the_decoder(content: bytes, size: int) -> None:
    content = content.replace(b"\0", b"").replace(b"\r", b"")
    bad_line = None
    try:
        content.decode()
    except UnicodeDecodeError as error:
        bad_line = content[: error.start].count(b"\n") + 1
    found = look(pieces(content, size))
    assert (found.utf_8, found.bad_line) == (bad_line is None, bad_line)
