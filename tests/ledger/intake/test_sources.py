"""What is sent, made ready: in place or sealed, with its hash, its places, and nothing left behind."""

from __future__ import annotations

import hashlib
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import Conflict, SubmissionRefused
from ledger.intake import lines
from ledger.intake.containers import Limits
from ledger.intake.layout import RawStudent, scan, students
from ledger.intake.sources import Sent, opened
from ledger.intake.spool import SpoolBroken, SpoolReader, SpoolWriter
from support.broken_files import ROWS, STUDENTS, changed, file_of, text_of
from support.broken_tables import BY_TABLE, folder_of, tables
from support.broken_zips import zip_of

KEY = bytes(range(32))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "spool"
    folder.mkdir()
    yield folder / "night.spool"
    assert not list(folder.iterdir()), "nothing stays behind"


def read_whole(source: Path | BinaryIO, spool: Path) -> list[RawStudent]:
    with opened(source, spool, KEY) as sent:
        looked = sent.whole()
        return list(students(looked, scanned=scan(looked)))


def hash_of(source: Path | BinaryIO, spool: Path) -> str:
    with opened(source, spool, KEY) as sent:
        hashed = sent.content_hash()
        assert scan(sent.whole()).content_hash == sent.content_hash() == hashed
        return hashed


# -- read in place, or sealed


def test_a_text_file_in_utf_8_is_read_in_place(tmp_path: Path, spool: Path) -> None:
    path = file_of(text_of())(tmp_path)
    with opened(path, spool, KEY) as sent:
        assert Path(sent.whole().file.name) == path
        assert (sent.kind, sent.rewritten, sent.findings) == ("text", False, [])
        assert not spool.exists()


@pytest.mark.parametrize("kind", ["windows-1252", "utf-16", "folder", "zip"])
def test_what_is_rewritten_stands_nowhere_in_clear(kind: str, tmp_path: Path, spool: Path) -> None:
    source = sent_as(kind, tmp_path)
    with opened(source, spool, KEY) as sent:
        looked = sent.whole()
        assert sent.rewritten
        scanned = scan(looked)
        next(students(looked, scanned=scanned))
        assert not spool.exists(), "a killed run leaves nothing"
        sealed = on_disk(looked.file).read_bytes()
        with SpoolReader(on_disk(looked.file), KEY) as file:
            assert b"Efrain" in file.read()
    for word in ("Efrain", "Guadalupe", "OR7740013", "Muñoz"):
        assert word.encode() not in sealed
        assert word.encode("cp1252") not in sealed


@pytest.mark.parametrize("kind", ["windows-1252", "utf-16", "folder", "zip"])
def test_a_spool_that_is_damaged_while_it_is_read_is_told(kind: str, tmp_path: Path, spool: Path) -> None:
    with opened(sent_as(kind, tmp_path), spool, KEY) as sent:
        scanned = scan(sent.whole())
        with on_disk(sent.whole().file).open("r+b") as file:
            file.seek(100)
            file.write(b"xxxx")
        sent.whole().file._opened.clear()  # type: ignore[attr-defined]
        with pytest.raises(SpoolBroken):
            list(students(sent.whole(), scanned=scanned))


def on_disk(file: BinaryIO) -> Path:
    """The sealed file itself, which has no name of its own."""
    return Path(f"/proc/self/fd/{file._file.fileno()}")  # type: ignore[attr-defined]


def sent_as(kind: str, folder: Path) -> Path:
    if kind == "folder":
        return folder_of(tables())(folder)
    if kind == "zip":
        return file_of(zip_of(tables()), "night.zip")(folder)
    return file_of(text_of().encode("cp1252" if kind == "windows-1252" else kind))(folder)


@pytest.mark.parametrize("kind", ["utf-8", "windows-1252", "utf-16", "zip"])
def test_an_open_file_is_read_as_a_path_is_and_stays_open(kind: str, tmp_path: Path, spool: Path) -> None:
    path = sent_as(kind, tmp_path)
    with path.open("rb") as file:
        assert read_whole(file, spool) == read_whole(path, spool)
        assert not file.closed


@pytest.mark.parametrize("kind", ["utf-8", "windows-1252", "utf-16", "zip"])
def test_what_was_taken_over_the_network_sealed_is_read_from_there(kind: str, tmp_path: Path, spool: Path) -> None:
    path = sent_as(kind, tmp_path)
    with SpoolWriter(tmp_path / "taken.spool", KEY) as out:
        out.write(path.read_bytes())
    with SpoolReader(tmp_path / "taken.spool", KEY) as file:
        assert read_whole(file.as_file(), spool) == read_whole(path, spool)
        assert hash_of(file.as_file(), spool) == hash_of(path, spool)


def test_what_a_killed_run_left_is_replaced(tmp_path: Path, spool: Path) -> None:
    spool.write_bytes(b"half of it")
    assert len(read_whole(sent_as("zip", tmp_path), spool)) == 3


def test_a_spool_under_another_key_is_of_no_use(tmp_path: Path, spool: Path) -> None:
    with opened(sent_as("zip", tmp_path), spool, KEY) as sent:
        file = on_disk(sent.whole().file)
        with pytest.raises(SpoolBroken, match="another key"):
            SpoolReader(file, bytes(32))


def test_a_folder_for_the_spool_that_is_not_there_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "night.spool"
    with opened(sent_as("zip", tmp_path), gone, KEY) as sent, pytest.raises(FileNotFoundError):
        sent.whole()


# -- the header first


@pytest.mark.parametrize("kind", ["utf-8", "windows-1252", "utf-16", "folder", "zip"])
def test_the_header_is_read_without_the_rest(kind: str, tmp_path: Path, spool: Path) -> None:
    with opened(sent_as(kind, tmp_path), spool, KEY) as sent:
        header = sent.header()
        assert (header.state, header.students, header.rows) == ("OR", 3, 15)
        assert not spool.exists()
        assert sent.whole().content_hash == sent.content_hash()


@pytest.mark.parametrize("kind", ["utf-8", "folder", "zip"])
def test_what_is_refused_behind_the_header_has_its_header_and_its_hash(kind: str, tmp_path: Path, spool: Path) -> None:
    rows = changed(9, "first_name", "Wil\0ber")
    if kind == "utf-8":
        path = file_of(text_of(rows))(tmp_path)
    elif kind == "folder":
        path = folder_of(tables(rows))(tmp_path)
    else:
        path = file_of(zip_of(tables(rows)), "night.zip")(tmp_path)
    with opened(path, spool, KEY) as sent:
        assert sent.header().state == "OR"
        with pytest.raises(SubmissionRefused):
            sent.whole()
        assert len(sent.content_hash()) == 64


def test_a_zip_that_cannot_be_unpacked_has_the_hash_of_its_bytes(tmp_path: Path, spool: Path) -> None:
    content = bytearray(zip_of(tables()))
    content[content.index(b"Student.csv") + 40] ^= 0xFF
    with opened(file_of(bytes(content), "night.zip")(tmp_path), spool, KEY) as sent:
        assert sent.header().state == "OR"
        with pytest.raises(SubmissionRefused):
            sent.whole()
        assert sent.content_hash() == hashlib.sha256(content).hexdigest()


# -- the hash


def test_the_hash_of_a_text_file_is_that_of_its_bytes(tmp_path: Path, spool: Path) -> None:
    for number, content in enumerate((text_of().encode(), text_of().encode("cp1252"), text_of().encode("utf-16"))):
        path = file_of(content, f"{number}.txt")(tmp_path)
        assert hash_of(path, spool) == hashlib.sha256(content).hexdigest()


def test_the_same_tables_have_one_hash_however_they_are_packed(tmp_path: Path, spool: Path) -> None:
    files = tables()
    hashes = {
        hash_of(folder_of(files)(tmp_path), spool),
        hash_of(folder_of({f"inner/{n}": c for n, c in files.items()}, "other")(tmp_path), spool),
        hash_of(folder_of({**files, "README.txt": b"x"}, "more")(tmp_path), spool),
        hash_of(file_of(zip_of(files), "a.zip")(tmp_path), spool),
        hash_of(file_of(zip_of(files, method=0, comment=b"again"), "b.zip")(tmp_path), spool),
        hash_of(file_of(zip_of({f"x/{n.upper()}": c for n, c in reversed(files.items())}), "c.zip")(tmp_path), spool),
    }
    assert len(hashes) == 1


def test_another_byte_in_a_table_or_another_table_is_another_hash(tmp_path: Path, spool: Path) -> None:
    files = tables()
    moved = {**files, "Courses.csv": files["Course_History.csv"]}
    del moved["Course_History.csv"]
    hashes = [
        hash_of(folder_of({**files, **other}, str(number))(tmp_path), spool)
        for number, other in enumerate((
            {},
            {"Demographics.csv": files["Demographics.csv"] + b"\r\n"},
            {"Demographics.csv": files["Demographics.csv"].replace(b"Efrain", b"Wilbur")},
            {"Student.csv": b"\r\n" + files["Student.csv"]},
        ))
    ]  # fmt: skip
    assert len(set(hashes)) == len(hashes)
    assert hash_of(folder_of(moved, "moved")(tmp_path), spool) == hashes[0]


# -- rows and their places


def test_the_rows_of_tables_are_numbered_in_the_layouts_order(tmp_path: Path, spool: Path) -> None:
    with opened(sent_as("folder", tmp_path), spool, KEY) as sent:
        looked = sent.whole()
        read = list(students(looked, scanned=scan(looked)))
        numbered = {row.number: row.letter for one in read if one.student for row in one.student.rows}
        numbered |= {one.number: "S" for one in read}
        assert [numbered[number] for number in range(2, 17)] == [row[0] for row in BY_TABLE]
        places = [sent.place(number) for number in range(1, 17)]
    assert places[0] == ("Header.csv", 2)
    assert places[1:5] == [
        ("Student.csv", 2),
        ("Student.csv", 3),
        ("Student.csv", 4),
        ("Alternate_State_Student_IDs.csv", 2),
    ]
    assert places[5:8] == [("Demographics.csv", 2), ("Demographics.csv", 3), ("Demographics.csv", 4)]
    assert places[-1] == ("Immunizations.csv", 2)


def test_blank_rows_keep_their_numbers(tmp_path: Path, spool: Path) -> None:
    files = tables()
    files["Student.csv"] = b"\r\n" + files["Student.csv"].replace(b"\r\n0000002", b"\r\n,,\r\n\r\n0000002") + b"\r\n"
    files["Header.csv"] = b"\r\n" + files["Header.csv"].replace(b"\r\nOR", b"\r\n\r\nOR")
    files["Course_History.csv"] = files["Course_History.csv"].partition(b"\r\n")[0]
    files["Course_History.csv"] = tables()["Course_History.csv"]
    with opened(folder_of(files)(tmp_path), spool, KEY) as sent:
        looked = sent.whole()
        read = list(students(looked, scanned=scan(looked)))
        assert [sent.place(one.number or 0) for one in read] == [
            ("Student.csv", 3),
            ("Student.csv", 6),
            ("Student.csv", 7),
        ]
        assert sent.place(1) == ("Header.csv", 4)
        first = {row.letter: row.number or 0 for one in reversed(read) if one.student for row in one.student.rows}
        assert {sent.place(number)[1] for number in first.values()} <= {2, 3, 4}


def test_a_table_of_its_names_alone_takes_no_number(tmp_path: Path, spool: Path) -> None:
    rows = [row for row in ROWS if row[0] != "K"]
    files = tables(rows, header=text_of(rows).partition("\n")[0].replace("|15|", "|14|"))
    files["Alternate_State_Student_IDs.csv"] = tables()["Alternate_State_Student_IDs.csv"].partition(b"\n")[0] + b"\n"
    with opened(folder_of(files)(tmp_path), spool, KEY) as sent:
        scan(sent.whole())
        assert sent.place(5) == ("Demographics.csv", 2)


def test_a_row_of_a_text_file_is_its_line(tmp_path: Path, spool: Path) -> None:
    with opened(sent_as("utf-16", tmp_path), spool, KEY) as sent:
        sent.whole()
        assert sent.place(9) == (None, 9)


def test_an_unknown_column_is_named_by_its_place_and_never_by_its_name(tmp_path: Path, spool: Path) -> None:
    more = tables(columns=lambda names: ["Guadalupe", *names, "Ordóñez"])
    with opened(folder_of(more)(tmp_path), spool, KEY) as sent:
        sent.whole()
        assert [(one.table, one.columns) for one in sent.findings][:2] == [
            ("Header.csv", (1, 8)),
            ("Student.csv", (1, 8)),
        ]
        assert "Guadalupe" not in repr(sent.findings)


# -- what is mended


def test_what_was_sent_is_kept_beside_what_was_mended(tmp_path: Path, spool: Path) -> None:
    path = file_of(text_of(changed(9, "last_name_2", "  RamÃ\u00adrez")))(tmp_path)
    second = read_whole(path, spool)[1]
    assert second.student is not None
    (row,) = [row for row in second.student.rows if row.letter == "D"]
    assert row.elements["last_name_2"] == "Ramírez"
    assert row.raw == {"last_name_2": "  RamÃ\u00adrez"}
    (found,) = second.found
    assert found.values == {"last_name_2": "  RamÃ\u00adrez"}
    assert not found.refused


def test_a_value_that_is_mended_and_then_refused_is_told_as_it_was_sent(tmp_path: Path, spool: Path) -> None:
    path = file_of(text_of(changed(9, "first_name", "JosÃ©" * 20)))(tmp_path)
    second = read_whole(path, spool)[1]
    (found,) = second.found
    assert [one.rule for one in found.findings] == ["too-long", "mojibake"]
    assert found.refused
    assert found.values == {"first_name": "JosÃ©" * 20}


# -- limits


class Endless(io.RawIOBase):
    """A file whose second line does not end: what is read of it is counted."""

    taken = 0
    _at = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        assert whence == 0
        self._at = offset
        return offset

    def read(self, size: int = -1, /) -> bytes:
        first = (text_of().partition("\n")[0] + "\n").encode()
        self.taken += size
        block = first[self._at : self._at + size] + b"x" * size
        self._at += size
        return block[:size]


def test_an_endless_line_is_refused_after_little_more_than_a_megabyte(spool: Path) -> None:
    source = Endless()
    with pytest.raises(SubmissionRefused) as caught, opened(cast("BinaryIO", source), spool, KEY) as sent:
        sent.whole()
    assert (caught.value.rule, caught.value.row) == ("line-too-long", 2)
    assert source.taken < 5_000_000


def test_a_zip_may_not_unpack_to_more_than_its_limit(tmp_path: Path, spool: Path) -> None:
    chance = random.Random(3)  # does not pack, so the limit alone stops it
    noise = "".join(chance.choice("abcdefghij ") for _ in range(300_000))
    wide = tables(changed(6, "enrollment_comment", noise[:100_000]))
    path = file_of(zip_of(wide), "night.zip")(tmp_path)
    limits = Limits(unpacked_bytes=sum(map(len, wide.values())))
    with opened(path, spool, KEY, limits=limits) as sent:
        sent.whole()
    less = Limits(unpacked_bytes=limits.unpacked_bytes - 1)
    with pytest.raises(SubmissionRefused) as caught, opened(path, spool, KEY, limits=less) as sent:
        sent.whole()
    assert caught.value.rule == "zip-bomb"


def test_a_zip_may_hold_as_many_names_as_its_limit(tmp_path: Path, spool: Path) -> None:
    path = sent_as("zip", tmp_path)
    with opened(path, spool, KEY, limits=Limits(entries=9)) as sent:
        sent.whole()
    with pytest.raises(SubmissionRefused) as caught, opened(path, spool, KEY, limits=Limits(entries=8)):
        pass
    assert caught.value.rule == "zip-entries"


def test_a_small_table_may_pack_as_well_as_it_likes(tmp_path: Path, spool: Path) -> None:
    files = tables()
    files["Immunizations.csv"] += b",,,,\r\n" * 500_000
    assert len(read_whole(file_of(zip_of(files), "night.zip")(tmp_path), spool)) == 3


# -- while it is read


def test_a_file_that_is_written_to_while_it_is_read_is_a_conflict(tmp_path: Path, spool: Path) -> None:
    path = sent_as("utf-8", tmp_path)
    with opened(path, spool, KEY) as sent:
        sent.whole()
        sent.check_unchanged()
        with path.open("a") as file:
            file.write("S|0000004||OR|OR7740015|02|I\n")
        with pytest.raises(Conflict):
            sent.check_unchanged()


def test_a_file_that_takes_the_place_of_another_is_a_conflict(tmp_path: Path, spool: Path) -> None:
    path = sent_as("utf-8", tmp_path)
    with opened(path, spool, KEY) as sent:
        sent.whole()
        os.replace(file_of(text_of(), "other.txt")(tmp_path), path)
        with pytest.raises(Conflict):
            sent.check_unchanged()


@pytest.mark.parametrize("kind", ["windows-1252", "folder", "zip"])
def test_what_is_read_as_a_copy_may_be_written_to(kind: str, tmp_path: Path, spool: Path) -> None:
    path = sent_as(kind, tmp_path)
    with opened(path, spool, KEY) as sent:
        looked = sent.whole()
        for file in (path / "Demographics.csv", path / "Student.csv") if path.is_dir() else (path,):
            file.write_bytes(b"something else")
        sent.check_unchanged()
        assert [one.state_student_id for one in students(looked, scanned=scan(looked))] == list(STUDENTS)


def test_bytes_that_are_no_text_any_more_are_refused_without_them(tmp_path: Path, spool: Path) -> None:
    path = sent_as("utf-8", tmp_path)
    with opened(path, spool, KEY) as sent:
        scanned = scan(sent.whole())
        content = path.read_bytes()
        path.write_bytes(content.replace(b"Efrain", b"Wilb\xe9r"))
        with pytest.raises(SubmissionRefused) as caught:
            list(students(sent.whole(), scanned=scanned))
    assert (caught.value.rule, caught.value.row) == ("encoding", 9)
    assert caught.value.__context__ is None


# -- whatever comes


@pytest.mark.parametrize("size", [1, 3, 64, 1000])
@pytest.mark.parametrize("kind", ["utf-8", "windows-1252", "utf-16", "folder", "zip"])
def test_what_is_read_does_not_hang_on_where_a_block_ends(
    kind: str, size: int, tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sent_as(kind, tmp_path)
    wanted = read_whole(path, spool)
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    assert read_whole(path, spool) == wanted


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    place=st.integers(0, 10_000),
    change=st.one_of(st.binary(max_size=4), st.just(b"\0" * 20), st.just(b"PK\1\2"), st.just(b"PK\5\6")),
    cut=st.integers(0, 40),
    kind=st.sampled_from(["utf-8", "windows-1252", "utf-16", "zip", "stored"]),
)
def test_any_bytes_at_all_are_read_or_refused(
    tmp_path: Path, spool: Path, place: int, change: bytes, cut: int, kind: str
) -> None:
    if kind in ("zip", "stored"):
        content = zip_of(tables(), method=8 if kind == "zip" else 0)
    else:
        content = text_of().encode({"windows-1252": "cp1252"}.get(kind, kind))
    place %= len(content)
    content = content[:place] + change + content[place + cut :]
    path = file_of(content, "any")(tmp_path)
    refusal: SubmissionRefused | None = None
    sent: Sent
    try:
        with opened(path, spool, KEY) as sent:
            looked = sent.whole()
            rows = sum(one.row_count for one in students(looked, scanned=scan(looked)))
            assert rows == sent.header().rows
    except SubmissionRefused as error:
        refusal = error
    assert refusal is None or refusal.remedy
