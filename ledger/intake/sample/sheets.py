"""A sample's files: one of a state and a night, written row by row, and the habits by which states differ.

A file is never held: rows go out in pieces, and the header, whose counts have a fixed width, is put in place at the
end. Files are opened piece by piece, so that many states and nights can be written side by side.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Final, Literal, NamedTuple

from ledger import mde
from ledger.errors import BadValue
from ledger.intake.sample.records import Fact, Record, stamp

_PIECE_CHARACTERS: Final = 100_000


class Habit(NamedTuple):
    """sends: on a later night, whole students of whom something changed, changed rows alone, or everybody.

    numbers: Record IDs stay what they were, are dealt out anew each night, or count from the newest row of a table,
    which then stands first.
    """

    sends: Literal["students", "rows", "all"] = "students"
    numbers: Literal["stable", "anew", "newest"] = "stable"
    delimiter: str = "|"
    encoding: str = "utf-8"
    mark: bytes = b""


_WORDS: Final[dict[str, dict[str, object]]] = {
    "plain": {},
    "changes": {"sends": "rows"},
    "everything": {"sends": "all"},
    "renumber": {"sends": "all", "numbers": "anew"},
    "newest": {"numbers": "newest"},
    "tab": {"delimiter": "\t"},
    "comma": {"delimiter": ","},
    "utf-8-mark": {"mark": codecs.BOM_UTF8},
    "utf-16": {"encoding": "utf-16-le", "mark": codecs.BOM_UTF16_LE},
    "windows-1252": {"encoding": "cp1252"},
}
HABITS: Final = tuple(_WORDS)
"""What a state may be said to do; several are joined by ``+``."""


def habit_of(words: str) -> Habit:
    """The habit that words such as ``renumber+tab`` name. Raises BadValue (rule ``code``)."""
    found: dict[str, object] = {}
    for word in words.split("+"):
        if word not in _WORDS:
            raise BadValue(
                "A habit is not known.", rule="code", element="habits", remedy=f"Use one of {', '.join(HABITS)}."
            )
        found |= _WORDS[word]
    return Habit()._replace(**found)


class Sheet:
    """One state's file of one night. begins, day: its window, ordinals; day is the Submission Date."""

    def __init__(self, out: Path, state: str, habit: Habit, begins: int, day: int) -> None:
        self.path = out / f"{state}-{stamp(day)}.txt"
        self._state, self._habit = state, habit
        self._window = f"{stamp(begins)}000000000|{stamp(day)}000000000"
        self._day = day
        self._students = self._rows = 0
        self._lines: list[str] = []
        self._characters = 0
        self.path.write_bytes(self._header())

    def add(self, record: Record, state_student_id: str, since: int | None, chance: Random) -> bool:
        """What the state sends of a record; nothing where it has nothing to say.

        since: day up to which the state has told of it, None where it has not yet. False where there is something to
        say and the file holds as many students as it may: it waits for the next night.
        """
        rows = self._chosen(record, since)
        if rows is None:
            return True
        if self._students == mde.STUDENTS_MAX:
            return False
        self._students += 1
        student = f"{self._students:07d}"
        kind = "01" if sum(map(ord, self._state)) % 2 else "02"
        action = "I" if since is None else "U"
        lines = [f"S|{student}||{self._state}|{state_student_id}|{kind}|{action}"]
        by_letter: dict[str, list[tuple[int, Fact, str | None]]] = {}
        for fact, text in rows:
            table = by_letter.setdefault(fact.letter, [])
            table.append((len(table) + 1, fact, text))
        for letter in mde.CHILD_LETTERS:
            table = by_letter.get(letter)
            if table is not None:
                lines += [f"{letter}|{student}|{number:03d}|{text}" for number, text in self._numbered(table, chance)]
        self._rows += len(lines)
        self._put(lines)
        return True

    def end(self) -> Path:
        """Write what is left, and the header over the place that was kept for it."""
        self._flush()
        with self.path.open("r+b") as file:
            file.write(self._header())
        return self.path

    def _chosen(self, record: Record, since: int | None) -> list[tuple[Fact, str | None]] | None:
        """Facts that are there, each with what it says; with None where it is not sent. None: nothing is sent."""
        day, sends = self._day, self._habit.sends
        if since is None or sends == "all":
            return [(fact, text) for fact in record.facts if (text := fact.on(day)) is not None]
        if not any(since < version[0] <= day for fact in record.facts for version in fact.versions):
            return None
        rows: list[tuple[Fact, str | None]] = []
        for fact in record.facts:
            text = fact.on(day)
            if text is not None:
                rows.append((fact, None if sends == "rows" and text == fact.on(since) else text))
        return rows

    def _numbered(self, table: list[tuple[int, Fact, str | None]], chance: Random) -> Iterable[tuple[int, str]]:
        numbers = self._habit.numbers
        if numbers == "anew":
            dealt = list(range(1, len(table) + 1))
            chance.shuffle(dealt)
            return sorted((number, text) for number, (_, _, text) in zip(dealt, table, strict=True) if text is not None)
        if numbers == "newest":
            newest = sorted(table, key=lambda entry: (-entry[1].day, -entry[0]))
            return [(at, text) for at, (_, _, text) in enumerate(newest, 1) if text is not None]
        return [(number, text) for number, _, text in table if text is not None]

    def _header(self) -> bytes:
        line = f"H|{self._state}|{stamp(self._day)}020000000|{self._students:08d}|{self._rows:09d}|{self._window}\n"
        return self._habit.mark + self._encoded(line)

    def _put(self, lines: list[str]) -> None:
        self._lines += lines
        self._characters += sum(map(len, lines))
        if self._characters >= _PIECE_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if self._lines:
            with self.path.open("ab") as file:
                file.write(self._encoded("\n".join(self._lines) + "\n"))
        self._lines, self._characters = [], 0

    def _encoded(self, text: str) -> bytes:
        """No name, town or school of the sample holds a delimiter or a quote."""
        if self._habit.delimiter != "|":
            text = text.replace("|", self._habit.delimiter)
        return text.encode(self._habit.encoding)
