"""``sojourn student`` as of a point and ``sojourn diff``: what they show, that it is recorded, and what is no point."""

from __future__ import annotations

import pytest

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed
from support.command_line import CommandLine
from support.files import EXAMPLE


@pytest.fixture
def ids(sojourn: CommandLine) -> dict[str, str]:
    """State student id to student id, of the example."""
    sojourn.run("submit", EXAMPLE)
    return {row["state_student_id"]: row["student_id"] for row in sojourn.json("students")}


def test_a_student_is_shown_as_known_then_and_as_of_a_day(
    sojourn: CommandLine, ledger: Ledger, ids: dict[str, str]
) -> None:
    now = sojourn.json("student", ids["OR5540013"])
    then = sojourn.json("student", ids["OR5540013"], "--as-of", str(now["position"]))
    assert then["core"] == now["core"]
    assert then["as_of"] == now["position"]
    early = sojourn.json("student", ids["OR5540013"], "--effective-on", "2019-01-01")
    assert (early["core"]["enrollments"], early["eligible_now"]) == ([], False)
    entry = ledger.access.read(0, 100)[-1].event
    assert isinstance(entry, Disclosed)
    assert entry.effective_on == "2019-01-01"


def test_what_is_no_point_ends_with_words_and_exit_code_1(sojourn: CommandLine, ids: dict[str, str]) -> None:
    for point in ("99999", "0", "tomorrow", "2199-01-01T00:00:00Z", "2001-01-01T00:00:00Z"):
        for words in (("student", ids["OR5540013"], "--as-of", point), ("diff", ids["OR5540013"], point)):
            ended = sojourn.run(*words, code=1)
            assert "Traceback" not in ended.stderr
            assert ended.stderr.strip()


def test_what_changed_is_told_with_its_events(sojourn: CommandLine, ids: dict[str, str]) -> None:
    told = sojourn.json("diff", ids["OR5540013"], "1")
    assert told["differences"]
    assert all(event["event"] for one in told["differences"] for event in one["events"])
    text = sojourn.run("diff", ids["OR5540013"], "1").stdout
    assert "demographics-stated.v1" in text
    assert "\x1b[" not in text
