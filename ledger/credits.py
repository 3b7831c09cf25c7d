"""Credits of a child's courses: what was earned and what is under way, by subject and by school year.

The one invariant: a credit is counted where the state says that it was granted, and nowhere else: hours in a classroom
become a credit only by a school's word. Pure; knows no record, and adds up whatever courses it is given.

A course with Credits Granted or a Final Grade is completed (elements 11 and 12 of Course History: "only for a completed
course"), any other is under way, and its Clock Hours say how far (elements 9 and 10). A child who moves in mid-year
leaves with half a course: its credits are partial, and Course Section says which half they are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from ledger.events.record import Elements
from ledger.matching.names import folded

HALVES: Final = {"02": "section_a", "03": "section_b"}
"""Course Section of half a course; any other, and none, is a whole one."""


class Tally(msgspec.Struct):
    """Credits in hundredths: of whole courses, of first and of second halves. completed, in_progress: how many courses.
    clock_hours: spent so far in courses under way."""

    full: int = 0
    section_a: int = 0
    section_b: int = 0
    completed: int = 0
    in_progress: int = 0
    clock_hours: int = 0

    def add(self, course: Elements) -> None:
        """Count one course in."""
        if "credits_granted" in course or "final_grade" in course:
            self.completed += 1
            part = HALVES.get(course.get("course_section", ""), "full")
            credits_granted = course.get("credits_granted", "0").replace(".", "")  # two digits behind the point
            setattr(self, part, getattr(self, part) + int(credits_granted))
        else:
            self.in_progress += 1
            if "clock_hours" in course:
                self.clock_hours += int(course["clock_hours"])

    def join(self, other: Tally) -> None:
        """Count in what another one counted."""
        self.full += other.full
        self.section_a += other.section_a
        self.section_b += other.section_b
        self.completed += other.completed
        self.in_progress += other.in_progress
        self.clock_hours += other.clock_hours

    def shown(self) -> dict[str, Any]:
        """As JSON: credits as text with two digits behind the point, as the layout has them."""
        return {
            "earned": _as_text(self.full + self.section_a + self.section_b),
            "full": _as_text(self.full),
            "section_a": _as_text(self.section_a),
            "section_b": _as_text(self.section_b),
            "completed": self.completed,
            "in_progress": self.in_progress,
            "clock_hours": self.clock_hours,
        }


def credits_of(courses: Iterable[Elements]) -> dict[str, Any] | None:
    """All courses together, by subject, and by school year and subject, as JSON; None where there is no course.

    Subjects that differ in capitals or accents alone are one, called as the first of its courses calls it; they come
    in alphabetical order, school years from the earliest, and what is not stated comes last, as null.
    """
    years: dict[tuple[str | None, str | None], _Subjects] = {}
    called: dict[_Subject, str | None] = {}
    for course in courses:
        year = course.get("begin_academic_year"), course.get("end_academic_year")
        if (subjects := years.get(year)) is None:
            subjects = years[year] = _Subjects()
        key, name = subjects.add(course)
        called.setdefault(key, name)
    if not years:
        return None
    whole = _Subjects()
    for subjects in years.values():
        whole.join(subjects, called)
    ordered = sorted(years.items(), key=lambda entry: [(value is None, value or "") for value in entry[0]])
    return {
        **whole.shown(),
        "years": [
            {"begin_academic_year": begin, "end_academic_year": end, **subjects.shown()}
            for (begin, end), subjects in ordered
        ],
    }


_Subject = tuple[bool, str]
"""By which one subject is told from another and put in order."""


class _Subjects:
    """What was counted, by subject. The sum of all is made when it is shown."""

    def __init__(self) -> None:
        self._subjects: dict[_Subject, tuple[str | None, Tally]] = {}

    def add(self, course: Elements) -> tuple[_Subject, str | None]:
        """Count one course in; its subject, and what it calls that."""
        subject = course.get("subject_area_name")
        key = subject is None, _folded(subject or "")
        if (found := self._subjects.get(key)) is None:
            found = self._subjects[key] = subject, Tally()
        found[1].add(course)
        return key, subject

    def join(self, others: _Subjects, called: Mapping[_Subject, str | None]) -> None:
        """Count in what others counted. called: the name of each subject."""
        for key, (_, tally) in others._subjects.items():
            self._subjects.setdefault(key, (called[key], Tally()))[1].join(tally)

    def shown(self) -> dict[str, Any]:
        total = Tally()
        ordered = [self._subjects[key] for key in sorted(self._subjects)]
        for _, tally in ordered:
            total.join(tally)
        return {
            **total.shown(),
            "subjects": [{"subject": subject, **tally.shown()} for subject, tally in ordered],
        }


_folded = lru_cache(maxsize=1_000)(folded)
"""Subjects recur for ever."""


def _as_text(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}"
