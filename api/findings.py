"""What was found in a submission, grouped by rule, in the reader's words: to be corrected, and sent again.

Invariant: rules, elements and numbers of rows; never a value, and no id of a child: those stand in the response, which
is disclosed. The words are those of the rulebook.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ledger import rulebook
from ledger.application import Ledger
from ledger.events import submission as said
from ledger.intake.rewriting import file_finding
from ledger.intake.submission import stream_of
from ledger.mde import TABLES, words

LOOKED_AT_MAX: Final = 200_000
"""Findings of one file that are grouped: a file of which more is wrong is wrong as a whole."""
FIRST_ROWS: Final = 8
"""Numbers of rows that are named of each place."""

_Key = tuple[str, str]
_Where = tuple[str, str | None]


class Place(NamedTuple):
    """Where a rule was broken. table: as the layout calls it; empty for the file as a whole. element: None where the
    rule is about the row. rows: how many; 0 for the file. first: numbers of the first ones, the header's being 1; of
    the file those of columns."""

    table: str
    element: str | None
    rows: int
    first: Sequence[int]


class Group(NamedTuple):
    """One rule, in one wording. level: ``refused`` or ``warned``. rows: in which it was broken; 0 for the file."""

    rule: str
    level: str
    message: str
    remedy: str
    rows: int
    places: Sequence[Place]


class Findings(NamedTuple):
    """refused, warned: groups, those of the most rows first. whole: whether every finding was looked at."""

    refused: Sequence[Group]
    warned: Sequence[Group]
    whole: bool


def findings(ledger: Ledger, submission: str, language: str) -> Findings:
    """Of a submission that was received. Blocks. Raises StoreUnavailable, LogBroken."""
    places: dict[_Key, dict[_Where, list[int]]] = {}
    of_file: list[Group] = []
    left = LOOKED_AT_MAX
    for recorded in ledger.log.read_stream(stream_of(submission)):
        if isinstance(recorded.event, said.SubmissionReceived):
            of_file = list(_of_file(recorded.event, language))
        if not isinstance(recorded.event, said.FindingsRecorded):
            continue
        for one in recorded.event.findings[:left]:
            rows = places.setdefault((one.rule, one.level), {}).setdefault((one.letter, one.element), [])
            if not rows or rows[-1] != one.row:
                rows.append(one.row)
        left -= len(recorded.event.findings)
        if left < 0:
            break
    groups = [group for (rule, level), found in places.items() for group in _groups(rule, level, found, language)]
    groups.sort(key=lambda group: (-group.rows, group.rule, group.message))
    return Findings(
        [group for group in groups if group.level == "refused"],
        [*of_file, *(group for group in groups if group.level != "refused")],
        left >= 0,
    )


def _groups(rule: str, level: str, found: dict[_Where, list[int]], language: str) -> Iterator[Group]:
    """A group for each wording: a rule whose words name the element has one for each element."""
    by_words: dict[tuple[str, str], list[_Where]] = {}
    for letter, element in found:
        told = words(rule, letter, element, language) if rule in rulebook.RULES else ("", "")
        by_words.setdefault(told, []).append((letter, element))
    for (message, remedy), wheres in by_words.items():
        rows = {row for where in wheres for row in found[where]}
        ordered = sorted(wheres, key=lambda where: -len(found[where]))
        yield Group(rule, level, message, remedy, len(rows), [_place(*where, found[where]) for where in ordered])


def _place(letter: str, key: str | None, rows: Sequence[int]) -> Place:
    table = TABLES.get(letter)
    element = None if table is None or key is None else table.by_key.get(key)
    name = key if element is None else element.name
    return Place(letter if table is None else table.name, name, len(set(rows)), sorted(set(rows))[:FIRST_ROWS])


def _of_file(event: said.SubmissionReceived, language: str) -> Iterator[Group]:
    for warned in event.warnings:
        told = file_finding(warned, language)
        place = Place(told.table or "", None, 0, told.columns)
        yield Group(told.rule, told.level, told.message, told.remedy, 0, [place])
