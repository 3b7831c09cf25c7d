"""``sojourn matching calibrate``, and what ``sojourn worklist`` tells of the checks that it rests on."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from api.cli.matching.calibrating import next_command
from api.worklist import COLUMNS
from ledger.application import Ledger
from ledger.audit import APART, RANDOM
from ledger.calibration import Calibration, Links, Shift, upper_bound
from ledger.events.audit import AuditDrawn, KeptApart, Stratum
from ledger.events.case import Link
from ledger.events.policy import PolicyTrained
from ledger.matching.policy import Thresholds
from ledger.matching.shipped import fingerprint, shipped
from ledger.matching.traits import Traits
from ledger.policies import STREAM
from ledger.store.append import Append, Part
from ledger.store.database import Database
from ledger.store.vault import LEDGER
from support.audited import Audited, boy, sister
from support.casework import BEN, WHY
from support.command_line import CommandLine
from support.matching_children import doubtful, settled

POLICY = shipped().version


@pytest.fixture
def audited(database: Database, new_ledger: Callable[..., Ledger]) -> Audited:
    """Three links and two pairs kept apart of January are checked."""
    audited = Audited(database, new_ledger)
    audited.links(0, 1, 2)
    audited.tells(sister(0), sister(1))
    assert len(audited.at(2026, 2, 1)) == 5
    return audited


def told(sojourn: CommandLine) -> dict[str, Any]:
    (found,) = sojourn.json("matching", "calibrate")
    assert found["policy"] == POLICY
    return found


def strata(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["stratum"]: check for check in found["checked"]}


def weight(audited: Audited, act: str) -> int:
    decision = audited.link(act).decision
    assert decision is not None
    return decision.weight


def test_the_worklist_of_the_command_line_tells_of_a_check_its_two_records_alone(
    audited: Audited, sojourn: CommandLine
) -> None:
    text = sojourn.run("worklist").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert {row["case_id"] for row in rows} == set(audited.opened())
    assert {(row["kind"], row["score"], row["student_id_b"]) for row in rows} == {("blind-check", "", "")}
    assert all(row["state_student_id_a"] and row["state_student_id_b"] for row in rows)
    both = text + str(sojourn.json("worklist"))
    acts = {link.act for link in audited.matching.links()}
    assert not [word for word in (POLICY, *acts, *audited.matching.minted().values()) if word in both]


def test_what_the_matcher_found_of_a_check_is_not_told_while_it_is_open(audited: Audited, sojourn: CommandLine) -> None:
    for case in audited.opened():
        told = sojourn.run("matching", "explain", "--case", case, code=1)
        assert told.stdout == ""
        assert "is answered without knowing what the matcher found" in told.stderr


def test_before_anybody_has_answered_it_tells_what_was_drawn_and_bounds_nothing(
    audited: Audited, sojourn: CommandLine
) -> None:
    found = told(sojourn)
    assert (found["links"], found["links_taken_back"], found["answered"], found["bands"]) == (3, 0, 0, [])
    assert (found["shift"], found["next"]) == (None, None)
    checks = strata(found)
    assert {name: (one["drawn"], one["answered"], one["wrong_at_most"]) for name, one in checks.items()} == {
        RANDOM: (3, 0, None),
        APART: (2, 0, None),
    }
    assert found["links_expected_wrong"] == pytest.approx(
        sum(1 / (1 + 2 ** (weight(audited, link.act) / 1000)) for link in audited.matching.links()), abs=1e-4
    )


def test_a_policy_that_has_decided_nothing_is_not_there(audited: Audited, sojourn: CommandLine) -> None:
    assert sojourn.json("matching", "calibrate", "--policy", POLICY) == sojourn.json("matching", "calibrate")
    assert sojourn.run("matching", "calibrate", "--policy", "other", code=None).returncode != 0
    assert audited.opened()


def test_a_ledger_without_matching_says_so(sojourn: CommandLine) -> None:
    assert sojourn.json("matching", "calibrate") == []
    assert "Nothing was linked" in sojourn.run("matching", "calibrate").stdout


def test_of_a_policy_that_this_release_cannot_read_all_is_told_but_what_might_be_next(
    audited: Audited, sojourn: CommandLine
) -> None:
    old, ledger = "sojourn-1", audited.ledger
    text = '{"code": 1}'
    trained = PolicyTrained(version=old, policy=text, sha256=fingerprint(text), records=0)
    pairs = [KeptApart("a", "b", -5_000)]
    drawn = AuditDrawn(month="2025-12", policy=old, strata=[Stratum(name=APART, wanted=1, there=1, pairs=pairs)])
    for stream, event in ((STREAM, trained), ("audit/2025-12", drawn)):
        part = Part(stream=stream, subject=LEDGER[0], expected=None, events=[event])
        ledger.log.append(Append(parts=[part], meta=BEN))
    of_old, of_now = sojourn.json("matching", "calibrate")
    assert (of_old["policy"], of_old["next"], strata(of_old)[APART]["drawn"]) == (old, None, 1)
    assert (of_now["policy"], of_now["links"]) == (POLICY, 3)


def test_answers_of_the_audit_are_counted_by_stratum_with_their_bound(audited: Audited, sojourn: CommandLine) -> None:
    first, second, third = audited.drawn("2026-01")[RANDOM].acts
    (one, other) = audited.drawn("2026-01")[APART].pairs
    audited.answers(audited.about(first), yes=True)
    audited.answers(audited.about(second), yes=True)
    audited.answers(audited.about(third), yes=False)
    audited.answers(audited.about(one), yes=False)
    found = told(sojourn)
    checks = strata(found)
    assert (checks[RANDOM]["answered"], checks[RANDOM]["wrong"]) == (3, 1)
    assert checks[RANDOM]["wrong_at_most"] == pytest.approx(upper_bound(1, 3), abs=1e-6)
    assert (checks[APART]["answered"], checks[APART]["wrong"]) == (1, 0)
    assert checks[APART]["expected_wrong"] == pytest.approx(1 / (1 + 2 ** (-one.weight / 1000)), abs=1e-4)
    assert (found["links"], found["links_taken_back"]) == (3, 1)
    assert (found["answered"], found["yes"]) == (4, 2)
    assert sum(band["answered"] for band in found["bands"]) == 4
    words = sojourn.run("matching", "calibrate").stdout
    assert "audit, random: drawn 3, answered 3, 1 were wrong" in words
    assert "taken back by people since: 1" in words
    assert other.record not in words


def test_a_no_that_another_person_overturns_is_no_wrong_link(audited: Audited, sojourn: CommandLine) -> None:
    act = audited.drawn("2026-01")[RANDOM].acts[0]
    ends = audited.answers(audited.about(act), yes=False).after.closed
    assert ends is not None
    assert ends.next is not None
    assert (strata(told(sojourn))[RANDOM]["wrong"], told(sojourn)["links_taken_back"]) == (1, 1)
    audited.ledger.casework.answer(ends.next, WHY, BEN, None, yes=False)
    found = told(sojourn)
    assert (strata(found)[RANDOM]["wrong"], found["links_taken_back"], found["yes"]) == (0, 0, 1)


def test_a_question_counts_by_its_weight_and_a_guarded_one_by_itself(audited: Audited, sojourn: CommandLine) -> None:
    """The same child, to judge by what is told, but at two schools at once."""
    texan: Traits = settled("TX", "91")
    audited.tells(texan, doubtful("WA", "92"))
    (case, opened) = next((case, opened) for case, opened in audited.matching.cases() if opened.kind == "near-match")
    audited.answers(case, yes=True)
    assert isinstance(opened.proposal, Link)
    decision = opened.proposal.decision
    assert decision is not None
    found = told(sojourn)
    assert (found["answered"], found["yes"], found["guarded"]) == (1, 1, bool(decision.guards))
    (band,) = found["bands"]
    assert band["low"] <= decision.weight / 1000 < band["high"]
    assert (band["answered"], band["observed"], band["questions_below"]) == (1, 1.0, 0)


def test_links_that_people_made_or_took_back_otherwise_are_told_in_a_line_of_their_own(
    audited: Audited, sojourn: CommandLine
) -> None:
    audited.tells(boy(3, "TX"), boy(3, "CA"))
    act = audited.matching.links()[-1].act
    audited.matching.reverses(act)
    found = told(sojourn)
    assert (found["links"], found["links_taken_back"], found["answered"]) == (4, 1, 0)


def test_what_might_be_next_is_a_command_that_publishes_when_it_is_given(
    audited: Audited, sojourn: CommandLine
) -> None:
    def calibration(shift: Shift | None) -> Calibration:
        return Calibration(
            policy=POLICY, links=Links(), answered=40, yes=20, guarded=0, bands=[], shift=shift, checked=[]
        )

    now = Thresholds(link=7_000, review=-4_000, margin=0)
    command = next_command(calibration(Shift(-3.0, -4.0, -2.0)), now)
    assert command is not None
    assert "--link 10 --review -1 " in command
    assert next_command(calibration(Shift(0.5, -0.5, 1.5)), now) is None, "nothing says that it is off"
    assert next_command(calibration(None), now) is None
    assert next_command(calibration(Shift(-3.0, -4.0, -2.0)), None) is None
    none = Thresholds(link=1_000_000, review=1_000_000, margin=0)
    assert next_command(calibration(Shift(-3.0, -4.0, -2.0)), none) is None, "it was told to link nothing"
    head = audited.ledger.log.head()
    sojourn.run("matching", "calibrate")
    assert audited.ledger.log.head() == head, "nothing changes by itself"
    sojourn.run(*shlex.split(command)[1:])
    published = audited.ledger.policies.published()
    assert published is not None
    assert (published.policy.thresholds.link, published.policy.thresholds.review) == (10_000, -1_000)
