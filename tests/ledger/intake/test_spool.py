"""The sealed temporary file: what is written is read back, by whoever has the key, or not at all."""

from __future__ import annotations

import io
import os
import resource
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.intake import spool
from ledger.intake.spool import BLOCK_BYTES, SpoolBroken, SpoolReader, SpoolWriter

KEY = bytes(range(32))
SECRET = b"Guadalupe Ordonez 2012-03-14\n"
SIZES = (0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 100_000)


def sealed(path: Path, content: bytes, key: bytes = KEY) -> Path:
    with SpoolWriter(path, key) as out:
        out.write(content)
    return path


def content_of(size: int) -> bytes:
    return bytes(place * 7 % 251 for place in range(size))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1 << 20, 5000])
def test_what_is_written_is_read(size: int, piece: int, tmp_path: Path) -> None:
    content = content_of(size)
    with SpoolWriter(tmp_path / "a.spool", KEY) as out:
        for place in range(0, size, piece):
            assert out.write(content[place : place + piece]) == len(content[place : place + piece])
    with SpoolReader(tmp_path / "a.spool", KEY) as file:
        assert file.read() == content
        assert file.read() == b""
        assert file.tell() == size


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.sampled_from(SIZES),
    steps=st.lists(st.tuples(st.integers(0, 120_000), st.integers(0, 70_000), st.sampled_from(["set", "end", "cur"]))),
)
def test_it_is_read_and_sought_in_as_any_file(tmp_path: Path, size: int, steps: list[tuple[int, int, str]]) -> None:
    plain = io.BytesIO(content_of(size))
    with SpoolReader(sealed(tmp_path / "a.spool", content_of(size)), KEY) as file:
        for offset, length, how in steps:
            if how == "set":
                assert file.seek(offset) == plain.seek(offset)
            elif how == "end":
                assert file.seek(-min(offset, size), os.SEEK_END) == plain.seek(-min(offset, size), os.SEEK_END)
            else:
                assert file.seek(length, os.SEEK_CUR) == plain.seek(length, os.SEEK_CUR)
            assert file.read(length) == plain.read(length)
            assert file.tell() == plain.tell()


def test_a_place_before_the_beginning_is_an_error(tmp_path: Path) -> None:
    with SpoolReader(sealed(tmp_path / "a.spool", SECRET), KEY) as file, pytest.raises(OSError, match="beginning"):
        file.seek(-1)


def test_nothing_stands_in_clear(tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.spool", SECRET * 5000)
    assert b"Guadalupe" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_key_seals_two_files_that_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = (sealed(tmp_path / name, SECRET * 5000).read_bytes() for name in ("a.spool", "b.spool"))
    head = 16
    assert one[:head] == other[:head]
    assert not set(zip(*[iter(one[head:])] * 16, strict=False)) & set(zip(*[iter(other[head:])] * 16, strict=False))


def test_another_process_reads_it_with_the_key(tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.spool", SECRET * 5000)
    program = (
        "import sys; from pathlib import Path; from ledger.intake.spool import SpoolReader\n"
        "with SpoolReader(Path(sys.argv[1]), bytes.fromhex(sys.argv[2])) as file:\n"
        f"    file.seek({len(SECRET)} * 4999); print(file.read().decode(), end='')"
    )
    done = subprocess.run([sys.executable, "-c", program, path, KEY.hex()], check=True, capture_output=True, timeout=60)
    assert done.stdout == SECRET


def test_the_standard_library_reads_a_zip_from_it(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Student.csv", SECRET * 5000)
    with (
        SpoolReader(sealed(tmp_path / "a.spool", packed.getvalue()), KEY) as file,
        zipfile.ZipFile(file.as_file()) as archive,
    ):
        assert archive.read("Student.csv") == SECRET * 5000


def broken(path: Path, key: bytes = KEY) -> SpoolBroken:
    with pytest.raises(SpoolBroken) as caught, SpoolReader(path, key) as file:
        file.read()
    assert caught.value.filename == str(path)
    assert "Guadalupe" not in f"{caught.value!r} {caught.value.__context__!r}"
    return caught.value


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    assert "another key" in str(broken(sealed(tmp_path / "a.spool", SECRET), bytes(32)))


@pytest.mark.parametrize("place", [0, 20, 40, 48, 49, 5000, 48 + BLOCK_BYTES + 16, -17, -1])
def test_a_byte_that_was_turned_is_found(place: int, tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.spool", SECRET * 2000)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    broken(path)


@pytest.mark.parametrize("blocks", [0, 1, 2, 3])
@pytest.mark.parametrize("more", [0, 1, 16, 17, 5000])
def test_a_file_that_was_cut_off_does_not_open(blocks: int, more: int, tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.spool", content_of(4 * BLOCK_BYTES))
    os.truncate(path, 48 + blocks * (BLOCK_BYTES + 16) + more)
    with pytest.raises(SpoolBroken):
        SpoolReader(path, KEY)


@pytest.mark.parametrize("size", [0, 1, 47])
def test_a_file_without_its_head_does_not_open(size: int, tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.spool", SECRET)
    os.truncate(path, size)
    with pytest.raises(SpoolBroken):
        SpoolReader(path, KEY)


def test_a_file_that_grew_does_not_open(tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.spool", content_of(BLOCK_BYTES))
    path.write_bytes(path.read_bytes() + bytes(BLOCK_BYTES + 16))
    with pytest.raises(SpoolBroken):
        SpoolReader(path, KEY)


def test_blocks_that_changed_places_are_found(tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.spool", content_of(3 * BLOCK_BYTES))
    content = path.read_bytes()
    size = BLOCK_BYTES + 16
    head, first, second, last = (
        content[:48],
        content[48 : 48 + size],
        content[48 + size : 48 + 2 * size],
        content[-size:],
    )
    path.write_bytes(head + second + first + last)
    broken(path)


def test_a_block_of_another_file_under_the_same_key_is_found(tmp_path: Path) -> None:
    one = sealed(tmp_path / "a.spool", content_of(3 * BLOCK_BYTES)).read_bytes()
    path = sealed(tmp_path / "b.spool", content_of(3 * BLOCK_BYTES))
    other = path.read_bytes()
    size = BLOCK_BYTES + 16
    path.write_bytes(other[:48] + one[48 : 48 + size] + other[48 + size :])
    broken(path)


def test_what_fails_while_it_is_written_leaves_no_file(tmp_path: Path) -> None:
    with suppress(RuntimeError), SpoolWriter(tmp_path / "a.spool", KEY) as out:
        out.write(SECRET * 5000)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_not_closed_does_not_open(tmp_path: Path) -> None:
    out = SpoolWriter(tmp_path / "a.spool", KEY)
    out.write(content_of(100 * BLOCK_BYTES))
    with pytest.raises(SpoolBroken):
        SpoolReader(tmp_path / "a.spool", KEY)
    out.close()
    out.close()
    with SpoolReader(tmp_path / "a.spool", KEY) as file:
        assert file.read() == content_of(100 * BLOCK_BYTES)


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    path.write_bytes(b"half of it")
    with SpoolReader(sealed(path, SECRET), KEY) as file:
        assert file.read() == SECRET


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "a.spool").symlink_to(tmp_path / "other")
    sealed(tmp_path / "a.spool", SECRET)
    assert (tmp_path / "other").read_bytes() == b"precious"


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """As on a disk that is full: what goes beyond is refused by the system."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 300_000])
def test_a_full_disk_is_told_and_leaves_no_file(size: int, tmp_path: Path) -> None:
    with files_no_larger_than(size), pytest.raises(OSError, match="too large"):
        sealed(tmp_path / "a.spool", content_of(1_000_000))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SpoolWriter(tmp_path / "gone" / "a.spool", KEY)
    with pytest.raises(FileNotFoundError):
        SpoolReader(tmp_path / "gone" / "a.spool", KEY)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_a_mistake_of_the_caller(length: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SpoolWriter(tmp_path / "a.spool", bytes(length))
    assert list(tmp_path.iterdir()) == []


def test_memory_holds_a_few_blocks_however_much_is_read(tmp_path: Path) -> None:
    with SpoolReader(sealed(tmp_path / "a.spool", content_of(200 * BLOCK_BYTES)), KEY) as file:
        while file.read(1000):
            pass
        assert len(file._opened) == spool._OPENED_MAX


def test_one_without_a_name_is_written_and_read_and_leaves_nothing_whenever_its_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    content = content_of(5 * BLOCK_BYTES)
    with SpoolWriter(path, KEY, nameless=True) as out:
        out.write(content)
        assert not path.exists(), "not while it is written either"
    with out.reader() as file:
        assert file.read() == content
    assert list(tmp_path.iterdir()) == []


def test_one_without_a_name_that_is_abandoned_is_closed_and_removes_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    with suppress(RuntimeError), SpoolWriter(path, KEY, nameless=True) as out:
        path.write_bytes(b"another's")
        out.write(SECRET)
        raise RuntimeError
    assert path.read_bytes() == b"another's"
