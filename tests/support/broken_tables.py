"""Folders of CSVs: names, columns, encodings table by table, and what is no table."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ledger.mde import TABLES
from support.broken_files import (
    HEADER,
    ROWS,
    BrokenFile,
    Found,
    Refusal,
    changed,
    claiming,
)

Files = dict[str, bytes]
"""Path inside the folder to content."""

BY_TABLE = sorted(ROWS, key=lambda row: "SKDQECAI".index(row[0]))
"""The rows in the order in which tables number them: from 2 on."""


def cases() -> Iterator[BrokenFile]:
    yield from _habits()
    yield from _warned()
    yield from _columns()
    yield from _contents()
    yield from _missing()
    yield from _names()
    yield from _links()


def tables(
    rows: Iterable[str] = ROWS,
    *,
    header: str = HEADER,
    names: Callable[[str], str] = lambda name: name,
    columns: Callable[[list[str]], list[str]] = lambda columns: columns,
    delimiter: str = ",",
    end: str = "\r\n",
    encoding: str = "utf-8",
    quoting: int = csv.QUOTE_MINIMAL,
) -> Files:
    """Rows of the text layout as tables. names: of a table's file. columns: puts the columns of a table in order."""
    by_letter: dict[str, list[list[str]]] = {}
    for row in (header, *rows):
        letter, *fields = row.split("|")
        by_letter.setdefault(letter, []).append(fields)
    files: Files = {}
    for letter, records in by_letter.items():
        order = columns(column_names(letter))
        out = io.StringIO()
        sheet = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
        sheet.writerow(order)
        for record in records:
            values = dict(zip(column_names(letter), record, strict=False))
            sheet.writerow([values.get(name, "") for name in order])
        files[names(f"{TABLES[letter].name}.csv")] = out.getvalue().encode(encoding)
    return files


def column_names(letter: str) -> list[str]:
    """Of a table, in the layout's order."""
    names = [element.name for element in TABLES[letter].elements]
    return names if letter in "HS" else ["Student Record ID", *names]


def folder_of(files: Mapping[str, bytes], name: str = "night") -> Callable[[Path], Path]:
    """Builds a folder."""

    def build(parent: Path) -> Path:
        folder = parent / name
        folder.mkdir()
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder

    return build


def key_of(name: str) -> str:
    """``First Name`` as its key."""
    elements = (element for table in TABLES.values() for element in table.elements)
    return next(element.key for element in elements if element.name == name)


def _habits() -> Iterator[BrokenFile]:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        for end, line_end in (("lf", "\n"), ("crlf", "\r\n")):
            yield BrokenFile(f"folder in {encoding}, {end}", folder_of(tables(encoding=encoding, end=line_end)))
    for name, files in {
        "names in small letters": tables(names=str.lower),
        "names in capital letters": tables(names=str.upper),
        "names with blanks": tables(names=lambda name: name.replace("_", " ")),
        "names with hyphens": tables(names=lambda name: name.replace("_", "-")),
        "names as keys": {
            f"{next(t.key for t in TABLES.values() if t.name == Path(name).stem)}.csv": content
            for name, content in tables().items()
        },
        "columns turned about": tables(columns=lambda names: names[::-1]),
        "columns in alphabetical order": tables(columns=sorted),
        "columns as keys": _with_top(tables(), key_of),
        "columns in capital letters": _with_top(tables(), str.upper),
        "columns with blanks about them": _with_top(tables(), lambda name: f"  {name} "),
        "tabs": tables(delimiter="\t"),
        "bars": tables(delimiter="|"),
        "everything quoted": tables(quoting=csv.QUOTE_ALL),
        "blank rows": {n: c.replace(b"\r\n", b"\r\n,,,,\r\n\r\n") for n, c in tables().items()},
        "blank rows above the names": {name: b"\r\n,,\r\n" + content for name, content in tables().items()},
        "a comma behind the last name": {name: c.replace(b"\r\n", b",\r\n") for name, c in tables().items()},
        "one inner folder": {f"inner/{name}": content for name, content in tables().items()},
        "junk": {
            **tables(),
            ".DS_Store": b"\0\0\0\1Bud1",
            "Thumbs.db": b"\xd0\xcf\x11\xe0",
            "desktop.ini": b"[.ShellClassInfo]",
            "__MACOSX/._Student.csv": b"\0\5\x16\7",
            "._Demographics.csv": b"\0\5\x16\7",
            "~$Enrollments.csv": b"x",
            ".~lock.Student.csv#": b"x",
        },
        "an empty table of nothing": {**tables(), "Course_History.csv": b""},
        "a table of its names alone": {**tables(), "Immunizations.csv": _top("I")},
    }.items():
        emptied = "C" if "of nothing" in name else "I" if "alone" in name else ""
        rows = [row for row in ROWS if row[0] != emptied]
        if emptied:
            files["Header.csv"] = tables(rows, header=claiming(rows))["Header.csv"]
        yield BrokenFile(f"folder: {name}", folder_of(files), as_sent=not emptied)
    rows = [row for row in ROWS if row[0] in "SDQ"]
    yield BrokenFile(
        "folder: three tables and the header", folder_of(tables(rows, header=claiming(rows))), as_sent=False
    )
    short = tables()
    short["Demographics.csv"] = short["Demographics.csv"].replace(
        b",,Female,20150101" + b"," * 14, b",,Female,20150101"
    )
    yield BrokenFile("folder: a row with fewer fields than names", folder_of(short))
    yield BrokenFile(
        "folder: a quoted comma, quote and line break",
        folder_of(tables(changed(6, "school_or_project_name", 'Valor "Middle", School\nand Annex'))),
        found=(Found(_row_of(ROWS[4]), "E", "control-character", "school_or_project_name", "warned"),),
        as_sent=False,
    )


def _warned() -> Iterator[BrokenFile]:
    files = tables()
    latin = {**files, "Demographics.csv": files["Demographics.csv"].decode().encode("cp1252")}
    yield BrokenFile(
        "folder: one table in windows-1252",
        folder_of(latin),
        warned=(("windows-1252", "Demographics.csv"),),
    )
    yield BrokenFile(
        "folder: all in windows-1252",
        folder_of(tables(encoding="cp1252")),
        warned=(("windows-1252", "Demographics.csv"),),  # the others are ASCII, which is UTF-8 too
    )
    more = tables(columns=lambda names: ["Internal Number", *names, "Notes"])
    yield BrokenFile(
        "folder: unknown columns in each table",
        folder_of(more),
        warned=tuple(("unknown-column", f"{TABLES[letter].name}.csv") for letter in "HSKDQECAI"),
    )
    unnamed = _with_top(tables(), lambda name: "" if name == "Suffix" else name)
    yield BrokenFile(
        "folder: a column without a name",
        folder_of(unnamed),
        warned=(("unknown-column", "Demographics.csv"),),
    )
    for name, more_files in {
        "a text beside the tables": {"README.txt": b"our file"},
        "a sheet beside the tables": {"Summary.csv": b"a,b\n1,2\n"},
        "another folder beside the tables": {"old/Student.csv": b"x"},
        "a zip beside the tables": {"last-night.zip": b"PK\5\6" + bytes(18)},
    }.items():
        yield BrokenFile(f"folder: {name}", folder_of({**tables(), **more_files}), warned=(("unknown-file", None),))
    misread = changed(9, "last_name_2", "RamÃ\xadrez")
    yield BrokenFile(
        "folder: a value misread before",
        folder_of(tables(misread)),
        found=(Found(_row_of(ROWS[7]), "D", "mojibake", "last_name_2", "warned"),),
    )


def _columns() -> Iterator[BrokenFile]:
    for name, table, content, refused in (
        ("no names", "Demographics", lambda c: c.partition(b"\r\n")[2], Refusal("no-columns", 1)),
        ("names of another table", "Demographics", lambda _: b"Course Title,Term\r\nx,y\r\n", Refusal("no-columns", 1)),
        ("an Excel hint", "Student", lambda c: b"sep=,\r\n" + c, Refusal("no-columns", 1)),
        ("semicolons", "Student", lambda c: c.replace(b",", b";"), Refusal("delimiter", 1)),
        (
            "no Student Record ID in a child table",
            "Demographics",
            lambda c: c.replace(b"Student Record ID", b"Pupil Number", 1),
            Refusal("missing-column", 1),
        ),
        (
            "no Student Record ID in the students' table",
            "Student",
            lambda c: c.replace(b"Student Record ID", b"Pupil Number", 1),
            Refusal("missing-column", 1),
        ),
        (
            "one name twice",
            "Demographics",
            lambda c: c.replace(b"Middle Name", b"First Name", 1),
            Refusal("duplicate-column", 1),
        ),
        (
            "one name twice, once as its key",
            "Demographics",
            lambda c: c.replace(b"Middle Name", b"first_name", 1),
            Refusal("duplicate-column", 1),
        ),
        (
            "names under two blank rows, one twice",
            "Demographics",
            lambda c: b"\r\n\r\n" + c.replace(b"Middle Name", b"First Name", 1),
            Refusal("duplicate-column", 3),
        ),
    ):
        files = tables()
        files[f"{table}.csv"] = content(files[f"{table}.csv"])
        yield BrokenFile(f"folder: {name}", folder_of(files), refused=refused._replace(table=f"{table}.csv"))


def _contents() -> Iterator[BrokenFile]:
    for name, table, before, after, refused in (
        ("a quote that does not end", "Demographics", b",Efrain,", b',"Efrain,', Refusal("quoting", 3)),
        ("a quote that goes on", "Demographics", b",Efrain,", b',"Wil"ber,', Refusal("quoting", 3)),
        ("a nul", "Demographics", b",Efrain,", b",Wil\0ber,", Refusal("nul", 3)),
        ("a byte that is no character", "Demographics", b",Efrain,", b",Wil\x81\xffber,", Refusal("encoding", 3)),
        ("a row that ends in a carriage return", "Demographics", b"\r\n0000002", b"\r0000002", Refusal("line-end", 2)),
        ("a field of 200 kB", "Demographics", b",Efrain,", b"," + b"x" * 200_000 + b",", Refusal("line-too-long", 3)),
        ("a line of three megabytes", "Student", b"OR7740013", b"x" * 3_000_000, Refusal("line-too-long", 3)),
        ("a quoted row of many lines", "Student", b"OR7740013", _endless_quote(), Refusal("line-too-long", 3)),
    ):  # fmt: skip
        files = tables()
        files[f"{table}.csv"] = files[f"{table}.csv"].replace(before, after, 1)
        yield BrokenFile(f"folder: {name}", folder_of(files), refused=refused._replace(table=f"{table}.csv"))
    yield BrokenFile(
        "folder: carriage returns alone", folder_of(tables(end="\r")), refused=Refusal("line-end", 1, "Header.csv")
    )
    whole = tables()
    cut = {**whole, "Demographics.csv": whole["Demographics.csv"][: whole["Demographics.csv"].rindex("ñ".encode()) + 1]}
    yield BrokenFile(
        "folder: a table cut off inside a character", folder_of(cut), refused=Refusal("encoding", 4, "Demographics.csv")
    )
    wide = tables()
    wide["Immunizations.csv"] = wide["Immunizations.csv"].rstrip() + b",,more\r\n"
    yield BrokenFile(
        "folder: a row with more fields than names",
        folder_of(wide),
        found=(Found(_row_of(ROWS[5]), "I", "too-many-fields"),),
        as_sent=False,
    )
    without = tables(columns=lambda names: [name for name in names if name != "Birth Date"])
    yield BrokenFile(
        "folder: no column for a required element",
        folder_of(without),
        found=tuple(Found(_row_of(ROWS[n]), "D", "missing", "birth_date") for n in (2, 7, 13)),
        as_sent=False,
    )
    yield BrokenFile(
        "folder: a child row of nobody",
        folder_of(tables([row.replace("E|0000002|", "E|0000009|") for row in ROWS])),
        found=(Found(_row_of(ROWS[9]), "E", "orphan"),),
        as_sent=False,
    )
    apart = tables(changed(9, "birth_date", "20081131"))
    apart["Demographics.csv"] = apart["Demographics.csv"].replace(b"\r\n0000002", b"\r\n\r\n0000002")
    yield BrokenFile(
        "folder: a wrong value behind a blank row",
        folder_of(apart),
        found=(Found(_row_of(ROWS[7]) + 1, "D", "malformed", "birth_date"),),
        as_sent=False,
    )


def _endless_quote() -> bytes:
    return b'"' + b"x\n" * 600_000 + b'"'


def _missing() -> Iterator[BrokenFile]:
    no_row = Refusal("no-header", None, "Header.csv")
    for name, files, refused in (
        ("no header", {n: c for n, c in tables().items() if n != "Header.csv"}, Refusal("no-header")),
        ("a header of nothing", {**tables(), "Header.csv": b""}, no_row),
        ("a header of blank rows", {**tables(), "Header.csv": b"\r\n,,\r\n" * 4}, no_row),
        ("a header of its names alone", {**tables(), "Header.csv": _top("H")}, no_row),
        (
            "two headers",
            {**tables(), "Header.csv": tables()["Header.csv"] + tables()["Header.csv"].partition(b"\r\n")[2]},
            Refusal("second-header", 3, "Header.csv"),
        ),
        ("an unknown state", tables(header=HEADER.replace("|OR|", "|ZZ|")), Refusal("header", 1)),
        ("no students' table", {n: c for n, c in tables().items() if n != "Student.csv"}, Refusal("V24", 1)),
        ("a table too few", {n: c for n, c in tables().items() if n != "Enrollments.csv"}, Refusal("V24", 1)),
        ("a header that lies", tables(header=claiming(ROWS, students=4)), Refusal("V24", 1)),
        ("nothing", {}, Refusal("no-tables")),
        ("junk alone", {".DS_Store": b"x", "Thumbs.db": b"x"}, Refusal("no-tables")),
        ("a text file alone", {"OR-20250902.txt": b"H|OR"}, Refusal("no-tables")),
        ("a zip alone", {"night.zip": b"PK\5\6" + bytes(18)}, Refusal("nested-zip")),
        ("a folder in a folder", {f"a/b/{n}": c for n, c in tables().items()}, Refusal("no-tables")),
        ("tables of a spreadsheet", {n.replace(".csv", ".xlsx"): c for n, c in tables().items()}, Refusal("no-tables")),
        ("tables without a suffix", {n.replace(".csv", ""): c for n, c in tables().items()}, Refusal("no-tables")),
    ):  # fmt: skip
        yield BrokenFile(f"folder: {name}", folder_of(files), refused=refused)


def _names() -> Iterator[BrokenFile]:
    for name, other in (
        ("in small letters", "student.csv"),
        ("with a suffix in capital letters", "Student.CSV"),
    ):
        files = {**tables(), other: tables()["Student.csv"]}
        yield BrokenFile(f"folder: one table twice, {name}", folder_of(files), refused=Refusal("duplicate-table"))
    files = {**tables(), "alternate_ids.csv": tables()["Alternate_State_Student_IDs.csv"]}
    yield BrokenFile("folder: one table twice, once as its key", folder_of(files), refused=Refusal("duplicate-table"))


def _links() -> Iterator[BrokenFile]:
    def with_table(make: Callable[[Path, Path], object]) -> Callable[[Path], Path]:
        def build(parent: Path) -> Path:
            folder = folder_of(tables())(parent)
            table = folder / "Demographics.csv"
            content = table.read_bytes()
            table.unlink()
            (parent / "elsewhere.csv").write_bytes(content)
            (folder / ".kept.csv").write_bytes(content)
            make(folder, table)
            return folder

        return build

    for name, make, refused in (
        ("a link that leads out", lambda f, t: t.symlink_to(f.parent / "elsewhere.csv"), Refusal("not-a-file")),
        ("a link that leads out, relative", lambda _, t: t.symlink_to("../elsewhere.csv"), Refusal("not-a-file")),
        ("a link to a device", lambda _, t: t.symlink_to("/dev/zero"), Refusal("not-a-file")),
        ("a pipe", lambda _, t: os.mkfifo(t), Refusal("not-a-file")),
        ("a folder with a table's name", lambda _, t: t.mkdir(), Refusal("not-a-file")),
        ("a link that stays inside", lambda _, t: t.symlink_to(".kept.csv"), None),
    ):
        yield BrokenFile(f"folder: {name}", with_table(make), refused=refused)
    yield BrokenFile(
        "folder: a link to nowhere",
        with_table(lambda _, t: t.symlink_to("gone.csv")),
        system=FileNotFoundError,
    )
    yield BrokenFile(
        "folder: a table that may not be read",
        with_table(lambda f, t: ((f / ".kept.csv").rename(t), t.chmod(0), f.chmod(0o755))),
        system=PermissionError,
    )

    def linked(parent: Path) -> Path:
        link = parent / "latest"
        link.symlink_to(folder_of(tables())(parent))
        return link

    yield BrokenFile("folder: by a link", linked)
    yield BrokenFile("a pipe", _made(os.mkfifo), refused=Refusal("not-a-file"))
    yield BrokenFile("a device", lambda _: Path("/dev/null"), refused=Refusal("not-a-file"))
    yield BrokenFile("no such file", lambda parent: parent / "gone.txt", system=FileNotFoundError)
    yield BrokenFile(
        "a file that may not be read",
        _made(lambda path: (path.write_text("H|OR"), path.chmod(0))),
        system=PermissionError,
    )


def _made(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    def build(parent: Path) -> Path:
        path = parent / "night.txt"
        make(path)
        return path

    return build


def _row_of(row: str) -> int:
    return BY_TABLE.index(row) + 2


def _top(letter: str) -> bytes:
    return ",".join(column_names(letter)).encode() + b"\r\n"


def _with_top(files: Files, rename: Callable[[str], str]) -> Files:
    renamed: Files = {}
    for name, content in files.items():
        top, _, rest = content.decode().partition("\r\n")
        names = next(csv.reader([top]))
        renamed[name] = (",".join(rename(one) for one in names) + "\r\n" + rest).encode()
    return renamed
