"""The day on which a state said something is the reader's own day, wherever in an answer it stands."""

from __future__ import annotations

from api.console.days import in_zone


def test_what_was_said_in_the_evening_is_not_dated_tomorrow() -> None:
    said = {"core": {"courses": [{"sources": [{"state": "OR", "recorded_at": "2028-03-01T07:06:28.500000+00:00"}]}]}}

    told = in_zone(said, "America/Los_Angeles")

    (source,) = told["core"]["courses"][0]["sources"]
    assert source == {"state": "OR", "recorded_at": "2028-02-29T23:06:28.500000-08:00"}
    assert in_zone(said, "America/New_York")["core"]["courses"][0]["sources"][0]["recorded_at"].startswith("2028-03-01")


def test_nothing_else_of_an_answer_is_changed() -> None:
    said = {"as_of": {"position": 4}, "core": None, "day": "2028-03-01T07:06:28Z", "names": ["José", None]}

    assert in_zone(said, "America/Los_Angeles") == said
