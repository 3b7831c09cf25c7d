"""What the matcher did since a position, by state."""

from __future__ import annotations

from msgspec.structs import replace

from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.case import CaseOpened
from ledger.match_writing import ACTOR
from ledger.matched import Tally, matched_since
from ledger.store.append import Append, Part
from support.matching_children import doubtful, settled, wilber
from support.matching_runs import MatchingRuns


def test_what_was_linked_and_asked_is_told_by_the_state_of_the_record(ledger: Ledger) -> None:
    matching = MatchingRuns(ledger)
    matching.tells(settled("TX", "1"), doubtful("MI", "2"))
    matching.runs()
    told = matched_since(ledger.log, 0)
    assert sum(tally.asked for tally in told.values()) == 1
    assert set(told) <= {"TX", "MI"}
    assert matched_since(ledger.log, matching.head()) == {}


def test_a_question_about_a_record_that_was_destroyed_as_it_was_asked_is_told_of_no_state(ledger: Ledger) -> None:
    matching = MatchingRuns(ledger)
    matching.tells(settled("TX", "1"), doubtful("MI", "2"), wilber("CA", "3"))
    matching.runs()
    head = matching.head()
    ((_, opened),) = matching.cases()
    event: CaseOpened = replace(opened, records=[])
    case = "0190c5d2-0000-7000-8000-000000000001"
    ledger.log.append(
        Append(
            parts=[Part(stream=f"case/{case}", subject=case, expected=0, events=[event])],
            meta=Meta(actor=ACTOR),
        )
    )
    assert matched_since(ledger.log, head) == {"": Tally(asked=1)}
