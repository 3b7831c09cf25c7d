"""Zips: as packers make them, as the way spoils them, and as somebody makes them who means harm."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from support.broken_files import BrokenFile, Found, Refusal, changed, claiming, file_of, text_of
from support.broken_tables import BY_TABLE, tables

Entry = Callable[[zipfile.ZipInfo], None]
"""Changes what a zip says of an entry before it is packed."""

DAMAGED = Refusal("zip-damaged")


def cases() -> Iterator[BrokenFile]:
    yield from _habits()
    yield from _damaged()
    yield from _hostile()
    yield from _names()


def zip_of(
    files: Mapping[str, bytes],
    *,
    method: int = zipfile.ZIP_DEFLATED,
    streamed: bool = False,
    comment: bytes = b"",
    entry: Entry = lambda _: None,
) -> bytes:
    """A zip of these files, in their order. streamed: packed as to a pipe, sizes behind the content."""
    out = io.BytesIO()
    with zipfile.ZipFile(_Pipe(out) if streamed else out, "w", method) as archive:
        archive.comment = comment
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2025, 9, 2, 2, 0, 0))
            info.compress_type = method
            entry(info)
            archive.writestr(info, content)
    return out.getvalue()


class _Pipe:
    """Written to, never sought in."""

    def __init__(self, out: io.BytesIO) -> None:
        self.write, self.flush, self.close = out.write, out.flush, out.close


def _zip(name: str, content: bytes, *, file: str = "night.zip", **expected: object) -> BrokenFile:
    return BrokenFile(f"zip: {name}", file_of(content, file), **expected)  # type: ignore[arg-type]


def _late(name: str, content: Callable[[], bytes], refused: Refusal) -> BrokenFile:
    """A large one, made when it is needed."""

    def build(folder: Path) -> Path:
        return file_of(content(), "night.zip")(folder)

    return BrokenFile(f"zip: {name}", build, refused=refused)


def _longer(mebirows: int, *names: str) -> dict[str, bytes]:
    """The tables, these with as many million blank rows behind them."""
    blank = b"\r\n" * (mebirows << 20)
    return {name: content + blank if name in names else content for name, content in tables().items()}


def _habits() -> Iterator[BrokenFile]:
    files = tables()
    for name, content in {
        "deflated": zip_of(files),
        "stored": zip_of(files, method=zipfile.ZIP_STORED),
        "streamed": zip_of(files, streamed=True),
        "with a comment": zip_of(files, comment=b"our file of last night"),
        "in one folder": zip_of({f"OR 2025-09-02/{n}": c for n, c in files.items()}),
        "in one folder, as an entry too": zip_of({"night/": b"", **{f"night/{n}": c for n, c in files.items()}}),
        "in one folder, as Windows writes it": zip_of({f"night\\{n}": c for n, c in files.items()}),
        "names that begin with a dot and a slash": zip_of({f"./{n}": c for n, c in files.items()}),
        "packed on a Mac": zip_of({
            **{f"night/{n}": c for n, c in files.items()},
            **{f"__MACOSX/night/._{n}": b"\0\5\x16\7" for n in files},
            "night/.DS_Store": b"\0\0\0\1Bud1",
        }),
        "names in small letters": zip_of({n.lower(): c for n, c in files.items()}),
        "in utf-16": zip_of(tables(encoding="utf-16")),
        "with its mark": zip_of(tables(encoding="utf-8-sig")),
        "tables turned about": zip_of(dict(reversed(files.items()))),
    }.items():  # fmt: skip
        yield _zip(name, content)
    yield _zip("named as a text", zip_of(files), file="night.txt")
    yield _zip("without a suffix", zip_of(files), file="night")
    latin = {**files, "Demographics.csv": files["Demographics.csv"].decode().encode("cp1252")}
    yield _zip("one table in windows-1252", zip_of(latin), warned=(("windows-1252", "Demographics.csv"),))
    for name, more in {
        "a text beside the tables": {"README.txt": b"our file"},
        "a zip beside the tables": {"last-night.zip": zip_of(files)},
        "an older night beside the tables": {f"old/{n}": c for n, c in files.items()},
        "a text with a password beside the tables": {"secret.txt": b"x"},
    }.items():
        content = zip_of({**files, **more})
        if "password" in name:
            content = _with_flags(content, "secret.txt", 0x1)
        yield _zip(name, content, warned=(("unknown-file", None),))
    yield _zip(
        "a wrong value",
        zip_of(tables(changed(9, "birth_date", "20081131"))),
        found=(Found(BY_TABLE.index(_row(9)) + 2, "D", "malformed", "birth_date"),),
        as_sent=False,
    )


def _row(number: int) -> str:
    return text_of().split("\n")[number - 1]


def _damaged() -> Iterator[BrokenFile]:
    whole = zip_of(tables())
    for name, kept in (
        ("its first bytes", 4),
        ("a tenth", len(whole) // 10),
        ("half", len(whole) // 2),
        ("all but its list", whole.rindex(b"PK\1\2")),
        ("all but its last 22 bytes", len(whole) - 22),
        ("all but its last byte", len(whole) - 1),
    ):
        yield _zip(f"cut off behind {name}", whole[:kept], refused=DAMAGED)
    inside = whole.index(b"Student.csv") + 40
    yield _zip(
        "a byte turned", _with(whole, inside, whole[inside] ^ 0xFF), refused=DAMAGED._replace(table="Student.csv")
    )
    stored = zip_of(tables(), method=zipfile.ZIP_STORED)
    place = stored.index(b"Efrain")
    yield _zip("a letter turned", _with(stored, place, ord("w")), refused=DAMAGED._replace(table="Demographics.csv"))
    yield _zip("sent as text, line feeds turned", whole.replace(b"\n", b"\r\n"), refused=DAMAGED)
    yield _zip("zeros behind its first bytes", whole[:4] + bytes(len(whole)), refused=DAMAGED)
    yield _zip("zeros", bytes(1000), refused=DAMAGED)
    yield _zip("nothing", b"", refused=Refusal("empty"))
    yield _zip("a text with a zip's name", text_of().encode(), refused=DAMAGED)
    yield _zip("a part of a zip", b"PK\7\x08" + whole[4:], refused=DAMAGED)
    yield _zip("no entry", zip_of({}), refused=Refusal("no-tables"))
    yield _zip("of another method, bzip2", zip_of(tables(), method=zipfile.ZIP_BZIP2), refused=DAMAGED)
    yield _zip("of another method, lzma", zip_of(tables(), method=zipfile.ZIP_LZMA), refused=DAMAGED)
    listed = whole.rindex(b"PK\5\6")
    yield _zip("a list that begins elsewhere", _packed(whole, listed + 16, "<I", 7), refused=DAMAGED)
    yield _zip("a list of another length", _packed(whole, listed + 12, "<I", 7), refused=DAMAGED)
    yield _zip("a password", _with_flags(whole, "Student.csv", 0x1), refused=Refusal("zip-encrypted"))
    yield _zip("the text file, packed", zip_of({"night.txt": text_of().encode()}), refused=Refusal("no-tables"))
    yield _zip(
        "a spreadsheet",
        zip_of({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}),
        file="night.xlsx",
        refused=Refusal("no-tables"),
    )
    yield _zip("a zip in a zip", zip_of({"night.zip": whole}), refused=Refusal("nested-zip"))
    yield _zip("folders in folders", zip_of({f"a/b/{n}": c for n, c in tables().items()}), refused=Refusal("no-tables"))
    yield _zip("no header", zip_of({"Student.csv": tables()["Student.csv"]}), refused=Refusal("no-header"))
    yield _zip("a header that lies", zip_of(tables(header=claiming(BY_TABLE, total=9))), refused=Refusal("V24", 1))


def _hostile() -> Iterator[BrokenFile]:
    files = tables()
    last = "Immunizations.csv"
    bombed = Refusal("zip-bomb", None, last)
    yield _late("a bomb of blank rows", lambda: zip_of(_longer(40, last)), bombed)
    yield _late("a bomb in two tables", lambda: zip_of(_longer(20, last, "Assessments.csv")), bombed)
    yield _late(
        "a bomb that lies",
        lambda: _lying_sizes(zip_of(_longer(40, last)), last, 500),
        DAMAGED._replace(table=last),
    )
    yield _late(
        "a line of ten megabytes",
        lambda: zip_of({**files, "Student.csv": files["Student.csv"] + b"x" * (10 << 20)}),
        Refusal("line-too-long", 5, "Student.csv"),
    )
    many = {**files, **{f"{number}.txt": b"" for number in range(1_000)}}
    yield _zip("1,009 names", zip_of(many), refused=Refusal("zip-entries"))
    yield _zip("20,000 names", zip_of({f"{n:0100d}": b"" for n in range(20_000)}), refused=Refusal("zip-entries"))
    long = {"x" * 60_000 + str(number): b"" for number in range(20)}
    yield _zip("names of 60,000 letters", zip_of(long), refused=Refusal("zip-entries"))
    whole = zip_of(files)
    listed = whole.rindex(b"PK\5\6")
    yield _zip("a list of 4 GB", _packed(whole, listed + 12, "<I", 0xFFFF_FFF0), refused=DAMAGED)
    overlapping = _overlapping(whole)
    yield _zip("two names for one content", overlapping, refused=DAMAGED._replace(table="Student.csv"))


def _names() -> Iterator[BrokenFile]:
    files = tables()
    student = {"Student.csv": files["Student.csv"]}
    rest = {n: c for n, c in files.items() if n != "Student.csv"}
    for name in (
        "../Student.csv",
        "night/../../Student.csv",
        "..",
        "/Student.csv",
        "/etc/passwd",
        "C:/Student.csv",
        "C:\\night\\Student.csv",
        "..\\Student.csv",
        "\\\\server\\share\\Student.csv",
    ):
        yield _zip(f"named {name!r}", zip_of({**files, name: b"x"}), refused=Refusal("zip-path"))
    for name in ("a..b.csv", "..Student.csv", "a..b/Student.csv"):
        hidden = name.startswith(".")
        yield _zip(
            f"named {name!r}, which leads nowhere",
            zip_of({**files, name: b"x"}),
            warned=() if hidden else (("unknown-file", None),),
        )
    for name, more in (
        ("in small letters", {"student.csv": files["Student.csv"]}),
        ("once as its key", {"alternate_ids.csv": b"x"}),
        ("with a dot and a slash", {"./Student.csv": files["Student.csv"]}),
    ):
        yield _zip(f"one table twice, {name}", zip_of({**files, **more}), refused=Refusal("duplicate-table"))
    for name, mode in (("a link", stat.S_IFLNK), ("a device", stat.S_IFCHR), ("a pipe", stat.S_IFIFO)):
        yield _zip(
            f"{name} for a table",
            zip_of({**rest, **student}, entry=_as_kind("Student.csv", mode)),
            refused=Refusal("not-a-file"),
        )
    yield _zip(
        "a link beside the tables",
        zip_of({**files, "latest": b"/etc/passwd"}, entry=_as_kind("latest", stat.S_IFLNK)),
        warned=(("unknown-file", None),),
    )


def _as_kind(name: str, mode: int) -> Entry:
    def change(info: zipfile.ZipInfo) -> None:
        info.create_system = 3
        info.external_attr = ((mode if info.filename == name else stat.S_IFREG) | 0o644) << 16

    return change


def _with(content: bytes, place: int, byte: int) -> bytes:
    return content[:place] + bytes((byte,)) + content[place + 1 :]


def _packed(content: bytes, place: int, form: str, value: int) -> bytes:
    packed = struct.pack(form, value)
    return content[:place] + packed + content[place + len(packed) :]


def _listed_at(content: bytes, name: str) -> int:
    """Where the list of a zip speaks of an entry."""
    place = -1
    while True:
        place = content.index(b"PK\1\2", place + 1)
        length = struct.unpack_from("<H", content, place + 28)[0]
        if content[place + 46 : place + 46 + length] == name.encode():
            return place


def _with_flags(content: bytes, name: str, flags: int) -> bytes:
    return _packed(content, _listed_at(content, name) + 8, "<H", flags)


def _lying_sizes(content: bytes, name: str, size: int) -> bytes:
    """The list says that an entry unpacks to this many bytes."""
    return _packed(content, _listed_at(content, name) + 24, "<I", size)


def _overlapping(content: bytes) -> bytes:
    """The list sends two names to the content of the first."""
    header = struct.unpack_from("<I", content, _listed_at(content, "Header.csv") + 42)[0]
    return _packed(content, _listed_at(content, "Student.csv") + 42, "<I", header)
