"""What a record's page shows, from sections alone: who, where now, until when, what to mind; and nothing of a section
that is not shown."""

from __future__ import annotations

from datetime import date
from typing import Any

from api.console.record_pictures import WIDTH
from api.console.record_rows import Source, Value
from api.console.record_told import told_of

DAY = date(2026, 2, 28)


def source(state: str, day: str = "2025-09-02", **differs: str) -> dict[str, Any]:
    said = {"record": f"record of {state}", "state": state, "fact": 1, "recorded_at": f"{day}T02:00:00.000000Z"}
    return {**said, "differs": differs} if differs else said


def shown(**core: Any) -> dict[str, Any]:
    """An answer with section core alone."""
    head = {"student_id": "1", "position": 9, "day": DAY.isoformat(), "eligible_now": core.pop("eligible_now", False)}
    return {**head, "core": {"status": "open", "records": [], **core}}


def enrollment(on: str, *sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"enrollment_date": on, "enrollment_type": "01", "sources": list(sources) or [source("OR")], **more}


def texts(answer: dict[str, Any], day: date = DAY) -> list[str]:
    return [alert.text for alert in told_of(answer, day).alerts]


def test_a_child_of_a_leap_day_is_a_year_older_on_the_first_of_march() -> None:
    answer = shown(birth_date="2012-02-29")
    assert told_of(answer, date(2026, 2, 28)).age == 13
    assert told_of(answer, date(2026, 3, 1)).age == 14
    assert told_of(shown(), DAY).age is None


def test_where_now_is_the_enrollment_that_has_not_ended_the_latest_first() -> None:
    ended = enrollment("2025-01-08", withdrawal_date="2025-06-01")
    here, later = enrollment("2024-09-01"), enrollment("2025-09-01", source("CA"))
    told = told_of(shown(enrollments=[here, ended, later]), DAY)
    assert [row.get("enrollment_date") for row in told.now.here] == ["2025-09-01", "2024-09-01"]
    assert "Enrolled in more than one place" in [alert.text for alert in told.alerts]


def test_without_an_open_enrollment_the_last_one_is_told_and_a_move_after_it() -> None:
    move = {"qualifying_arrival_date": "2025-08-08", "qualifying_move_to_city": "Hermiston", "sources": [source("OR")]}
    ended = [enrollment(f"202{n}-01-08", withdrawal_date=f"202{n}-06-01") for n in (4, 5)]
    told = told_of(shown(enrollments=ended, qualifying_moves=[move]), DAY)
    assert told.now.here == ()
    assert told.now.last is not None
    assert told.now.last.get("enrollment_date") == "2025-01-08"
    assert told.now.moved_to == "Hermiston"
    assert "Moved, and not enrolled there yet" in [alert.text for alert in told.alerts]


def test_whoever_has_graduated_is_not_there_any_more() -> None:
    done = enrollment("2025-01-08", graduation_hse_indicator="Graduation", graduation_hse_date="2025-06-01")
    assert told_of(shown(enrollments=[done]), DAY).now.here == ()


def test_eligible_until_the_last_day_and_no_longer_from_the_next() -> None:
    interval = {"begins": "2023-03-01", "expires": "2026-02-28", "by": "36 months"}
    yes = told_of(shown(eligibility=interval, eligible_now=True), DAY).eligible
    assert (yes.yes, yes.until, yes.since) == (True, "2026-02-28", "")
    no = told_of(shown(eligibility=interval), date(2026, 3, 1)).eligible
    assert (no.yes, no.since) == (False, "2026-03-01")
    ahead = told_of(shown(eligibility={**interval, "begins": "2026-05-01", "expires": "2029-04-30"}), DAY).eligible
    assert (ahead.yes, ahead.begins, ahead.since) == (False, "2026-05-01", "")
    assert told_of(shown(eligibility=None), DAY).eligible.until == ""


def test_health_speaks_of_the_latest_enrollment_that_says_something() -> None:
    flags = [
        {"enrollment_date": "2024-09-01", "med_alert_indicator": "Acute", "iep_indicator": "Yes", "sources": []},
        {"enrollment_date": "2025-09-01", "med_alert_indicator": "None", "sources": []},
    ]
    answer = {**shown(), "health": {"indicators": flags}}
    assert texts(answer) == ["Special education: has an IEP"]
    flags[1]["med_alert_indicator"] = "Chronic"
    assert texts(answer)[0] == "Medical alert", "what hurts where it is overlooked stands first"


def test_a_section_that_is_not_shown_leaves_no_alert_and_is_named_once() -> None:
    told = told_of(shown(), DAY)
    assert (told.has_health, told.has_contacts, told.alerts) == (False, False, ())
    assert told.hidden == ("parents and how to reach them", "health and immunizations", "what was said earlier")
    whole = {**shown(), "contacts": {}, "health": {}, "provenance": {}}
    assert told_of(whole, DAY).hidden == ()


def test_capitals_and_accents_are_no_difference_and_another_date_is() -> None:
    one = {"first_name": "José", "last_name_1": "Núñez", "birth_date": "2015-03-02", "sources": [source("OR")]}
    other = {"first_name": "JOSE", "last_name_1": "NUNEZ", "birth_date": "2015-03-02", "sources": [source("CA")]}
    believed = {key: value for key, value in one.items() if key != "sources"}
    same = told_of(shown(**believed, demographics=[one, other]), DAY)
    assert same.who_differs == ()
    other["birth_date"] = "2015-02-03"
    told = told_of(shown(**believed, demographics=[one, other]), DAY)
    (ways,) = told.who_differs
    assert ways.ways == (
        (Value("2015-03-02", "date"), (Source("OR", "2025-09-02"),)),
        (Value("2015-02-03", "date"), (Source("CA", "2025-09-02"),)),
    )
    assert "States differ on who the child is" in [alert.text for alert in told.alerts]


def test_both_values_stand_side_by_side_each_with_who_says_it() -> None:
    entry = enrollment("2025-09-01", source("OR"), source("CA", grade_level="08"), source("TX"), grade_level="07")
    (row,) = told_of(shown(enrollments=[entry]), DAY).schools
    (ways,) = row.differs
    assert [(value.text, [one.state for one in who]) for value, who in ways.ways] == [
        ("Grade 7", ["OR", "TX"]),
        ("Grade 8", ["CA"]),
    ]


def test_ends_that_states_tell_differently_are_both_told() -> None:
    ends = [
        {"withdrawal_date": "2025-06-01", "sources": [source("OR")]},
        {"withdrawal_date": "2025-05-20", "sources": [source("CA")]},
    ]
    entry = enrollment("2025-01-08", source("OR"), source("CA"), withdrawal_date="2025-06-01", withdrawals=ends)
    (row,) = told_of(shown(enrollments=[entry]), DAY).schools
    assert [value.text for value, _ in row.differs[0].ways] == ["2025-06-01", "2025-05-20"]
    assert row.ended == (Source("OR", "2025-09-02"),)


def test_nothing_that_was_said_is_left_out() -> None:
    entry = enrollment("2025-09-01", enrollment_comment="Walks", grade_level="ZZ", unheard_of="as it came")
    (row,) = told_of(shown(enrollments=[entry]), DAY).schools
    rest = dict(row.rest("enrollment_date"))
    assert rest["enrollment_comment"] == Value("Walks")
    assert rest["grade_level"] == Value("ZZ", "code")
    assert rest["unheard_of"] == Value("as it came")
    assert "sources" not in rest


def test_a_retracted_record_is_said_with_its_state() -> None:
    records = [{"state": "OR", "status": "open"}, {"state": "CA", "status": "retracted"}]
    (alert,) = told_of(shown(records=records), DAY).alerts
    assert (alert.text, alert.detail) == ("Record taken back by its state", "CA")


def test_the_line_of_time_keeps_within_its_width_and_no_bar_lies_on_another() -> None:
    spans = [(f"20{year:02}-09-01", f"20{year + 1:02}-06-01") for year in range(5, 25)]
    rows = [enrollment(begin, withdrawal_date=end, facility_state="OR") for begin, end in spans]
    rows += [enrollment("2024-09-02", facility_state="OR"), enrollment("2024-09-02", source("CA"), facility_state="CA")]
    line = told_of(shown(enrollments=rows), DAY).line
    assert line is not None
    assert len(line.bars) == len(rows)
    for bar in line.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH
        assert bar.y + 16 <= line.height
    lanes: dict[float, float] = {}
    for bar in sorted(line.bars, key=lambda bar: bar.x):
        assert lanes.get(bar.y, 0.0) <= bar.x
        lanes[bar.y] = bar.x + bar.width
    assert [state for state, _ in line.lanes] == ["OR", "CA"]
    assert [bar.number for bar in line.bars if bar.open] == [21, 22]


def test_an_enrollment_that_begins_after_today_and_one_without_a_readable_day_are_no_trouble() -> None:
    rows = [enrollment("2027-01-01"), enrollment("some day")]
    line = told_of(shown(enrollments=rows), DAY).line
    assert line is not None
    assert [bar.number for bar in line.bars] == [1]
    assert told_of(shown(), DAY).line is None


def test_the_way_goes_through_a_place_that_a_move_began_at_and_none_had_ended_at() -> None:
    def move(on: str, begin: str, end: str) -> dict[str, Any]:
        told = {"qualifying_move_from_city": begin, "qualifying_move_to_city": end, "qualifying_arrival_date": on}
        return {**told, "sources": [source("OR")]}

    moves = [move("2024-05-01", "Faison", "Weslaco"), move("2025-04-29", "WESLACO", "Oxnard")]
    moves.append(move("2025-08-08", "Hatch", "Hermiston"))
    stops = told_of(shown(qualifying_moves=moves), DAY).stops
    assert [(stop.place, stop.apart) for stop in stops] == [
        ("Faison", False),
        ("Weslaco", False),
        ("Oxnard", False),
        ("Hatch", True),
        ("Hermiston", False),
    ]
