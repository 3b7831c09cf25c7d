"""What holds of placing a student's rows, whatever the record held and whatever is sent."""

from __future__ import annotations

import msgspec
from hypothesis import given as each
from hypothesis import strategies as st

from ledger.events import Event
from ledger.events.record import (
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.facts import Row, StudentRows
from ledger.intake.student import Decision, place_student
from ledger.jurisdiction import DEFAULT, Profile
from ledger.record import fold
from support.commands import histories
from support.rows import MINTED, students

PROFILES = st.sampled_from([DEFAULT, Profile(record_ids="stable")])
UPDATES = students(actions=st.just("U"))


def placed(sent: StudentRows, events: list[Event], profile: Profile) -> Decision:
    return place_student(sent, fold(events), MINTED, profile)


class Plain:
    """A record as plain dictionaries, told by events: the reference that the deciders are held against."""

    def __init__(self, events: list[Event]) -> None:
        self.rows: dict[int, tuple[str, dict[str, str]]] = {}
        self.parts: dict[int, tuple[int, dict[str, str]]] = {}
        for event in events:
            self.tell(event)

    def tell(self, event: Event) -> None:
        if isinstance(event, RecordOpened | RecordReinstated | RecordRetracted):
            self.rows.clear()
            self.parts.clear()
        elif isinstance(event, Withdrawn | ResidencyChanged):
            self.parts[event.fact] = (event.enrollment, dict(event.elements))
        elif isinstance(event, FactStated):
            self.rows[event.fact] = (event.letter, dict(event.elements))
        elif isinstance(event, FactCorrected) and event.fact:
            elements = (self.rows.get(event.fact) or self.parts[event.fact])[1]
            for name, (_, after) in event.elements.items():
                elements.pop(name, None)
                if after is not None:
                    elements[name] = after
        elif isinstance(event, FactRetracted):
            self.rows.pop(event.fact, None)
            self.parts.pop(event.fact, None)
            self.parts = {fact: part for fact, part in self.parts.items() if part[0] != event.fact}

    def live(self) -> list[tuple[str, dict[str, str]]]:
        """Each live row whole: of its enrollment's residencies, the one with the highest id counts."""
        whole = {fact: (letter, dict(elements)) for fact, (letter, elements) in self.rows.items()}
        residencies = {
            enrollment: elements
            for _, (enrollment, elements) in sorted(self.parts.items())
            if "withdrawal_date" not in elements
        }
        for enrollment, elements in self.parts.values():
            if "withdrawal_date" in elements:
                whole[enrollment][1].update(elements)
        for enrollment, elements in residencies.items():
            whole[enrollment][1].update(elements)
        return list(whole.values())


@each(histories(), students(), PROFILES)
def test_every_row_that_was_placed_is_a_live_row_of_the_record(
    events: list[Event], sent: StudentRows, profile: Profile
) -> None:
    decision = placed(sent, events, profile)
    live = Plain([*events, *decision.events]).live()
    for row, outcome in zip(sent.rows, decision.outcomes[1:], strict=True):
        assert outcome.outcome != "refused"
        assert (row.letter, row.elements) in live


@each(histories(), students(), PROFILES)
def test_the_fact_that_an_outcome_names_says_what_the_row_says(
    events: list[Event], sent: StudentRows, profile: Profile
) -> None:
    decision = placed(sent, events, profile)
    plain = Plain([*events, *decision.events])
    for row, outcome in zip(sent.rows, decision.outcomes[1:], strict=True):
        assert outcome.fact is not None
        letter, elements = plain.rows[outcome.fact]
        assert letter == row.letter
        assert elements.items() <= row.elements.items()


@each(histories(), UPDATES, PROFILES)
def test_law_2_the_same_student_again_is_nothing(events: list[Event], sent: StudentRows, profile: Profile) -> None:
    first = placed(sent, events, profile)
    again = placed(sent, [*events, *first.events], profile)
    assert again.events == []
    assert {outcome.outcome for outcome in again.outcomes} == {"unchanged"}


@each(histories(), UPDATES, PROFILES, st.data())
def test_the_same_rows_in_any_order_under_any_record_ids_are_nothing(
    events: list[Event], sent: StudentRows, profile: Profile, data: st.DataObject
) -> None:
    first = placed(sent, events, profile)
    shuffled = data.draw(st.permutations(sent.rows))
    numbers = data.draw(
        st.lists(st.sampled_from(["001", "002", "003", "777", None]), min_size=len(shuffled), max_size=len(shuffled))
    )
    renumbered = [msgspec.structs.replace(row, record_id=number) for row, number in zip(shuffled, numbers, strict=True)]
    again = placed(msgspec.structs.replace(sent, rows=renumbered), [*events, *first.events], profile)
    assert again.events == []


@each(histories(), UPDATES, st.lists(st.sampled_from("KDQECAI"), max_size=3), st.sampled_from(["001", "002"]))
def test_law_2_holds_with_rows_that_retract(
    events: list[Event], sent: StudentRows, letters: list[str], number: str
) -> None:
    stable = Profile(record_ids="stable")
    bare = [Row(letter, {}, number) for letter in letters]
    sent = msgspec.structs.replace(sent, rows=[*bare, *sent.rows])
    first = placed(sent, events, stable)
    assert placed(sent, [*events, *first.events], stable).events == []


@each(histories(), students(), PROFILES)
def test_a_correction_names_what_stood_before_and_only_what_changed(
    events: list[Event], sent: StudentRows, profile: Profile
) -> None:
    plain = Plain(events)
    for event in placed(sent, events, profile).events:
        if isinstance(event, FactCorrected) and event.fact:
            before = (plain.rows.get(event.fact) or plain.parts[event.fact])[1]
            assert event.elements
            for name, (was, now) in event.elements.items():
                assert was == before.get(name)
                assert was != now
        plain.tell(event)


@each(histories(), students(), PROFILES)
def test_a_row_changes_no_fact_but_the_one_it_speaks_of(
    events: list[Event], sent: StudentRows, profile: Profile
) -> None:
    """Counted by lines: give each row a line, and see which facts its events touch."""
    rows = [msgspec.structs.replace(row, number=line) for line, row in enumerate(sent.rows, start=1)]
    decision = placed(msgspec.structs.replace(sent, rows=rows), events, profile)
    state = fold([*events, *decision.events])
    assert state is not None
    spoken = {outcome.row: outcome.fact for outcome in decision.outcomes[1:]}
    for event in decision.events:
        line = getattr(event, "source_row", None)
        if line is not None:
            fact = state.facts[getattr(event, "fact", 0)]
            assert (fact.enrollment or fact.id) == spoken[line]
