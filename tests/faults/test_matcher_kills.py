"""A matcher that is killed again and again decides what one decides that nobody disturbs, and doubles nothing.

It is killed at any of its own steps, and at the points of the append that it waits for. After each kill the log is
whole; in the end students, links, questions and what waits are those of an equal ledger whose matcher was left alone.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from types import FrameType
from typing import Any

import psycopg
import pytest

from ledger.matching.populations.registers import registers
from ledger.matching.traits import Traits
from ledger.store.embedded import EmbeddedServer
from support.databases import migrated_database
from support.matching_children import doubtful, settled, twin, wilber
from support.matching_runs import MatchingRuns, Pair, Side, decision_of
from support.service_processes import Pipe, ServiceProcess, Store, open_store_of
from support.wholeness import assert_whole

Settings = Mapping[str, str]
Hits = Counter[tuple[str, str]]

POINTS = ("sequencer.before-lock", "sequencer.before-commit", "sequencer.after-commit")
STEPS = "matcher.any-step"
OURS = (
    "/ledger/matcher.py",
    "/ledger/match_reading.py",
    "/ledger/reactors/matching.py",
    "/ledger/store/match_index.py",
    "/ledger/links.py",
)
"""Files whose every call is a step at which the matcher may be killed."""

CHILDREN = 12
STEPS_MAX = 900


def night_of(number: int) -> list[Traits]:
    """What states tell on one night, of other children than on any other: some to be linked, some to be asked about."""
    told = [
        settled("TX", f"{number}-1"),
        doubtful("MI", f"{number}-2"),
        wilber("CA", f"{number}-3", other_ids=(f"{number}-4",)),
        wilber("CA", f"{number}-4"),
        twin("TX", f"{number}-7"),
        twin("CA", f"{number}-8"),
    ]
    # The population of a seed has children and ids of its own.
    drawn = {(one.state, one.state_student_id): one for one in (s.traits for s in registers(CHILDREN, number))}
    return [*told, *drawn.values()] if number == 1 else list(drawn.values())


def match(pipe: Pipe, store: Store, die_at: int | None) -> None:
    """Run the matcher to the end of the log; die_at: the number of the step at which this process is killed."""
    with store.ledger() as ledger:
        runner = MatchingRuns(ledger).runner()
        if die_at is not None:
            sys.setprofile(_Death(die_at))
        runner.run(ledger.log.head())
        sys.setprofile(None)
    pipe.say("done")


class _Death:
    """Kills its process at the Nth call of a function of the matcher's."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event in ("call", "return") and frame.f_code.co_filename.endswith(OURS):
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def deaths(chance: Random) -> Iterator[tuple[str, int]]:
    """Where to kill next: at which point, at the how-manieth passing; by turns."""
    while True:
        yield STEPS, chance.randint(1, STEPS_MAX)
        yield chance.choice(POINTS), chance.randint(1, 3)


def tell(settings: Settings, night: list[Traits]) -> None:
    with open_store_of(settings) as store, store.ledger() as ledger:
        MatchingRuns(ledger).tells(*night)


def is_killed(settings: Settings, point: str, at: int) -> bool:
    """Whether the matcher was killed before it came to its end."""
    step = at if point == STEPS else None
    fault = {} if point == STEPS else {"fault": f"{point}:{at}"}
    with ServiceProcess(match, step, settings={**settings, **fault}) as process:
        return list(process.said()) != ["done"]


def came_of(settings: Settings) -> tuple[set[Side], Counter[Any], Counter[Pair], list[str], int]:
    """Students, links with what they hung on, questions, what waits, and all events that there are."""
    with open_store_of(settings) as store, store.ledger() as ledger:
        matching = MatchingRuns(ledger)
        links = Counter(
            (matching.sides(one.decision), one.decision.weight, tuple(one.decision.guards))
            if one.decision
            else frozenset((matching.names()[one.record.record], matching.names()[one.member.record]))
            for one in matching.links()
        )
        asked = Counter(matching.sides(decision_of(opened)) for _, opened in matching.cases())
        return matching.students(), links, asked, matching.waiting(), matching.head()


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.torture)])
def test_a_killed_matcher_goes_on_until_it_is_as_if_it_had_not_been_killed(
    kills: int, server: EmbeddedServer, hits: Hits
) -> None:
    nights, killed = [night_of(1)], 0
    with migrated_database(server) as settings, migrated_database(server) as beside:
        tell(settings, nights[-1])
        for point, at in deaths(Random(f"matcher {kills}")):
            if not is_killed(settings, point, at):
                # It came to its end: another night, with more to decide.
                nights.append(night_of(len(nights) + 1))
                tell(settings, nights[-1])
                continue
            killed += 1
            hits[point, "matcher"] += 1  # those of its own steps are not in the table
            with psycopg.connect(settings["database_url"], autocommit=True) as conn:
                assert_whole(conn)
            if killed == kills:
                break
        assert not is_killed(settings, STEPS, sys.maxsize)
        for night in nights:
            tell(beside, night)
            assert not is_killed(beside, STEPS, sys.maxsize)
        came, wanted = came_of(settings), came_of(beside)
        assert came == wanted
        assert wanted[1], "there was something to link"
        assert wanted[2], "there was something to ask"
        assert wanted[3] == []
