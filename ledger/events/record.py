"""Events of a record: what one state says about one child. Stream: ``record/<uuid>``.

A *fact* is one thing that a state says (an enrollment, a course, a move). Its id is a whole number, counted within
the record from 1, minted when it is first stated and never changed. Fact 0 is the record's own S row. Elements are
keyed as in ``ledger.mde`` and hold canonical text: NFC, outer blanks off, dates ``YYYY-MM-DD``, months ``YYYY-MM``,
codes as listed; an element without a value is left out.

``record_id`` is the state's Record ID (``001`` to ``999``), an attribute that many states number afresh each night.
``source_row`` is the row of the file that said so, counted from 1 with the header; None through the API.
"""

from __future__ import annotations

from typing import ClassVar

from ledger.events.base import Event, KeyClass

Elements = dict[str, str]
Changes = dict[str, tuple[str | None, str | None]]
"""Element to (before, after); None is "no value"."""


class RecordEvent(Event, frozen=True, kw_only=True):
    """Base of all that is said within a record."""

    source_row: int | None = None

    def key_class(self) -> KeyClass:
        return KeyClass.EDUCATION


class FactStated(RecordEvent, frozen=True, kw_only=True):
    """Base of the events that state a new fact.

    letter: the table of the layout that the fact belongs to. raw: the value as received, where a repair changed
    letters of it.
    """

    letter: ClassVar[str] = ""

    fact: int
    elements: Elements
    record_id: str | None = None
    raw: Elements | None = None


class RecordOpened(RecordEvent, frozen=True, kw_only=True):
    """A state sent a student identifier that it had not sent before. Mints the record and its student id.

    elements: those of the S row beside the two that name the record (fact 0).
    """

    topic: ClassVar[str] = "record-opened.v1"

    state: str
    state_student_id: str
    student_id: str
    elements: Elements


class DemographicsStated(FactStated, frozen=True, kw_only=True):
    """Name, birth, parents (D)."""

    topic: ClassVar[str] = "demographics-stated.v1"
    letter: ClassVar[str] = "D"


class AlternateIdStated(FactStated, frozen=True, kw_only=True):
    """Another id of the same child in the same state (K)."""

    topic: ClassVar[str] = "alternate-id-stated.v1"
    letter: ClassVar[str] = "K"


class MoveQualified(FactStated, frozen=True, kw_only=True):
    """A qualifying move, ESEA 1309(5): eligibility begins on its arrival date (Q). Sealed under the eligibility key."""

    topic: ClassVar[str] = "move-qualified.v1"
    letter: ClassVar[str] = "Q"

    def key_class(self) -> KeyClass:
        return KeyClass.ELIGIBILITY


class Enrolled(FactStated, frozen=True, kw_only=True):
    """A child attends, or lives there (E): every element of the row but withdrawal and residency."""

    topic: ClassVar[str] = "enrolled.v1"
    letter: ClassVar[str] = "E"


class Withdrawn(FactStated, frozen=True, kw_only=True):
    """The last verified day of an enrollment. A fact of its own that names the enrollment.

    elements: ``withdrawal_date`` alone. decision: as of ``FactCorrected``.
    """

    topic: ClassVar[str] = "withdrawn.v1"
    letter: ClassVar[str] = "E"

    enrollment: int
    decision: str | None = None


class ResidencyChanged(FactStated, frozen=True, kw_only=True):
    """The child lives in another district, as told with an enrollment. A fact of its own that names the enrollment.

    elements: any of ``district_of_residence``, ``residency_date``, ``residency_verification_date``. decision: as of
    ``FactCorrected``.
    """

    topic: ClassVar[str] = "residency-changed.v1"
    letter: ClassVar[str] = "E"

    enrollment: int
    decision: str | None = None


class CourseReported(FactStated, frozen=True, kw_only=True):
    """A course, finished or not (C)."""

    topic: ClassVar[str] = "course-reported.v1"
    letter: ClassVar[str] = "C"


class AssessmentReported(FactStated, frozen=True, kw_only=True):
    """A test and its result (A)."""

    topic: ClassVar[str] = "assessment-reported.v1"
    letter: ClassVar[str] = "A"


class ImmunizationReported(FactStated, frozen=True, kw_only=True):
    """A vaccine given (I)."""

    topic: ClassVar[str] = "immunization-reported.v1"
    letter: ClassVar[str] = "I"


class FactCorrected(RecordEvent, frozen=True, kw_only=True):
    """The state now says otherwise: every element that changed, before and after. Supersedes, never erases (V22).

    letter: the corrected fact's table (S for fact 0); a move's correction is sealed like the move. record_id: the
    Record ID from now on, where it changed with the values. decision: id of the decision on a correction request that
    this carries out; the values before are then not taken back from a file (C1).
    """

    topic: ClassVar[str] = "fact-corrected.v1"

    fact: int
    letter: str
    elements: Changes
    record_id: str | None = None
    raw: Elements | None = None
    decision: str | None = None

    def key_class(self) -> KeyClass:
        return KeyClass.ELIGIBILITY if self.letter == "Q" else KeyClass.EDUCATION


class FactRetracted(RecordEvent, frozen=True, kw_only=True):
    """The state no longer says so. The fact stays in history. Retracting an enrollment retracts what names it.

    letter: the retracted fact's table; a move's retraction is sealed like the move. decision: of a withdrawal that a
    decided correction took back, as of ``FactCorrected``.
    """

    topic: ClassVar[str] = "fact-retracted.v1"

    fact: int
    letter: str
    decision: str | None = None

    def key_class(self) -> KeyClass:
        return KeyClass.ELIGIBILITY if self.letter == "Q" else KeyClass.EDUCATION


class RecordRetracted(RecordEvent, frozen=True, kw_only=True):
    """The state takes the record back (action D): out of search, matching and counts; history stays."""

    topic: ClassVar[str] = "record-retracted.v1"


class RecordReinstated(RecordEvent, frozen=True, kw_only=True):
    """The state sends a retracted record again.

    Its facts come back as they are sent again: each is stated anew under the id that it had.
    """

    topic: ClassVar[str] = "record-reinstated.v1"


EVENTS: tuple[type[Event], ...] = (
    RecordOpened,
    DemographicsStated,
    AlternateIdStated,
    MoveQualified,
    Enrolled,
    Withdrawn,
    ResidencyChanged,
    CourseReported,
    AssessmentReported,
    ImmunizationReported,
    FactCorrected,
    FactRetracted,
    RecordRetracted,
    RecordReinstated,
)
