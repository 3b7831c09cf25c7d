"""Text files: encodings, ends of lines, headers, and what is no submission at all."""

from __future__ import annotations

import codecs
import gzip
import random
import struct
from collections.abc import Iterator

from support.broken_files import (
    DELIMITERS,
    ENDS,
    HEADER,
    ROWS,
    BrokenFile,
    Found,
    Refusal,
    claiming,
    file_of,
    text_of,
)

ENCODINGS = {
    "utf-8": (b"", "utf-8"),
    "utf-8 with its mark": (codecs.BOM_UTF8, "utf-8"),
    "utf-16 le with its mark": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16 be with its mark": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "utf-16 le": (b"", "utf-16-le"),
    "utf-16 be": (b"", "utf-16-be"),
    "windows-1252": (b"", "cp1252"),
}
AS_1252 = (("windows-1252", None),)


def cases() -> Iterator[BrokenFile]:
    yield from _dresses()
    yield from _habits()
    yield from _wrong_bytes()
    yield from _misread_before()
    yield from _line_ends()
    yield from _headers()
    yield from _totals()
    yield from _too_much()
    yield from _no_submissions()


def _dresses() -> Iterator[BrokenFile]:
    for encoding, (mark, codec) in ENCODINGS.items():
        for delimiter, sign in DELIMITERS.items():
            for end, line_end in ENDS.items():
                content = mark + text_of(delimiter=sign, end=line_end).encode(codec)
                warned = AS_1252 if encoding == "windows-1252" else ()
                yield BrokenFile(f"text in {encoding}, {delimiter}, {end}", file_of(content), warned=warned)


def _habits() -> Iterator[BrokenFile]:
    plain = text_of()
    rows = list(ROWS)
    by_table = sorted(rows, key=lambda row: "SKDQECAI".index(row[0]))
    quoted = text_of(delimiter=",").replace("Muñoz", '"Muñoz"').replace("H,OR", '"H",OR')
    for name, content in {
        "no last line feed": text_of(last_end=False),
        "no last line feed, utf-16": b"\xff\xfe" + text_of(last_end=False).encode("utf-16-le"),
        "blank lines between rows": plain.replace("\nQ|", "\n\nQ|").replace("\nS|", "\n  \nS|") + "\n\n",
        "blank lines, crlf": text_of(end="\r\n").replace("\r\nS|", "\r\n\r\nS|"),
        "mixed ends of lines": plain.replace("\nD|", "\r\nD|"),
        "two carriage returns before the line feed": plain.replace("\nD|", "\r\r\nD|"),
        "trailing delimiters": plain.replace("\n", "||||\n"),
        "rows by table": text_of(by_table),
        "rows by table, comma": text_of(by_table, delimiter=","),
        "child rows before those of an earlier student": text_of([*rows[:4], *rows[6:], *rows[4:6]]),
        "blanks about values": plain.replace("|María José|", "|  María José |").replace("|Pablo|", "|\u00a0Pablo|"),
        "accents apart from their letters": plain.replace("ñ", "n\u0303").replace("Á", "A\u0301"),
        "dates with hyphens": plain.replace("|20120314|", "|2012-03-14|").replace("|20250418|M", "|2025-04-18|M"),
        "unpadded student record ids": plain.replace("|0000001|", "|1|").replace("|0000002|", "|02|"),
        "unpadded record ids": plain.replace("|001|", "|1|"),
        "quoted fields": quoted,
        "quoted header": quoted.replace("\nS,", '\n"S",'),
        "codes in small letters": plain.replace("|Yes|", "|YES|").replace("|Male|", "|MALE|"),
    }.items():
        yield BrokenFile(f"text: {name}", file_of(content))
    yield BrokenFile("text without a suffix", file_of(plain, "NIGHT"))
    yield BrokenFile("text named csv", file_of(text_of(delimiter=","), "OR.CSV"))
    yield BrokenFile("text named as a hidden file", file_of(plain, ".night"))
    yield BrokenFile(
        "header alone", file_of(text_of([], header=claiming([])))
        , applied=(), as_sent=False,
    )  # fmt: skip


def _wrong_bytes() -> Iterator[BrokenFile]:
    plain = text_of()
    latin = plain.encode("cp1252")
    for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D):
        content = latin.replace(b"Efrain", b"Wil" + bytes((byte,)) + b"ber")
        yield BrokenFile(
            f"byte {byte:02x}, which windows-1252 does not have", file_of(content), refused=Refusal("encoding", 9)
        )
    whole = plain.encode()
    yield BrokenFile(
        "utf-8 cut off inside a character",
        file_of(whole[: whole.rindex("ñ".encode()) + 1]),
        refused=Refusal("encoding", 15),
    )
    yield BrokenFile(
        "utf-8 by its mark, with a byte of windows-1252",
        file_of(codecs.BOM_UTF8 + whole.replace(b"Efrain", b"Wilb\xe9r")),
        refused=Refusal("encoding", 9),
    )
    yield BrokenFile(
        "utf-8 and windows-1252 in one file, with a character that only utf-8 has",
        file_of(whole.replace(b"Lupe", b"L\xfape")),
        refused=Refusal("encoding", 15),  # of the byte that is no UTF-8, not of the Á that is
    )
    mixed = text_of([row.replace("Á", "A").replace("í", "i") for row in ROWS])
    yield BrokenFile(
        "utf-8 and windows-1252 in one file, told apart value by value",
        file_of(mixed.encode().replace("Núñez".encode(), "Núñez".encode("cp1252"))),
        warned=AS_1252,
        found=(
            Found(4, "D", "mojibake", "first_name", "warned"),
            Found(4, "D", "mojibake", "middle_name", "warned"),
            Found(4, "D", "mojibake", "last_name_1", "warned"),
            Found(4, "D", "mojibake", "male_parent_last_name", "warned"),
            Found(4, "D", "mojibake", "female_parent_first_name", "warned"),
        ),
        as_sent=False,
    )
    yield BrokenFile(
        "header with a byte of windows-1252",
        file_of(latin.replace(b"H|OR|", b"H|O\xd1|")),
        refused=Refusal("header", 1),
    )
    wide = plain.encode("utf-16-le")
    for name, content, refused in (
        ("utf-16 with half a character at its end", b"\xff\xfe" + wide + b"x", Refusal("encoding", 17)),
        (
            "utf-16 with half a pair",
            b"\xff\xfe" + wide.replace("Lupe".encode("utf-16-le"), b"L\0\x00\xd8pe"[:6] + b"e\0"),
            Refusal("encoding", 15),
        ),
        (
            "utf-16 with a nul",
            b"\xff\xfe" + wide.replace("Lupe".encode("utf-16-le"), "Lu\0e".encode("utf-16-le")),
            Refusal("nul", 15),
        ),
        ("utf-16 with the other order's mark", b"\xfe\xff" + wide, Refusal("no-header", 1)),
        ("utf-16, nothing behind its mark", b"\xff\xfe", Refusal("empty")),
        ("utf-16, blank lines alone", b"\xff\xfe" + "\r\n \r\n".encode("utf-16-le"), Refusal("empty")),
        ("utf-16 that begins with a blank line", ("\n" + plain).encode("utf-16"), Refusal("no-header", 1)),
        ("utf-32 le", codecs.BOM_UTF32_LE + plain.encode("utf-32-le"), Refusal("encoding", 1)),
        ("utf-32 be", codecs.BOM_UTF32_BE + plain.encode("utf-32-be"), Refusal("encoding", 1)),
        ("utf-32 without its mark", plain.encode("utf-32-le"), Refusal("nul", 1)),
        ("ebcdic", plain.encode("cp037", "replace"), Refusal("no-header", 1)),
        ("nul bytes at the beginning", b"\0" * 100 + whole, Refusal("nul", 1)),
        ("nul in the header", whole.replace(b"H|OR", b"H|OR\0"), Refusal("nul", 1)),
        ("nul in a value", whole.replace(b"Efrain", b"Wil\0ber"), Refusal("nul", 9)),
        ("nul bytes at the end", whole + b"\0" * 4096, Refusal("nul", 17)),
        ("nul in windows-1252", latin.replace(b"Lupe", b"Lu\0e"), Refusal("nul", 15)),
    ):  # fmt: skip
        yield BrokenFile(name, file_of(content), refused=refused)


def _misread_before() -> Iterator[BrokenFile]:
    """Text that was misread before it came here."""
    for times in (1, 2):
        for value, element, row in (
            ("María José", "first_name", 4),
            ("Muñoz", "last_name_1", 4),
            ("Núñez", "last_name_1", 15),
            ("Ramírez", "last_name_2", 9),
            ("Ávila", "last_name_2", 4),
        ):
            rows = [
                row_.replace(f"|{value}", f"|{misread(value, times)}", 1) if number == row else row_
                for number, row_ in enumerate(ROWS, 2)
            ]
            yield BrokenFile(
                f"{value} misread {'once' if times == 1 else 'twice'}",
                file_of(text_of(rows)),
                found=(Found(row, "D", "mojibake", element, "warned"),),
            )
    for name, row, before, after, element in (
        ("in a place", 5, "|Madera|", f"|{misread('Mérida')}|", "qualifying_move_from_city"),
        ("in a school", 6, "Valor Middle School", misread("Peña’s School"), "school_or_project_name"),
        ("in a comma file", 4, "|Inés|", f"|{misread('Inés')}|", "middle_name"),
        ("as latin-1", 4, "|Ávila||", "|Ã\x81vila||", "last_name_2"),
        ("in capital letters", 4, "|Muñoz|Ávila", f"|{misread('MUÑOZ')}|Ávila", "last_name_1"),
    ):
        rows = [row_.replace(before, after, 1) if number == row else row_ for number, row_ in enumerate(ROWS, 2)]
        yield BrokenFile(
            f"misread {name}",
            file_of(text_of(rows, delimiter="," if "comma" in name else "|")),
            found=(Found(row, ROWS[row - 2][0], "mojibake", element, "warned"),),
            as_sent="comma" in name or "latin" in name,
        )
    for name in ("JOÃO", "CONCEIÇÃO", "SÃO", "Ã", "José Ã©", "IRMÃ\u00a0DULCE", "CAFÉ™"):
        rows = [row.replace("|Efrain|", f"|{name}|") for row in ROWS]
        yield BrokenFile(f"honest letters: {name}", file_of(text_of(rows)), as_sent=False)
    latin = text_of([row.replace("Efrain", "José").replace("Isaí", "IsaÃ\xad") for row in ROWS]).encode("cp1252")
    yield BrokenFile(
        "windows-1252 with one value misread before",
        file_of(latin),
        warned=AS_1252,
        found=(Found(9, "D", "mojibake", "middle_name", "warned"),),
        as_sent=False,
    )


def misread(text: str, times: int = 1) -> str:
    """UTF-8 read as Windows reads 1252, written again; so many times."""
    for _ in range(times):
        text = "".join(
            chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes((byte,)).decode("cp1252")
            for byte in text.encode()
        )
    return text


def _line_ends() -> Iterator[BrokenFile]:
    plain = text_of()
    for name, content, refused in (
        ("carriage returns alone", plain.replace("\n", "\r"), Refusal("line-end", 1)),
        ("carriage returns alone, tab", text_of(delimiter="\t", end="\r"), Refusal("line-end", 1)),
        ("carriage returns alone, comma", text_of(delimiter=",", end="\r"), Refusal("line-end", 1)),
        (
            "carriage returns alone, utf-16",
            b"\xff\xfe" + text_of(end="\r").encode("utf-16-le"),
            Refusal("line-end", 1),
        ),
        ("one row that ends in a carriage return", plain.replace("\nC|", "\rC|"), Refusal("line-end", 11)),
        (
            "one row that ends in a carriage return, comma",
            text_of(delimiter=",").replace("\nC,", "\rC,"),
            Refusal("line-end", 11),
        ),
        (
            "one row that ends in a carriage return, windows-1252",
            plain.replace("\nC|", "\rC|").encode("cp1252"),
            Refusal("line-end", 11),
        ),
    ):
        yield BrokenFile(name, file_of(content), refused=refused)
    inside = [row.replace("|Efrain|", "|Wil\rber|") for row in ROWS]
    yield BrokenFile(
        "a carriage return inside a value",
        file_of(text_of(inside)),
        found=(
            Found(9, "D", "control-character", "first_name"),
        ),
        as_sent=False,
    )  # fmt: skip


def _headers() -> Iterator[BrokenFile]:
    plain = text_of()
    for name, content, refused in (
        ("empty", b"", Refusal("empty")),
        ("a mark and nothing else", codecs.BOM_UTF8, Refusal("empty")),
        ("blank lines alone", "\r\n \n\t\n", Refusal("empty")),
        ("one line feed", "\n", Refusal("empty")),
        ("no header", plain.partition("\n")[2], Refusal("no-header", 1)),
        ("a blank line above the header", "\n" + plain, Refusal("no-header", 1)),
        ("header in a small letter", "h" + plain[1:], Refusal("no-header", 1)),
        ("a row of names above the header", "Letter|State|Date\n" + plain, Refusal("no-header", 1)),
        ("semicolons", plain.replace("|", ";"), Refusal("delimiter", 1)),
        ("carets", plain.replace("|", "^"), Refusal("delimiter", 1)),
        ("spaces", plain.replace("|", "  "), Refusal("delimiter", 1)),
        ("a header of one letter", "H\n", Refusal("delimiter", 1)),
        ("a header of one letter and a delimiter", "H|\n", Refusal("header", 1)),
        ("rows with commas behind a header with bars", _rows_with(","), Refusal("delimiter", 2)),
        ("rows with tabs behind a header with bars", _rows_with("\t"), Refusal("delimiter", 2)),
        ("rows with semicolons behind a header with bars", _rows_with(";"), Refusal("delimiter", 2)),
        ("rows with bars behind a header with commas", _rows_with("|", header=","), Refusal("delimiter", 2)),
        ("two headers", plain.replace("\nS|0000002", f"\n{HEADER}\nS|0000002"), Refusal("second-header", 8)),
        ("the file twice", plain + plain, Refusal("second-header", 17)),
        ("header with seven elements", plain.replace("\n", "|x\n", 1), Refusal("too-many-fields", 1)),
        ("header with five elements", plain.replace("|20250902000000000\n", "\n", 1), Refusal("header", 1)),
    ):
        yield BrokenFile(name, file_of(content), refused=refused)
    for name, before, after in (
        ("an unknown state", "H|OR|", "H|ZZ|"),
        ("a state in small letters and a digit", "H|OR|", "H|o1|"),
        ("no state", "H|OR|", "H||"),
        ("no submission date", "|20250902020000000|", "||"),
        ("a submission date without its time", "|20250902020000000|", "|20250902|"),
        ("a submission date of zeros", "|20250902020000000|", "|00000000000000000|"),
        ("30 February as submission date", "|20250902020000000|", "|20250230020000000|"),
        ("hour 24", "|20250902020000000|", "|20250902240000000|"),
        ("a serial day as submission date", "|20250902020000000|", "|45902.083|"),
        ("total students in words", "|3|15|", "|three|15|"),
        ("total students below zero", "|3|15|", "|-3|15|"),
        ("no total students", "|3|15|", "||15|"),
        ("total records with a comma", "|3|15|", "|3|1,500|"),
        ("total records with decimals", "|3|15|", "|3|15.0|"),
        ("no beginning", "|20250801000000000|", "||"),
        ("a wrong beginning", "|20250801000000000|", "|yesterday|"),
        ("no ending", "|20250902000000000", "|"),
    ):
        yield BrokenFile(
            f"header: {name}",
            file_of(plain.replace(HEADER, HEADER.replace(before, after, 1))),
            refused=Refusal("header", 1),
        )


def _rows_with(delimiter: str, *, header: str = "|") -> str:
    return "\n".join([HEADER.replace("|", header), *(row.replace("|", delimiter) for row in ROWS), ""])


def _totals() -> Iterator[BrokenFile]:
    rows = list(ROWS)
    for name, header in (
        ("too few students", claiming(rows, students=2)),
        ("too many students", claiming(rows, students=4)),
        ("no students", claiming(rows, students=0)),
        ("too few records", claiming(rows, total=14)),
        ("too many records", claiming(rows, total=16)),
        ("the header counted too", claiming(rows, total=len(rows) + 1)),
        ("an ending before the beginning", HEADER.replace("20250801000000000", "20250903000000000")),
        ("an ending at the beginning", HEADER.replace("20250801000000000", "20250902000000000")),
    ):
        yield BrokenFile(f"a header that lies: {name}", file_of(text_of(header=header)), refused=Refusal("V24", 1))
    yield BrokenFile("cut off behind a row", file_of(text_of(rows[:-1], header=HEADER)), refused=Refusal("V24", 1))
    yield BrokenFile("cut off behind a student", file_of(text_of(rows[:-3], header=HEADER)), refused=Refusal("V24", 1))
    yield BrokenFile("the header alone, of a full file", file_of(HEADER + "\n"), refused=Refusal("V24", 1))


def _too_much() -> Iterator[BrokenFile]:
    plain = text_of()
    comma = text_of(delimiter=",")
    many = [f"S|{number}||OR|{number}|02|I" for number in range(1, 40_002)]
    shots = [many[0], *["I|1|001|115|20250101"] * 6_994]
    loose = [many[0], *["I|2|001|115|20250101"] * 10_001]
    for name, content, refused in (
        ("40,001 students", text_of(many, header=claiming(many)), Refusal("too-many-students", 40_002)),
        ("6,994 rows of a student", text_of(shots, header=claiming(shots)), Refusal("too-many-rows", 6_996)),
        ("10,001 rows of nobody", text_of(loose, header=claiming(loose)), Refusal("too-many-loose-rows", 10_003)),
        ("a line of a megabyte", plain.replace("Efrain", "x" * 1_000_001), Refusal("line-too-long", 9)),
        ("a line of three megabytes", plain.replace("Efrain", "x" * 3_000_000), Refusal("line-too-long", 9)),
        ("a header of a megabyte", "H|" + "x" * 1_000_001, Refusal("line-too-long", 1)),
        (
            "a line of three megabytes, utf-16",
            plain.replace("Efrain", "x" * 3_000_000).encode("utf-16"),
            Refusal("line-too-long", 9),
        ),
        (
            "a line of three megabytes, windows-1252",
            plain.replace("Efrain", "ñ" * 3_000_000).encode("cp1252"),
            Refusal("line-too-long", 9),
        ),
        ("a field of 200 kB, comma", comma.replace("Efrain", "x" * 200_000), Refusal("line-too-long", 9)),
        ("a quoted row of many lines", comma.replace("Efrain", _endless_quote()), Refusal("line-too-long", 9)),
        ("a quote that does not end", comma.replace("Efrain", '"Efrain'), Refusal("quoting", 9)),
        ("a quote that goes on", comma.replace("Efrain", '"Wil"ber'), Refusal("quoting", 9)),
        ("a quote that does not end in the header", comma.replace("H,OR", 'H,"OR'), Refusal("quoting", 1)),
    ):  # fmt: skip
        yield BrokenFile(name, file_of(content), refused=refused)


def _endless_quote() -> str:
    return '"' + "x\n" * 600_000 + '"'


def _no_submissions() -> Iterator[BrokenFile]:
    chance = random.Random(7)
    noise = bytes(chance.randrange(1, 256) for _ in range(5000))
    for name, content, refused in (
        ("gzip", gzip.compress(text_of().encode(), mtime=0), Refusal("nul", 1)),
        ("pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< >>\n", Refusal("no-header", 1)),
        ("png", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(20), Refusal("no-header", 1)),
        ("old excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), Refusal("nul", 1)),
        ("noise", b"\xfd" + noise, Refusal("no-header", 1)),
        ("json", '{"state": "OR", "students": []}\n', Refusal("no-header", 1)),
        ("xml", '<?xml version="1.0"?>\n<file/>\n', Refusal("no-header", 1)),
        ("a web page", "<html><body>504 Gateway Time-out</body></html>\n", Refusal("no-header", 1)),
        ("a web page in place of a header", "HTTP/1.1 504 Gateway Time-out\n", Refusal("delimiter", 1)),
        ("a letter", "Hello, please find our file attached.\n", Refusal("delimiter", 1)),
    ):
        yield BrokenFile(f"not a submission: {name}", file_of(content), refused=refused)
