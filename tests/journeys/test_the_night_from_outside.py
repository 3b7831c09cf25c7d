"""Second nights: what becomes of rows beside the facts that a record holds. Written from the design's pages alone.

Two states send the same two nights. Oregon numbers its rows afresh, California's profile says ``record_ids: stable``.
All cases of a state are in the same two files, one child each; then the second night comes again under a third date.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from support.outsider import (
    COURSE,
    ENROLLED,
    MOVED,
    NAMED,
    SHOT,
    TESTED,
    Answer,
    Child,
    Office,
    Row,
    child,
    row,
)

N, Q, E = NAMED, MOVED, ENROLLED
LEFT = E.but(withdrawn="20250613")
LIVES = E.but(residence="4113770", resident="20250410")
SECOND = COURSE.but(number="002", grade="C")
FIVE = [COURSE.but(number=f"00{n}", title=f"Course {n}") for n in range(1, 6)]
RETITLED = [one.but(title=f"{one.values[1]}, honors") for one in FIVE]
CORRECTED = ["fact-corrected"]


class Case(NamedTuple):
    """One child. outcomes, topics: of the second night's rows without the S row, and of the record's events."""

    said: str
    first: Sequence[Row]
    second: Sequence[Row | str]
    outcomes: str
    topics: Sequence[str]
    rules: Sequence[str] = ()


# file-layout.md, Keys and placement, unless a line says otherwise.
ANYWHERE = [
    # 1. a row equal to a live fact is unchanged, whatever its Record ID
    Case(
        "all rows renumbered",
        [N, Q, LEFT, COURSE, TESTED, SHOT],
        [one.but(number="077") for one in (N, Q, LEFT, COURSE, TESTED, SHOT)],
        "uuuuuu",
        [],
    ),
    Case(
        "five rows that trade their Record IDs",
        [N, Q, *FIVE],
        [one.but(number=f"00{6 - n}") for n, one in enumerate(FIVE, 1)],
        "uuuuu",
        [],
    ),
    # Equality is on canonical values: NFC, outer blanks off, dates ISO
    Case(
        "decomposed accents, blanks and ISO dates",
        [N.but(first="José"), Q],
        [N.but(first=" Jose\u0301 ", born="2013-05-09"), Q.but(on=" 2025-04-18")],
        "uu",
        [],
    ),
    Case("other capitals are another value", [N, Q], [N.but(first="ANA")], "a", CORRECTED),
    Case("rows that are not mentioned", [N, Q, E], [], "", []),
    # 2. else the live fact with the same natural key is corrected
    Case("a move's city", [N, Q], [Q.but(number="009", to_city="Woodburn")], "a", CORRECTED),
    Case("an alternate id keeps id and type", [N, Q, row("K", id="X", type="01")], ["K|#|004|X|01"], "u", []),
    Case("an enrollment's grade", [N, Q, E], [E.but(number="009", grade="07")], "a", CORRECTED),
    Case(
        "the school's id is its key, whatever its name",
        [N, Q, E.but(school_id="411377000999")],
        [E.but(number="009", school_id="411377000999", school="Valor Middle")],
        "a",
        CORRECTED,
    ),
    Case("a course's credits", [N, Q, COURSE], [COURSE.but(number="009", credits="1.00")], "a", CORRECTED),
    Case("a test's score", [N, Q, TESTED], [TESTED.but(number="009", score="211")], "a", CORRECTED),
    Case("a shot's source", [N, Q, SHOT], [SHOT.but(number="009", source="02")], "a", CORRECTED),
    Case(
        "the natural key goes before the Record ID",
        [N, Q, E, E.but(number="002", on="20250601", type="03")],
        [E.but(number="002", grade="07"), E.but(number="001", on="20250601", type="03", grade="08")],
        "aa",
        [*CORRECTED, *CORRECTED],
    ),
    # 3. else the live fact with the same Record ID, not claimed and sharing a key element
    Case("an enrollment's date", [N, Q, E], [E.but(on="20250422")], "a", CORRECTED),
    Case("a school that gets its id", [N, Q, E], [E.but(school_id="411377000999")], "a", CORRECTED),
    Case("a course's title", [N, Q, COURSE], [COURSE.but(title="Algebra 1")], "a", CORRECTED),
    Case("a shot's date", [N, Q, SHOT], [SHOT.but(on="20240817")], "a", CORRECTED),
    Case("an alternate id's type", [N, Q, row("K", id="X", type="01")], [row("K", id="X", type="02")], "a", CORRECTED),
    Case(
        "a fact that another row claims is not free",
        [N, Q, E],
        [E.but(on="20250601", type="03"), E.but(number="002", grade="07")],
        "aa",
        ["enrolled", *CORRECTED],
    ),
    # 4. else it is a new fact
    Case(
        "another date under another Record ID",
        [N, Q, E],
        [E.but(number="002", on="20240901")],
        "a",
        ["enrolled"],
        ["E V12"],
    ),
    Case(
        "another type of the same alternate id",
        [N, Q, row("K", id="X", type="01")],
        [row("K", "002", id="X", type="02")],
        "a",
        ["alternate-id-stated"],
    ),
    # D none: the Record ID, else the record's one D fact
    Case("a name under its Record ID", [N, Q], [N.but(first="Anna")], "a", CORRECTED),
    Case("a name under another Record ID", [N, Q], [N.but(number="007", first="Anna")], "a", CORRECTED),
    Case(
        "a second name beside the first", [N, Q], [N, N.but(number="002", first="Anna")], "ua", ["demographics-stated"]
    ),
    Case(
        "two names that fit no Record ID",
        [N, Q],
        [N.but(number="007", first="Anna"), N.but(number="008", first="Anne")],
        "aa",
        ["demographics-stated", "demographics-stated"],
    ),
    # Five or more placements by step 3 in one record: warning
    Case("five courses with new titles", [N, Q, *FIVE], RETITLED, "aaaaa", CORRECTED * 5, ["S renumbered"]),
    Case("four courses with new titles", [N, Q, *FIVE], RETITLED[:4], "aaaa", CORRECTED * 4),
    # A row is the whole fact; a blank is "no value"
    Case("a blank", [N.but(middle="Sol"), Q], [N], "a", CORRECTED),
    # Rows to events: E later
    Case("a withdrawal that appears", [N, Q, E], [LEFT], "a", ["withdrawn"]),
    Case("a withdrawal that changes", [N, Q, LEFT], [LEFT.but(withdrawn="20250614")], "a", CORRECTED),
    Case("a withdrawal that goes", [N, Q, LEFT], [E], "a", ["fact-retracted"]),
    Case("a withdrawal beside a grade", [N, Q, E], [LEFT.but(grade="07")], "a", [*CORRECTED, "withdrawn"]),
    Case(
        "a later residency in another district",
        [N, Q, LIVES],
        [LIVES.but(residence="4106510", resident="20250415")],
        "a",
        ["residency-changed"],
    ),
    Case("a later residency in the same district", [N, Q, LIVES], [LIVES.but(resident="20250415")], "a", CORRECTED),
    Case(
        "an earlier residency in another district",
        [N, Q, LIVES],
        [LIVES.but(residence="4106510", resident="20250405")],
        "a",
        CORRECTED,
    ),
    Case("another district since the same day", [N, Q, LIVES], [LIVES.but(residence="4106510")], "a", CORRECTED),
    Case("a residency that goes", [N, Q, LIVES], [E], "a", CORRECTED),
    # Rows to events: new rows
    Case("a new enrollment", [N, Q], [E], "a", ["enrolled"]),
    Case("a new enrollment that has ended", [N, Q], [LEFT], "a", ["enrolled", "withdrawn"]),
    Case(
        "a new enrollment with a district", [N, Q], [E.but(residence="4113770")], "a", ["enrolled", "residency-changed"]
    ),
    Case(
        "a new enrollment with all",
        [N, Q],
        [LEFT.but(verified="20250420")],
        "a",
        ["enrolled", "withdrawn", "residency-changed"],
    ),
    Case(
        "one new row of every other table",
        [N, Q],
        [row("K", id="X"), Q.but(number="002", on="20250501"), COURSE, TESTED, SHOT],
        "aaaaa",
        ["alternate-id-stated", "move-qualified", "course-reported", "assessment-reported", "immunization-reported"],
    ),
]

RENUMBERED = [
    # 3. ... and sharing at least one key element
    Case("a move's date under its Record ID", [N, Q], [Q.but(on="20250501")], "a", ["move-qualified"]),
    Case(
        "a shot that shares nothing", [N, Q, SHOT], [SHOT.but(code="03", on="20240101")], "a", ["immunization-reported"]
    ),
    Case(
        "an enrollment that shares nothing", [N, Q, E], [E.but(on="20240901", type="03", school="B")], "a", ["enrolled"]
    ),
    # Actions: elsewhere it is refused
    Case("a bare Record ID", [N, Q, E], ["E|#|001"], "r", [], ["E retract-by-record-id"]),
    Case("a bare Record ID with its columns", [N, Q, SHOT], ["I|#|001|||"], "r", [], ["I retract-by-record-id"]),
]

STABLE = [
    # 3. a jurisdiction whose profile says stable needs no shared element
    Case("a move's date under its Record ID", [N, Q], [Q.but(on="20250501")], "a", CORRECTED),
    Case("a shot that shares nothing", [N, Q, SHOT], [SHOT.but(code="03", on="20240101")], "a", CORRECTED),
    Case("an enrollment that shares nothing", [N, Q, E], [E.but(on="20240901", type="03", school="B")], "a", CORRECTED),
    # Actions: a child row with its Record ID and nothing else retracts that fact
    Case("a bare Record ID", [N, Q, E], ["E|#|001"], "a", ["fact-retracted"]),
    Case("a bare Record ID with its columns", [N, Q, SHOT], ["I|#|001|||"], "a", ["fact-retracted"]),
    Case("a bare Record ID of no fact", [N, Q, E], ["E|#|009"], "u", [], ["E retract-unknown-fact"]),
    Case("a bare Record ID of one of two", [N, Q, COURSE, SECOND], ["C|#|002"], "a", ["fact-retracted"]),
    # V9: ... holds a qualifying move once the file is applied
    Case(
        "the last move taken back",
        [N, Q, E],
        ["Q|#|001", LEFT],
        "rr",
        [],
        ["S V9", "Q student-refused", "E student-refused"],
    ),
    Case(
        "the last move taken back for another",
        [N, Q],
        ["Q|#|001", Q.but(number="002", on="20250501")],
        "aa",
        ["fact-retracted", "move-qualified"],
    ),
]

CASES = [
    *(pytest.param("OR", one, id=f"OR: {one.said}") for one in [*ANYWHERE, *RENUMBERED]),
    *(pytest.param("CA", one, id=f"CA: {one.said}") for one in [*ANYWHERE, *STABLE]),
]


class Nights(NamedTuple):
    """The answers to a state's nights, and who is whose case."""

    first: Answer
    second: Answer
    again: Answer
    ssids: dict[str, str]


@pytest.fixture(scope="module")
def nights(office: Office) -> dict[str, Nights]:
    profile = {"record_ids": "stable"}
    set_up = office.service.call("PUT", "/v1/jurisdictions/CA/profile", by="operator", json=profile)
    assert set_up.status_code == 200, set_up.text
    made: dict[str, Nights] = {}
    for state, cases in (("OR", [*ANYWHERE, *RENUMBERED]), ("CA", [*ANYWHERE, *STABLE])):
        ssids = {case.said: f"{state}{n:03d}" for n, case in enumerate(cases)}
        first = office.send(state, *(Child(ssids[case.said], case.first, "I") for case in cases))
        second, again = (
            office.send(state, *(Child(ssids[case.said], case.second) for case in cases)) for _ in range(2)
        )
        made[state] = Nights(first, second, again, ssids)
    return made


@pytest.mark.parametrize(("state", "case"), CASES)
def test_a_row_is_placed_as_the_layout_says(nights: dict[str, Nights], office: Office, state: str, case: Case) -> None:
    night = nights[state].second
    ssid = nights[state].ssids[case.said]
    refused = "S V9" in case.rules
    assert night.outcomes(ssid) == ("r" if refused else "u") + case.outcomes
    assert night.rules(ssid) == list(case.rules)
    record = nights[state].first.student(ssid)
    assert office.topics(night, record) == list(case.topics)


@pytest.mark.parametrize("state", ["OR", "CA"])
def test_the_second_night_again_under_another_date_changes_nothing(nights: dict[str, Nights], state: str) -> None:
    # architecture.md, law 2: it appends to its own submission stream and nowhere else
    again = nights[state].again
    assert again.told["events"] == 0
    assert again.told["accepted"] == 0
    assert {subject.split("/")[0] for subject, _ in again.events} == {"submission"}


# -- ties (file-layout.md: Record ID, then file order), told by the course's final grade


def grades(office: Office, student: str) -> dict[int, str]:
    """Fact id to final grade."""
    return {one["sources"][0]["fact"]: one["final_grade"] for one in office.shown(student)["core"]["courses"]}


@pytest.mark.parametrize(
    ("ssid", "rows", "expected"),
    [
        ("TIE1", [SECOND.but(grade="F"), COURSE.but(grade="D")], "DF"),
        (
            "TIE2",
            [COURSE.but(number="012", grade="D"), COURSE.but(number="011", grade="F")],
            "DF",
        ),
        ("TIE3", [SECOND.but(grade="F"), COURSE.but(grade="C")], "FC"),
    ],
    ids=["the Record ID first", "then the order of the file", "an equal row before both"],
)
def test_rows_with_one_natural_key_are_told_apart(office: Office, ssid: str, rows: list[Row], expected: str) -> None:
    student = office.send("WA", child(ssid, COURSE, SECOND)).student(ssid)
    before = sorted(grades(office, student))
    office.send("WA", Child(ssid, rows))
    after = grades(office, student)
    assert [after[fact] for fact in before] == list(expected)


# -- corrections tell what stood there before


def test_a_correction_keeps_what_it_superseded_with_its_source(office: Office) -> None:
    # the requirements: each fact with source and time; what it superseded
    first = office.send("WA", child("C1", N.but(number="002")), Child("C2", [N.but(middle="Sol"), Q]))
    second = office.send("WA", Child("C2", [N.but(first="Anna")]))
    shown = office.shown(second.student("C2"))
    assert (shown["core"]["first_name"], shown["core"].get("middle_name")) == ("Anna", None)
    (named,) = [fact for fact in shown["provenance"]["facts"] if fact["kind"] == "demographics"]
    stated, corrected = named["words"]
    assert (stated["act"], stated["submission"], stated["row"]) == ("stated", first.told["submission"], 7)
    assert (corrected["act"], corrected["submission"], corrected["row"]) == ("corrected", second.told["submission"], 3)
    assert corrected["superseded"] == {"first_name": "Ana", "middle_name": "Sol"}
    assert stated["recorded_at"] < corrected["recorded_at"]
    assert stated["position"] < corrected["position"]


def test_a_value_that_comes_back_is_a_correction_like_any_other(office: Office) -> None:
    # file-layout.md: only a value that a decided request replaced is held back
    office.send("WA", child("BACK"))
    office.send("WA", Child("BACK", [N.but(first="Anna")]))
    back = office.send("WA", Child("BACK", [N]))
    assert office.topics(back, back.student("BACK")) == CORRECTED
    assert back.rules("BACK") == []


def test_the_s_row_is_a_fact_too(office: Office) -> None:
    # file-layout.md, Rows to events: any other changed row, one FactCorrected
    office.send("WA", child("TYPE", type="01"))
    changed = office.send("WA", Child("TYPE", [], type="02"))
    assert changed.outcomes("TYPE") == "a"
    assert office.topics(changed, changed.student("TYPE")) == CORRECTED


def test_action_d_of_a_student_who_was_never_sent_is_warned_of(office: Office) -> None:
    answer = office.send("WA", Child("NEVER", [], "D"))
    assert (answer.outcomes("NEVER"), answer.rules("NEVER")) == ("u", ["S retract-unknown-record"])
    assert (answer.told["warned"], answer.told["events"]) == (1, 0)


def test_the_ledgers_own_student_id_sent_back_changes_nothing(office: Office) -> None:
    # mde.csv, Student 2: blank until the ledger has assigned one
    student = office.send("WA", child("OWN")).student("OWN")
    assert office.send("WA", child("OWN", msix=student)).outcomes("OWN") == "uuu"


# -- actions (file-layout.md, Actions)


def test_i_on_a_known_and_u_on_an_unknown_record_warn(office: Office) -> None:
    unknown = office.send("WA", child("ACT", action="U"))
    assert (unknown.outcomes("ACT"), unknown.told["warned"]) == ("aaa", 1)
    known = office.send("WA", child("ACT", action="I"))
    assert (known.outcomes("ACT"), known.told["warned"]) == ("uuu", 1)
    assert all(answer.lines[0]["rule"] and answer.lines[0]["remedy"] for answer in (unknown, known))


def searched(office: Office, ssid: str) -> list[Any]:
    answer = office.service.call(
        "POST",
        "/v1/students/search",
        by="secondary_user",
        json={"state_student_id": ssid},
        params={"at_least": office.service.head()},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["students"]


def test_a_retracted_record_leaves_search_and_keeps_its_history_until_it_is_sent_again(office: Office) -> None:
    opened = office.send("WA", child("GONE", LEFT, SHOT))
    student = opened.student("GONE")
    assert [found["student_id"] for found in searched(office, "GONE")] == [student]

    gone = office.send("WA", Child("GONE", [], "D"))
    assert (gone.outcomes("GONE"), office.topics(gone, student)) == ("a", ["record-retracted"])
    assert searched(office, "GONE") == []
    shown = office.shown(student)
    assert (shown["core"]["status"], shown["core"]["enrollments"]) == ("retracted", [])
    assert office.send("WA", Child("GONE", [], "D")).told["events"] == 0

    # ... its facts come back as they are sent again
    back = office.send("WA", Child("GONE", [N, Q]))
    assert office.topics(back, student)[0] == "record-reinstated"
    assert back.student("GONE") == student
    assert [found["student_id"] for found in searched(office, "GONE")] == [student]
    core = office.shown(student)["core"]
    assert (len(core["qualifying_moves"]), core["enrollments"]) == (1, [])
    office.send("WA", Child("GONE", [LEFT]))
    shown = office.shown(student)
    (enrollment,) = shown["core"]["enrollments"]
    assert enrollment["withdrawal_date"] == "2025-06-13"
    # ... it keeps its links and history: the first night's word still stands first
    (named,) = [fact for fact in shown["provenance"]["facts"] if fact["kind"] == "demographics"]
    assert (named["words"][0]["act"], named["words"][0]["submission"]) == ("stated", opened.told["submission"])


def test_a_retracted_record_comes_back_only_with_a_move(office: Office) -> None:
    # V9: a record holds at least one qualifying move once the file is applied
    office.send("WA", child("MOVE"))
    office.send("WA", Child("MOVE", [], "D"))
    back = office.send("WA", Child("MOVE", [N]))
    assert (back.outcomes("MOVE"), back.rules("MOVE")[0], back.told["events"]) == ("rr", "S V9", 0)


def test_an_enrollment_taken_back_takes_its_withdrawal_along(office: Office, nights: dict[str, Nights]) -> None:
    assert nights["CA"]  # California's profile is set
    student = office.send("CA", child("WITH", LEFT)).student("WITH")
    office.send("CA", Child("WITH", ["E|#|001"]))
    assert office.shown(student)["core"]["enrollments"] == []


def test_the_remedy_of_a_bare_record_id_names_retractions(nights: dict[str, Nights]) -> None:
    # file-layout.md, Actions: refused with the remedy (`/retractions`, which names the fact id)
    line = next(line for line in nights["OR"].second.lines if line["rule"] == "retract-by-record-id")
    assert "retractions" in line["remedy"]
    assert "fact id" in line["remedy"]


def test_two_states_with_one_student_identifier_have_two_records(office: Office) -> None:
    # file-layout.md: a record is (Reporting State Code, State Student Identifier)
    first, second = office.send("WA", child("SAME")), office.send("ID", child("SAME"))
    assert first.student("SAME") != second.student("SAME")
    assert second.told["students_new"] == 1
    listed = office.command.run("students", "--csv").stdout.splitlines()
    assert listed[0] == "state,state_student_id,student_id"  # interface.md
    assert {f"WA,SAME,{first.student('SAME')}", f"ID,SAME,{second.student('SAME')}"} <= set(listed)
