"""Law 8: at any position a read model equals the naive fold of what can be opened; a rebuild equals the live one.

Here the events are drawn, not the commands: every event that may follow follows, in records that interleave, with acts
of linkage between them that the store decides, and they are folded in batches of any size.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import Ledger
from ledger.events import Erased, Recorded
from ledger.events.disclosure import Disclosed, DisclosureRefused
from ledger.events.record import Enrolled, RecordOpened, ResidencyChanged
from ledger.store.append import Append, Part
from ledger.store.database import Role
from projections import PROJECTIONS, disclosures
from projections.consolidation import consolidate
from projections.projection import digest
from projections.record_words import fold_record
from support.linkage_tapes import STEPS, Step, act
from support.naive_fold import told_by
from support.naive_linkage import students_told
from support.says_all import assert_says_all
from support.sections import facts_shown
from support.stories import BATCHES, PIECES, append, destroy, own_story
from support.telling import Teller, histories, opened, record_uuid
from support.worlds import META, World


def assert_is_the_fold(world: World, log: Sequence[Recorded], until: int | None = None) -> None:
    """Every record that can be opened is shown as told, with those linked to it; every id ever minted resolves.

    log: of the example, whole. until: position that the read model has reached, where it is not at the end.
    """
    until = until or (log[-1].position if log else 0)
    told = told_by([recorded for recorded in log if recorded.position <= until])
    students = students_told(log, until)
    assert shown_with(world, told) == {student.student_id for student in students if told.keys() & student.records}
    for student in students:
        there = {record: told[record] for record in student.records if record in told}
        row = world.student(student.student_id)
        if not there:
            assert row is None
            continue
        assert row is not None
        status = "open" if any(record["status"] == "open" for record in there.values()) else "retracted"
        assert (row.student_id, row.status, row.records) == (student.student_id, status, list(there))
        assert row.position == max(student.linked, *(record["position"] for record in there.values()))
        for record in there.values():
            assert world.student(record["student_id"]) == row._replace(asked=record["student_id"])
        core = json.loads(row.sections["core"])
        assert [(entry["record"], entry["student_id"], entry["minted"]) for entry in core["records"]] == [
            (name, student.student_id, record["student_id"]) for name, record in there.items()
        ]
        assert_says_all(row.sections, there)


def shown_with(world: World, records: Iterable[str]) -> set[str]:
    """Ids of the students that show one of these records."""
    with world.database.connect(Role.READER) as connection:
        rows = connection.execute("select student_id from students.students where records && %s", (list(records),))
        return {row[0] for row in rows.fetchall()}


TAPES = st.lists(STEPS, max_size=12)
ACTS_AT_ONCE = 2


def minted_by(story: Sequence[Recorded]) -> list[str]:
    return [recorded.event.student_id for recorded in story if isinstance(recorded.event, RecordOpened)]


def test_law_8_a_read_model_is_the_naive_fold_in_batches_of_any_size(
    world: World, sized: Callable[..., settings]
) -> None:
    @sized(30)
    @given(histories(records_max=4), PIECES, BATCHES, TAPES, st.integers(0, 9))
    def law(
        drawn: list[Recorded], pieces: list[tuple[int, int]], rebuilt_in: int, tape: list[Step], held_back: int
    ) -> None:
        story, start, at = own_story(world, drawn), world.head(), 0
        reached = start
        while at < len(story):
            for size, batch in pieces:
                append(world.ledgers[0].log, story[at : at + size])
                at += size
                for step in tape[:ACTS_AT_ONCE]:
                    act(world.ledgers[1], minted_by(story[:at]), step)
                tape = tape[ACTS_AT_ONCE:]
                log = world.events(start)
                # An end between two copies of an act is an end as any other.
                until = max(world.head() - held_back, reached)
                world.project(batch, until=until)
                assert_is_the_fold(world, log, until)
                world.project(batch)
                assert_is_the_fold(world, log)
                reached = world.head()
        live = world.digest()
        world.rebuild(rebuilt_in * 50)
        assert world.digest() == live

    law()


def test_law_8_holds_for_what_can_still_be_opened(world: World, sized: Callable[..., settings]) -> None:
    """After a key is destroyed, a rebuild shows what the others open, and nothing else; who was joined stays joined."""

    @sized(15)
    @given(histories(records_max=3), st.sampled_from(["education", "eligibility"]), TAPES)
    def law(drawn: list[Recorded], key_class: str, tape: list[Step]) -> None:
        story, start = own_story(world, drawn), world.head()
        append(world.ledgers[0].log, story)
        for step in tape:
            act(world.ledgers[1], minted_by(story), step)
        world.project(100)
        name = story[0].stream.removeprefix("record/")
        destroy(world, name, key_class)
        log = world.events(start)
        lost = {recorded.position for recorded in log if isinstance(recorded.event, Erased)}
        assert lost == {
            there.position
            for there, told in zip(log, story, strict=False)
            if told.stream == story[0].stream and told.event.key_class() == key_class
        }
        world.rebuild(1000)
        assert_is_the_fold(world, log)
        assert isinstance(story[0].event, RecordOpened)
        row = world.student(story[0].event.student_id)
        if key_class == "education":
            assert row is None or name not in row.records

    law()


def test_a_later_residency_is_shown_without_what_only_the_one_before_said() -> None:
    """Found by the laws: the verification of a district that the child had left stood beside the new district."""
    teller, stream = Teller(), f"record/{record_uuid(1)}"
    first = {
        "district_of_residence": "4110001",
        "residency_date": "2025-01-02",
        "residency_verification_date": "2025-02-20",
    }
    second = {"district_of_residence": "4110002", "residency_date": "2025-02-02"}
    teller.tell(stream, opened(1), Enrolled(fact=1, elements={"enrollment_date": "2025-01-06"}))
    teller.tell(stream, *(ResidencyChanged(fact=n, enrollment=1, elements=e) for n, e in ((2, first), (3, second))))
    record = fold_record(teller.log)
    assert record is not None
    [shown] = facts_shown(consolidate(record.student_id, [record]).sections).values()
    assert shown.row == {"enrollment_date": "2025-01-06", **second}
    assert shown.residencies == [first, second]


# -- the other read model


def entries() -> st.SearchStrategy[list[tuple[int, bool, bool]]]:
    """Which record, shown or refused, changed since or not."""
    return st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=20)


def test_law_8_disclosures_are_the_naive_fold_of_the_access_log(world: World, sized: Callable[..., settings]) -> None:
    @sized(15)
    @given(entries(), BATCHES, BATCHES)
    def law(drawn: list[tuple[int, bool, bool]], first: int, second: int) -> None:
        example = int(world.next_example()) * 10
        records = [str(uuid.UUID(int=example + n)) for n in range(3)]
        for number, (record, shown, not_modified) in enumerate(drawn):
            disclose(world.ledgers[number % 2], records[record], shown, not_modified)
            if number == len(drawn) // 2:
                world.project(first, disclosures.PROJECTION)
        world.project(second, disclosures.PROJECTION)
        outcomes = {(False, False): "refused", (False, True): "refused", (True, False): "shown"}
        with world.database.connect(Role.READER) as connection:
            for n, record in enumerate(records):
                told = [outcomes.get(entry[1:], "not-modified") for entry in drawn if entry[0] == n]
                rows = disclosures.find(connection, [record])
                assert [row.outcome for row in reversed(rows)] == told
            live = digest(connection, disclosures.PROJECTION)
            world.rebuild(first * 20, disclosures.PROJECTION)
            assert digest(connection, disclosures.PROJECTION) == live

    law()


def disclose(ledger: Ledger, record: str, shown: bool, not_modified: bool) -> None:
    about: dict[str, Any] = {
        "student_id": "1",
        "view": "student",
        "role": "auditor",
        "organisation": "OR",
        "purpose": "p",
        "basis": "b",
    }
    event = DisclosureRefused(**about, rule="role")
    if shown:
        event = Disclosed(**about, sections=["core"], position=1, not_modified=not_modified)
    part = Part(stream=f"disclosure/{record}", subject=record, expected=None, events=[event])
    ledger.access.append(Append(parts=[part], meta=META))


def test_every_read_model_is_held_here() -> None:
    """All but ``students`` and ``disclosures``: in files of their own."""
    held = [
        "students",
        "search",
        "submissions",
        "records",
        "worklist",
        "disclosures",
        "accounts",
        "readers",
        "audit_trail",
        "retention",
    ]
    assert [projection.name for projection in PROJECTIONS] == held
