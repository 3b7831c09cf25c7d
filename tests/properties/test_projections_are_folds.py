"""Law 8: at any position a read model equals the naive fold of what can be opened; a rebuild equals the live one.

Here the events are drawn, not the commands: every event that may follow follows, in records that interleave, and they
are folded in batches of any size.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

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
from support.naive_fold import live_rows, told_by, words_shown, words_told
from support.sections import facts_shown
from support.stories import BATCHES, PIECES, append, destroy, own_story
from support.telling import Teller, histories, opened, record_uuid
from support.worlds import META, World


def assert_is_the_fold(world: World, log: Sequence[Recorded]) -> None:
    """Every record that can be opened is shown as told; every id ever minted resolves."""
    for record, told in told_by(log).items():
        student = world.student(told["student_id"])
        assert student is not None
        assert (student.student_id, student.status, student.records) == (told["student_id"], told["status"], [record])
        assert student.position == told["position"]
        shown = facts_shown(student.sections)
        assert {n: (fact.letter, fact.row) for (_, n), fact in shown.items()} == live_rows(told)
        assert words_shown(student.sections) == words_told(told)


def test_law_8_a_read_model_is_the_naive_fold_in_batches_of_any_size(
    world: World, sized: Callable[..., settings]
) -> None:
    @sized(30)
    @given(histories(), PIECES, BATCHES)
    def law(drawn: list[Recorded], pieces: list[tuple[int, int]], rebuilt_in: int) -> None:
        story, start, at = own_story(world, drawn), world.head(), 0
        while at < len(story):
            for size, batch in pieces:
                append(world.ledgers[0].log, story[at : at + size])
                at += size
                world.project(batch)
                assert_is_the_fold(world, world.events(start))
        live = world.digest()
        world.rebuild(rebuilt_in * 50)
        assert world.digest() == live

    law()


def test_law_8_holds_for_what_can_still_be_opened(world: World, sized: Callable[..., settings]) -> None:
    """After a key is destroyed, a rebuild shows what the others open, and nothing else."""

    @sized(15)
    @given(histories(records_max=2), st.sampled_from(["education", "eligibility"]))
    def law(drawn: list[Recorded], key_class: str) -> None:
        story, start = own_story(world, drawn), world.head()
        append(world.ledgers[0].log, story)
        world.project(100)
        destroy(world, story[0].stream.removeprefix("record/"), key_class)
        log = world.events(start)
        lost = {recorded.position for recorded in log if isinstance(recorded.event, Erased)}
        assert lost == {
            there.position
            for there, told in zip(log, story, strict=True)
            if told.stream == story[0].stream and told.event.key_class() == key_class
        }
        world.rebuild(1000)
        assert_is_the_fold(world, log)
        if key_class == "education":
            assert isinstance(story[0].event, RecordOpened)
            assert world.student(story[0].event.student_id) is None

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
    about = {
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
    """``search``, ``submissions`` and ``records`` in a file of their own, beside this one."""
    held = ["students", "search", "submissions", "records", "disclosures"]
    assert [projection.name for projection in PROJECTIONS] == held
