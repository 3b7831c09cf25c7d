"""What a record says of who the child is: all that the matcher reads.

The invariant: values stand as the state sent them; what makes them comparable is done later (``tokens``), so that one
record looks the same to every policy. Pure.
"""

from __future__ import annotations

from datetime import date

import msgspec


class Attendance(msgspec.Struct, frozen=True, gc=False):
    """An enrollment, as far as it tells children apart. ends: last day, None while it runs. state: of the school, USPS.
    school: NCES id of 12 digits, or its name; empty where neither was sent. grade: code. full: the child attended, so
    that he was nowhere else; not a residency, and not a project beside school."""

    begins: date
    ends: date | None = None
    state: str = ""
    school: str = ""
    grade: str = ""
    full: bool = True


class Traits(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One record, as its state states it now. What was not sent is empty, a date None.

    last_name_1: paternal surname, last_name_2: maternal. sex: ``Male``, ``Female``, ``Other``. multiple_birth: ``Yes``
    or ``No``. male_parent_*: parent or guardian 1; female_parent_*: 2. other_ids: further ids that the state itself
    gives the child (K). student_id: the national number that the record itself was given. sent_id: another one that its
    state has sent for it.
    """

    state: str
    state_student_id: str
    first_name: str = ""
    middle_name: str = ""
    last_name_1: str = ""
    last_name_2: str = ""
    suffix: str = ""
    sex: str = ""
    birth_date: date | None = None
    multiple_birth: str = ""
    male_parent_first_name: str = ""
    male_parent_last_name: str = ""
    female_parent_first_name: str = ""
    female_parent_last_name: str = ""
    birth_city: str = ""
    birth_state: str = ""
    birth_country: str = ""
    other_ids: tuple[str, ...] = ()
    student_id: str = ""
    sent_id: str = ""
    attendances: tuple[Attendance, ...] = ()
