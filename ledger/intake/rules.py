"""What one row must hold: each value by itself, then the values of the row against each other.

The same check serves a line of a file, a student of a PUT and a single fact over HTTP. What a broken rule does comes
from the layout: a required element refuses its row; another one does what its ``on_bad`` says (refuses the row, or is
left out with a warning). The words are those of ``ledger.rulebook``. Pure; knows no record: what needs one
is decided where the record is (``intake.whole_record``, ``intake.student``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import msgspec

from ledger import mde
from ledger.eligibility import last_day_of_move
from ledger.errors import BadValue
from ledger.intake.mojibake import mended_fields

Level = Literal["refused", "warned"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing found in one row. rule: code of the rulebook. element: key of the element concerned, if one is.

    level: ``refused`` refuses the row; ``warned`` leaves the row standing. message, remedy: in English, never with the
    value.
    """

    rule: str
    element: str | None = None
    level: str = "refused"
    message: str = ""
    remedy: str = ""


class CheckedRow(msgspec.Struct, gc=False):
    """A row after its check.

    elements: canonical, without the Record ID and without blanks. record_id: the state's number for the row.
    refused: the row must not be applied. raw: values as received, where the canonical form has other letters.
    """

    elements: dict[str, str]
    findings: list[Finding]
    refused: bool
    record_id: str | None = None
    raw: dict[str, str] | None = None


def check_row(
    letter: str,
    raw: Mapping[str, str | None],
    today: date,
    *,
    record_id_required: bool = True,
    levels: Mapping[str, str] | None = None,
) -> CheckedRow:
    """Check one row, given by element key.

    today: what comes later is "future": the Submission Date for a file, the state's own day for a request.
    record_id_required: False for a single fact, which needs no number among the rows of a file. levels: the state's
    own level by rule (``refuse``, ``warn``, ``off``), for the rules beyond one value's form. A child row with nothing
    but its Record ID comes back without elements and not refused: it asks for a retraction. Raises KeyError for a
    letter that the layout does not have.
    """
    plan = _PLANS[letter]
    fields = [raw.get(column.key) or "" for column in plan.columns]
    fields, before = mended_fields(letter, fields)
    checked = check_fields(letter, fields, today.isoformat(), record_id_required=record_id_required, levels=levels)
    warn_of_mended(checked, letter, before)
    for key, value in raw.items():
        if value and key not in plan.keys:
            checked.findings.append(finding("unknown-element", letter, key, "warned"))
    return checked


def check_fields(
    letter: str,
    fields: Sequence[str],
    today: str,
    *,
    record_id_required: bool = True,
    levels: Mapping[str, str] | None = None,
) -> CheckedRow:
    """As :func:`check_row`, with the values in the order of the columns; trailing ones may be absent."""
    plan = _PLANS[letter]
    elements: dict[str, str] = {}
    found: _Found | None = None
    repaired: dict[str, str] | None = None
    for raw, (key, check, spelled, column) in zip(fields, plan.checks, strict=False):
        if not raw:
            continue
        try:
            value = check(raw)
        except BadValue as bad:
            found = found or _Found(letter, elements)
            found.bad(bad.rule, column, levels)
            continue
        if value is None:
            continue
        elements[key] = value
        if spelled and value != raw and value != unicodedata.normalize("NFC", raw).strip():
            repaired = repaired or {}
            repaired[key] = raw

    record_id = elements.pop(plan.record_id, None) if plan.record_id else None
    if not elements and record_id is not None and found is None and letter in mde.CHILD_LETTERS:
        return CheckedRow(elements, [], refused=False, record_id=record_id)
    if not plan.required <= elements.keys() or (record_id is None and record_id_required and plan.record_id):
        found = found or _Found(letter, elements)
        found.missing(plan, None if record_id or not record_id_required else plan.record_id)

    for key, future in plan.past_dates:
        if key in elements and elements[key] > today:
            found = found or _Found(letter, elements)
            found.broken(future, key, levels)
    rule = plan.cross
    if rule is not None and (found is None or not found.refused):
        broken = rule(elements, today)
        if broken:
            found = found or _Found(letter, elements)
            for item in broken:
                found.broken(item.rule, item.key, levels, item.effect)
    if found is None:
        return CheckedRow(elements, [], refused=False, record_id=record_id, raw=repaired)
    if repaired:
        repaired = {key: raw for key, raw in repaired.items() if key in elements} or None
    return CheckedRow(elements, found.findings, refused=found.refused, record_id=record_id, raw=repaired)


def warn_of_mended(checked: CheckedRow, letter: str, before: Mapping[str, str]) -> None:
    """Say which values had been read in a wrong encoding, and keep them as they were sent.

    before: those values, as ``mojibake.mended_fields`` gives them.
    """
    for key, raw in before.items():
        checked.findings.append(finding("mojibake", letter, key, "warned"))
        if key in checked.elements:
            checked.raw = {**(checked.raw or {}), key: raw}


@lru_cache(maxsize=4096)
def finding(rule: str, letter: str = "", element: str | None = None, level: Level = "refused") -> Finding:
    """The finding of a rule on an element, with its words. Raises KeyError for an unknown rule."""
    message, remedy = mde.words(rule, letter, element)
    return Finding(rule=rule, element=element, level=level, message=message, remedy=remedy)


class _Column(NamedTuple):
    key: str
    check: mde.Checker
    spelled: bool
    """Whether another spelling than the canonical one is worth keeping: not so for dates and numbers."""
    refuses_row: bool


class _Broken(NamedTuple):
    rule: str
    key: str | None
    effect: Literal["on_bad", "row", "stands"] = "on_bad"


Cross = Callable[[dict[str, str], str], list[_Broken] | None]


class _Plan(NamedTuple):
    columns: tuple[_Column, ...]
    checks: tuple[tuple[str, mde.Checker, bool, _Column], ...]
    """Of each column what every value needs, ready to be unpacked, and the column."""
    keys: frozenset[str]
    required: frozenset[str]
    record_id: str | None
    past_dates: tuple[tuple[str, str], ...]
    """Elements that may not lie in the future, each with the rule that says so."""
    cross: Cross | None


class _Found:
    """Collects what is found in one row, and takes out of its elements what may not stand."""

    def __init__(self, letter: str, elements: dict[str, str]) -> None:
        self.findings: list[Finding] = []
        self.refused = False
        self._letter = letter
        self._elements = elements
        self._seen: set[str] = set()

    def bad(self, rule: str, column: _Column, levels: Mapping[str, str] | None) -> None:
        """A value whose form is wrong: it cannot stand, whatever the state says of the rule."""
        self._seen.add(column.key)
        refuses = column.refuses_row
        own_rule = _RANGE_RULES.get(column.key) if rule == "range" else None
        if own_rule is not None:
            own = levels.get(own_rule) if levels else None
            refuses = refuses or own == "refuse"
            rule = rule if own == "off" else own_rule
        self._add(rule, column.key, "refused" if refuses else "warned")

    def missing(self, plan: _Plan, record_id: str | None) -> None:
        """Required elements that are not there; one that was there and wrong has been named already."""
        for column in plan.columns:
            wanted = column.key in plan.required or column.key == record_id
            if wanted and column.key not in self._elements and column.key not in self._seen:
                self._add("missing", column.key, "refused")

    def broken(
        self,
        rule: str,
        key: str | None,
        levels: Mapping[str, str] | None,
        effect: Literal["on_bad", "row", "stands"] = "on_bad",
    ) -> None:
        """A rule beyond one value's form; the state's own level goes before the layout's."""
        own = levels.get(rule) if levels else None
        if own == "off":
            return
        if own == "warn":
            effect = "stands"
        elif own == "refuse":
            effect = "row"
        if effect == "stands":
            self._add(rule, key, "warned")
        elif effect == "row" or key is None or mde.TABLES[self._letter].by_key[key].on_bad != "element":
            self._add(rule, key, "refused")
        else:
            del self._elements[key]
            self._add(rule, key, "warned")

    def _add(self, rule: str, key: str | None, level: Level) -> None:
        self.refused = self.refused or level == "refused"
        self.findings.append(finding(rule, self._letter, key, level))


_RANGE_RULES: Final = {"clock_hours": "V18", "credits_granted": "V18"}


def _move(elements: dict[str, str], today: str) -> list[_Broken] | None:  # noqa: ARG001 - the shape that all share
    broken: list[_Broken] = []
    if "qualifying_move_from_state" not in elements and "qualifying_move_from_country" not in elements:
        broken.append(_Broken("V8", None, "row"))
    stated = elements.get("eligibility_expiration_date")
    if stated is not None:
        arrival = elements["qualifying_arrival_date"]
        if stated < arrival:
            broken.append(_Broken("V1", "eligibility_expiration_date"))
        elif stated > _last_day(arrival):
            broken.append(_Broken("V1", "eligibility_expiration_date", "stands"))
    return broken


@lru_cache(maxsize=20_000)
def _last_day(arrival: str) -> str:
    return last_day_of_move(date.fromisoformat(arrival)).isoformat()


def _enrollment(elements: dict[str, str], today: str) -> list[_Broken] | None:  # noqa: ARG001 - the shape that all share
    broken: list[_Broken] = []
    get = elements.get
    enrolled = elements["enrollment_date"]
    withdrawn = get("withdrawal_date")
    if withdrawn is not None and withdrawn < enrolled:
        broken.append(_Broken("V10", "withdrawal_date"))
    resident = get("residency_date")
    if resident is not None:
        if resident > enrolled:
            broken.append(_Broken("V10", "residency_date", "stands"))
        if get("residency_verification_date", resident) < resident:
            broken.append(_Broken("V10", "residency_verification_date", "stands"))
    elif elements["enrollment_type"] == "06":
        broken.append(_Broken("V11", "residency_date", "stands"))
    graduated, indicator = get("graduation_hse_date"), get("graduation_hse_indicator")
    if (graduated is None) != (indicator is None):
        broken.append(_Broken("V14", "graduation_hse_indicator" if graduated is None else "graduation_hse_date"))
    return broken


def _course(elements: dict[str, str], today: str) -> list[_Broken] | None:  # noqa: ARG001 - the shape that all share
    broken: list[_Broken] = []
    done = "credits_granted" in elements or "final_grade" in elements
    under_way = "clock_hours" in elements or "grade_to_date" in elements
    if done == under_way:
        broken.append(_Broken("V17", None, "stands"))
    begin, end = elements.get("begin_academic_year"), elements.get("end_academic_year")
    if begin is not None and end is not None and int(begin) > int(end):
        broken.append(_Broken("V18", "end_academic_year"))
    return broken


_FOLDED_INTERPRETATIONS: Final = {text.casefold(): text for text in mde.INTERPRETATIONS}


def _assessment(elements: dict[str, str], today: str) -> list[_Broken] | None:
    broken: list[_Broken] = []
    month = elements.get("assessment_administration_date")
    if month is not None and month > today[:7]:
        broken.append(_Broken("V19", "assessment_administration_date"))
    said = elements.get("assessment_interpretation")
    if said is not None and elements.get("assessment_type") in mde.INTERPRETED_TYPES:
        listed = _FOLDED_INTERPRETATIONS.get(said.casefold())
        if listed is None:
            broken.append(_Broken("V19", "assessment_interpretation"))
        else:
            elements["assessment_interpretation"] = listed
    return broken


_CROSS: Final[dict[str, Cross]] = {"Q": _move, "E": _enrollment, "C": _course, "A": _assessment}
_MAY_LIE_AHEAD: Final = frozenset({"eligibility_expiration_date"})
_PLANNED: Final = frozenset({"birth_date", "qualifying_arrival_date"})
"""What is ahead of a birth or a move is a plan, and belongs into a move notice (V3)."""


def _plan(table: mde.Table) -> _Plan:
    columns = tuple(
        _Column(
            key=element.key,
            check=element.check,
            spelled=element.type in ("text", "code", "email"),
            refuses_row=element.required or element.on_bad != "element",
        )
        for element in table.elements
    )
    return _Plan(
        columns=columns,
        checks=tuple((column.key, column.check, column.spelled, column) for column in columns),
        keys=frozenset(table.by_key),
        required=frozenset(
            element.key for element in table.elements if element.required and element.key != table.record_id
        ),
        record_id=table.record_id,
        past_dates=tuple(
            (element.key, "V3" if element.key in _PLANNED else "future")
            for element in table.elements
            if element.type == "date" and element.key not in _MAY_LIE_AHEAD
        ),
        cross=_CROSS.get(table.letter),
    )


_PLANS: Final = {letter: _plan(table) for letter, table in mde.TABLES.items()}
