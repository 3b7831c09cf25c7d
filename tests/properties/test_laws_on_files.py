"""Law 2 on files: again is nothing, and neither chunks nor how rows are split into files change what is held.

And of the digest by which ledgers are compared: equal content has one digest, and whatever is told otherwise another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import Ledger
from ledger.facts import StudentRows
from ledger.intake.submission import Report, submit
from ledger.record import fold
from ledger.store.database import Database
from support import sending
from support.content import content_of, digest_of, record_content
from support.files import NEXT_NIGHT, student, write
from support.nightly_files import FORMS, Form, write_night
from support.worlds import World

NewLedger = Callable[..., Ledger]


class Nights:
    """Files of one state in a world, each of a later night than the one before."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.instants = (datetime(2025, 8, 1, tzinfo=UTC) + timedelta(minutes=n) for n in count())
        self._folder = folder

    def write(self, students: list[StudentRows], form: Form, instant: datetime) -> Path:
        return write_night(self._folder / f"{instant:%m%d%H%M}-{form.kind}", "OR", instant, students, form)

    def send(self, path: Path, chunk_rows: int = 4_000) -> Report:
        report = submit(self.world.ledgers[0], path, "registrar", chunk_rows=chunk_rows)
        return msgspec.structs.replace(report, seconds=0.0)

    def held(self, ssid: str) -> dict[str, Any] | None:
        ledger = self.world.ledgers[1]
        record = ledger.record_of("OR", ssid)
        if record is None:
            return None
        state = fold(recorded.event for recorded in ledger.log.read_stream(f"record/{record}"))
        assert state is not None
        return record_content(state)


@pytest.fixture
def nights(world: World, tmp_path: Path) -> Nights:
    return Nights(world, tmp_path)


STUDENTS = st.lists(sending.student_rows("OR", "", numbered=True), min_size=1, max_size=6)


def named(students: list[StudentRows], prefix: str) -> list[StudentRows]:
    return [msgspec.structs.replace(one, state_student_id=f"{prefix}{n}") for n, one in enumerate(students)]


def test_law_2_the_same_file_again_appends_nothing_however_often_and_a_copy_of_it_neither(
    nights: Nights, sized: Callable[..., settings]
) -> None:
    @sized(25)
    @given(STUDENTS, st.sampled_from(FORMS), st.lists(st.integers(1, 30), min_size=1, max_size=3))
    def law(sent: list[StudentRows], form: Form, chunks: list[int]) -> None:
        students, instant = named(sent, nights.world.next_example()), next(nights.instants)
        path = nights.write(students, form, instant)
        first, head = nights.send(path), nights.world.head()
        for chunk_rows in chunks:
            assert nights.send(path, chunk_rows) == first
        other = {"folder": "zip", "zip": "folder"}.get(form.kind)
        if other is not None:  # the same tables, packed or not
            assert nights.send(nights.write(students, form._replace(kind=other), instant)) == first
        assert nights.world.head() == head

    law()


def test_law_2_any_chunks_and_any_split_into_files_leave_the_same(
    nights: Nights, sized: Callable[..., settings]
) -> None:
    """Whole students go to one file or another; each file comes in chunks of its own size."""

    @sized(30)
    @given(st.lists(STUDENTS, min_size=1, max_size=3), st.data())
    def law(sent: list[list[StudentRows]], data: st.DataObject) -> None:
        example = nights.world.next_example()
        for students in sent:
            whole, parted = named(students, f"{example}W"), named(students, f"{example}P")
            nights.send(nights.write(whole, FORMS[0], next(nights.instants)))
            files = data.draw(st.lists(st.integers(0, 2), min_size=len(parted), max_size=len(parted)))
            for number in sorted(set(files)):
                part = [one for one, file in zip(parted, files, strict=True) if file == number]
                form = data.draw(st.sampled_from(FORMS))
                nights.send(nights.write(part, form, next(nights.instants)), data.draw(st.integers(1, 12)))
            for number in range(len(students)):
                assert nights.held(f"{example}W{number}") == nights.held(f"{example}P{number}")

    law()


# -- the digest


@pytest.fixture
def digest_after(new_database: Callable[[], Database], new_ledger: NewLedger, tmp_path: Path) -> Callable[..., str]:
    """The digest of a new ledger after these students, and then those of a second night if there are any."""

    def digest_after(*first: list[str], then: list[list[str]] | None = None, chunk_rows: int = 4_000) -> str:
        ledger = new_ledger(new_database())
        submit(ledger, write(tmp_path / "1.txt", *first), "nightly", chunk_rows=chunk_rows)
        if then is not None:
            submit(ledger, write(tmp_path / "2.txt", *then, night=NEXT_NIGHT), "nightly")
        return digest_of(content_of(ledger))

    return digest_after


def test_equal_content_has_one_digest_whatever_is_minted_and_however_it_was_cut(
    digest_after: Callable[..., str],
) -> None:
    told = [student(1, "C|001|Algebra"), student(2, "E|001|20259999|03|Valor"), student(3)]
    assert digest_after(*told) == digest_after(*told, chunk_rows=1)


def test_a_changed_element_a_missing_fact_another_outcome_each_change_the_digest(
    digest_after: Callable[..., str],
) -> None:
    one, two = student(1, "C|001|Algebra"), student(2)
    refused, otherwise = (
        student(1, "C|001|Algebra", "E|001|20259999|03|Valor"),
        student(1, "C|001|Algebra", "E|001||03|V"),
    )
    digests = {
        "as it is": digest_after(one, two),
        "a changed element": digest_after(student(1, "C|001|Algebra I"), two),
        "a missing fact": digest_after(student(1), two),
        "a missing student": digest_after(one),
        "a refused row": digest_after(refused, two),
        "a row refused for another reason": digest_after(otherwise, two),
        "a second night that changes nothing": digest_after(one, two, then=[student(1, "C|001|Algebra", action="U")]),
        "a record taken back": digest_after(one, two, then=[["S|0000001||OR|OR0000001|02|D"]]),
        "a value that was there before": digest_after(student(1, "C|001|Geometry"), two, then=[one]),
    }
    assert len(set(digests.values())) == len(digests), digests


def test_every_part_of_a_content_is_in_its_digest(ledger: Ledger, tmp_path: Path) -> None:
    submit(ledger, write(tmp_path / "1.txt", student(1, "C|001|Algebra", "E|001|20259999|03|Valor")), "nightly")
    content = dict(content_of(ledger))
    digests = [digest_of(content)]
    for path in _leaves(content):
        other = msgspec.json.decode(msgspec.json.encode(content))
        _change(other, path)
        digests.append(digest_of(other))
    assert len(digests) > 40
    assert len(set(digests)) == len(digests)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    children = list(items)
    if not children:
        yield path
    for key, child in children:
        yield from _leaves(child, (*path, key))


def _change(value: Any, path: tuple[Any, ...]) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = "another"
