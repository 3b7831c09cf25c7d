"""``sojourn matching publish``: which policy decides from now on, with which thresholds, and which there are."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from api.cli.matching.publishing import _policy_lines
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.policy import CheckOutcome
from ledger.matching.decision import GUARDS
from ledger.matching.shipped import PREFIX, shipped
from ledger.store.database import Database
from support.command_line import CommandLine

WHY = ("--reason", "Fewer questions.")
OURS = shipped().version


def test_a_policy_is_published_with_other_thresholds_and_the_rest_as_they_were(sojourn: CommandLine) -> None:
    first = sojourn.json("matching", "publish", OURS, "--link", "11.5", "--guards", "co-twin,two-ids", *WHY)
    assert (first["version"], first["link"], first["by"], first["reason"]) == (
        OURS,
        11.5,
        "operator anna",
        "Fewer questions.",
    )
    assert first["review"] == shipped().thresholds.review / 1000
    assert first["guards"] == [code for code in GUARDS if code in ("co-twin", "two-ids")]
    assert first["expected_wrong_one_in"] == 1 + round(2**11.5)
    again = sojourn.json("matching", "publish", OURS, "--review", "-2", "--margin", "1", *WHY, "--as", "operator ben")
    assert (again["link"], again["review"], again["margin"], again["by"]) == (11.5, -2, 1, "operator ben")
    assert again["guards"] == first["guards"]
    assert again["position"] > first["position"]
    assert sojourn.json("matching", "publish", OURS, "--guards", "none", *WHY)["guards"] == []
    assert sojourn.json("matching", "publish", OURS, "--guards", "all", *WHY)["guards"] == list(GUARDS)


def test_the_list_tells_what_was_trained_and_published_the_last_first(
    sojourn: CommandLine, database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    assert sojourn.json("matching", "publish", "--list") == [
        {
            "version": OURS,
            "sha256": sojourn.json("matching", "publish", "--list")[0]["sha256"],
            "trained": None,
            "in_effect": False,
            "published": [],
        }
    ]
    assert sojourn.run("matching", "publish", "--list").stdout.splitlines() == [
        f"{OURS}: never published",
        "  comes with this release",
    ]
    head = sojourn.json("matching", "publish", OURS, *WHY)["position"]
    assert sojourn.run("matching", "publish", "--list").stdout.splitlines()[:2] == [
        f"{OURS}: in effect",
        "  comes with this release",
    ]
    ledger = new_ledger(database)
    theirs = msgspec.structs.replace(shipped(), version="autumn")
    check = CheckOutcome(name="same child, same birth date", value=0.9, low=0.85, high=1.0)
    ledger.policies.record(theirs, Meta(actor="operator cleo"), records=2000, upto=head, checks=[check])
    before, ours = sojourn.json("matching", "publish", "--list")
    assert (before["version"], before["in_effect"], before["published"]) == ("autumn", False, [])
    assert (before["trained"]["by"], before["trained"]["records"], before["trained"]["upto"]) == (
        "operator cleo",
        2000,
        head,
    )
    assert before["trained"]["checks"] == [
        {"name": "same child, same birth date", "value": 0.9, "low": 0.85, "high": 1.0}
    ]
    assert ours["in_effect"]
    sojourn.run("matching", "publish", "autumn", *WHY, "--link", "8")
    lines = sojourn.run("matching", "publish", "--list").stdout.splitlines()
    assert lines[0] == "autumn: in effect"
    assert lines[2] == "    same child, same birth date: 0.900, from 0.85 to 1"
    assert "by operator anna at position" in lines[3]
    assert lines[3].endswith(": Fewer questions.")
    assert "links from +8.0 bits on" in lines[4]
    assert f"{OURS}: was in effect" in lines
    assert not [line for line in lines if "on 0 records" in line]
    assert ledger.log.head() == head + 2, "to list writes nothing"


def test_a_policy_that_a_release_comes_with_is_not_told_as_trained_here() -> None:
    """As ``api.policies`` tells it: of this release with the figure that it carries, and of another one."""
    by_matcher = {"at": "2026-01-05T04:00:00+00:00", "by": "reactor matcher", "records": 41_000, "checks": []}
    for version, release in ((OURS, "this release"), (f"{PREFIX}0", "another release")):
        told = {"version": version, "in_effect": False, "published": [], "trained": by_matcher}
        assert _policy_lines(told)[1] == f"  comes with {release}, trained on 41,000 made-up records"


def test_what_cannot_be_published_is_refused_with_what_to_do_and_nothing_is_written(
    sojourn: CommandLine, database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    def refused(*words: str) -> str:
        return sojourn.run("matching", "publish", *words, *WHY, code=1).stderr

    assert "There is no policy winter." in refused("winter")
    assert "No policy can have these thresholds." in refused(OURS, "--link", "-1", "--review", "-2")
    assert "No policy can have these thresholds." in refused(OURS, "--link", "3", "--review", "4")
    assert "No policy can have these thresholds." in refused(OURS, "--margin", "-1")
    assert "These are no bits." in refused(OURS, "--link", "nan")
    unknown = refused(OURS, "--guards", "co-twin,luck")
    assert "There is no such guard." in unknown
    assert "two-places" in unknown
    ledger = new_ledger(database)
    older = msgspec.structs.replace(shipped(), version="of old", code=0)
    head = ledger.policies.record(older, Meta(actor="operator cleo"), records=2000)
    assert "was trained by a release that prepares names otherwise" in refused("of old")
    assert ledger.log.head() == head


def test_the_margin_is_told_as_it_is_measured(sojourn: CommandLine) -> None:
    for command in ("publish", "try"):
        told = sojourn.run("matching", command, "--help").stdout.replace("│", " ")
        assert "two must agree more than either and any third student" in " ".join(told.split())


def test_what_is_left_out_or_makes_no_sense_together_is_told_as_usage(sojourn: CommandLine) -> None:
    assert "--reason" in sojourn.run("matching", "publish", OURS, code=2).stderr
    assert "--list" in sojourn.run("matching", "publish", *WHY, code=2).stderr
    assert "publishes nothing" in sojourn.run("matching", "publish", "--list", OURS, code=2).stderr
    assert "publishes nothing" in sojourn.run("matching", "publish", "--list", "--link", "3", code=2).stderr
