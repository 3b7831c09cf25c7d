"""Law 8 for ``records``, ``search`` and ``submissions``: each is the naive fold of what can be opened, in batches of
any size; a rebuild equals the live one; and a search finds whom a plain reading of its rules finds.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from ledger.eligibility import Move, eligibility
from ledger.events import Event, Recorded
from ledger.events.record import DemographicsStated, RecordEvent, RecordOpened
from ledger.events.submission import (
    ChunkApplied,
    FileWarning,
    Finding,
    FindingsRecorded,
    SubmissionCompleted,
    SubmissionReceived,
    SubmissionRefused,
)
from ledger.matching.names import other_words, sound, words
from ledger.store.append import Append, Part
from ledger.store.database import Role
from ledger.store.vault import LEDGER
from projections import records, search, submissions
from projections.record_states import RecordStates, decode
from projections.search_terms import KEPT, Wanted, as_tsvector, question, terms_of
from support.linkage_tapes import STEPS, Step, act
from support.naive_fold import Told, told_by
from support.naive_linkage import students_told
from support.stories import BATCHES, PIECES, append, destroy, own_story
from support.telling import Teller, histories, opened, record_uuid
from support.worlds import META, World

COUNTS = {
    "demographics": "D",
    "alternate_ids": "K",
    "moves": "Q",
    "enrollments": "E",
    "withdrawals": "W",
    "residencies": "R",
    "courses": "C",
    "assessments": "A",
    "immunizations": "I",
}
Sized = Callable[..., settings]
TAPES = st.lists(STEPS, max_size=12)


def kind_of(fact: Told) -> str:
    """The letter, W for a withdrawal, R for a residency."""
    if fact["enrollment"] is None:
        return fact["letter"]
    return "W" if fact["withdrawal"] else "R"


def live_of(told: Told) -> dict[int, Told]:
    """Fact id to fact: what an open record holds beside its own row."""
    if told["status"] != "open":
        return {}
    return {number: fact for number, fact in told["facts"].items() if number and fact["status"] == "live"}


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def rows(world: World, table: str, after: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Record to row, of these records."""
    with world.database.connect(Role.READER) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"select * from {table} where record = any(%s)".encode(), (list(after),))
        return {row["record"]: row for row in cursor.fetchall()}


def minted_by(story: Sequence[Recorded]) -> list[str]:
    """Student ids in the order of their records' openings."""
    return [recorded.event.student_id for recorded in story if isinstance(recorded.event, RecordOpened)]


def assert_records_are_the_fold(world: World, log: Sequence[Recorded], until: int) -> None:
    """log: of the example, whole. until: position that the read model has reached."""
    student_of = {record: student for student in students_told(log, until) for record in student.records}
    instants = {recorded.position: recorded.recorded_at for recorded in log}
    log = [recorded for recorded in log if recorded.position <= until]
    told_records = told_by(log)
    names = {recorded.stream.removeprefix("record/") for recorded in log}
    found = rows(world, "records.records", sorted(names))
    assert set(found) == set(told_records)
    for name, told in told_records.items():
        row, live, student = found[name], live_of(told), student_of[name]
        assert (row["student_id"], row["status"], row["position"]) == (
            student.student_id,
            told["status"],
            max(told["position"], student.acted),
        )
        of_record = [r for r in log if r.stream == f"record/{name}" and isinstance(r.event, RecordEvent)]
        submitted = [r.meta.submission for r in of_record if r.meta.submission]
        assert row["submission"] == (submitted[-1] if submitted else None)
        assert (row["opened_at"], row["changed_at"]) == (of_record[0].recorded_at, instants[row["position"]])
        counted = Counter(kind_of(fact) for fact in live.values())
        assert {column: row[column] for column in COUNTS} == {c: counted[kind] for c, kind in COUNTS.items()}
        assert_dates(row, live)


def assert_dates(row: dict[str, Any], live: dict[int, Told]) -> None:
    said = {number: fact["elements"] for number, fact in live.items()}
    named = [fact for fact in live.values() if fact["letter"] == "D"]
    name = max(named, key=lambda fact: fact["words"][-1][1])["elements"] if named else {}
    moves = [
        Move(
            date.fromisoformat(said[number]["qualifying_arrival_date"]),
            day(said[number].get("eligibility_expiration_date")),
        )
        for number, fact in live.items()
        if fact["letter"] == "Q"
    ]
    graduated = [elements["graduation_hse_date"] for elements in said.values() if "graduation_hse_date" in elements]
    best = eligibility(moves, day(name.get("birth_date")), day(min(graduated, default=None)))
    assert row["qualifying_arrival_date"] == max((move.arrival for move in moves), default=None)
    assert (row["eligible_from"], row["eligible_until"]) == (best.begins, best.expires)
    enrolled = [(said[n].get("enrollment_date", ""), n) for n, fact in live.items() if kind_of(fact) == "E"]
    latest = max(enrolled, default=("", 0))[1]
    elements = said.get(latest, {})
    assert (row["enrollment_date"], row["grade_level"]) == (
        day(elements.get("enrollment_date")),
        elements.get("grade_level"),
    )
    left = [
        said[n]["withdrawal_date"] for n, f in sorted(live.items()) if kind_of(f) == "W" and f["enrollment"] == latest
    ]
    assert row["withdrawal_date"] == (day(left[-1]) if left else None)
    flag = {"Yes": True, "No": False, None: None}[elements.get("pfs_flag")]
    assert (row["enrollment_type"], row["priority_for_services"]) == (elements.get("enrollment_type"), flag)
    assert_places(row, live, latest)


def assert_places(row: dict[str, Any], live: dict[int, Told], latest: int) -> None:
    """latest: the number of the latest enrollment, 0 for none. Days are compared as they are written."""
    said = {number: fact["elements"] for number, fact in live.items()}
    of = {kind: [n for n in sorted(live) if kind_of(live[n]) == kind] for kind in "QERW"}
    schools: list[str] = [
        said[n]["enrollment_date"]
        for n in of["E"]
        if said[n].get("enrollment_type") != "06" or said[n].get("grade_level") == "00"
    ]
    enrolled = said[latest] if latest else {}
    left = [said[n]["withdrawal_date"] for n in of["W"] if live[n]["enrollment"] == latest][-1:]
    homes: list[tuple[str, int, str]] = []
    for n in of["R"]:
        enrollment = live[n]["enrollment"]
        if any(live[other]["enrollment"] == enrollment for other in of["R"] if other > n):
            continue
        since = said[n].get("residency_date", said[enrollment]["enrollment_date"])
        if enrollment == latest or since >= enrolled["enrollment_date"]:
            homes.append((since, enrollment, said[n]["district_of_residence"]))
    since, _, home = max(homes, default=(None, 0, None))
    assert (row["district_of_residence"], row["resident_since"]) == (home, day(since))
    school = enrolled.get("school_district_id")
    gone = bool(left and since and since > left[0] and home != school)
    assert row["attended_district"] == (None if gone else school)
    assert row["enrolled_on"] == day(max(schools, default=None))
    moves = [(said[n]["qualifying_arrival_date"], n) for n in of["Q"]]
    to = said[max(moves)[1]] if moves else {}
    assert row["moved_to_city"] == to.get("qualifying_move_to_city")
    here: list[str] = [
        arrived for arrived, n in moves if said[n].get("qualifying_move_to_state", row["state"]) == row["state"]
    ]
    came: str | None = max([*here, *([since] if since else [])], default=None)
    where = home if since and came == since else None
    attends = latest and (enrolled.get("enrollment_type") != "06" or enrolled.get("grade_level") == "00")
    settled = came is None or any(date >= came for date in schools)
    if settled or (attends and not left and where is not None and where == school):
        came = where = None
    assert (row["unenrolled_since"], row["unenrolled_district"]) == (day(came), where)


def assert_search_is_the_fold(world: World, log: Sequence[Recorded], until: int) -> None:
    """As for ``records``."""
    student_of = {record: student.student_id for student in students_told(log, until) for record in student.records}
    log = [recorded for recorded in log if recorded.position <= until]
    told_records = told_by(log)
    names = {recorded.stream.removeprefix("record/") for recorded in log}
    found = rows(world, "search.records", sorted(names))
    assert set(found) == set(told_records)
    for name, told in told_records.items():
        row, kept = found[name], decode(found[name]["body"])
        assert (row["student_id"], row["status"]) == (student_of[name], told["status"])
        assert (kept.student_id, kept.minted) == (student_of[name], told["student_id"])
        assert {number: fact.elements for number, fact in kept.facts.items()} == {
            number: {key: value for key, value in fact["elements"].items() if key in KEPT[kind_of(fact)]}
            for number, fact in live_of(told).items()
            if kind_of(fact) in KEPT
        }
        with world.database.connect(Role.READER) as connection:
            as_stored = connection.execute("select %s::tsvector::text", (as_tsvector(terms_of(kept)),)).fetchone()
        assert as_stored == (str(row["terms"]),)
        assert bool(row["terms"]) == (told["status"] == "open")


MODELS = pytest.mark.parametrize(
    ("projection", "assert_is_the_fold"),
    [
        pytest.param(records.PROJECTION, assert_records_are_the_fold, id="records"),
        pytest.param(search.PROJECTION, assert_search_is_the_fold, id="search"),
    ],
)


@MODELS
def test_law_8_in_batches_of_any_size(
    world: World, sized: Sized, projection: Any, assert_is_the_fold: Callable[[World, Sequence[Recorded], int], None]
) -> None:
    @sized(20)
    @given(histories(records_max=4), PIECES, BATCHES, TAPES, st.integers(0, 9))
    def law(
        drawn: list[Recorded], pieces: list[tuple[int, int]], rebuilt_in: int, tape: list[Step], held_back: int
    ) -> None:
        story, start, at = own_story(world, drawn), world.head(), 0
        reached = start
        while at < len(story):
            for size, batch in pieces:
                append(world.ledgers[0].log, story[at : at + size])
                at += size
                for step in tape[:2]:
                    act(world.ledgers[1], minted_by(story[:at]), step)
                tape = tape[2:]
                log = world.events(start)
                for until in (max(world.head() - held_back, reached), world.head()):
                    world.project(batch, projection, until=until)
                    assert_is_the_fold(world, log, until)
                reached = world.head()
        live = world.digest(projection)
        world.rebuild(rebuilt_in * 50, projection)
        assert world.digest(projection) == live

    law()


@MODELS
def test_law_8_for_what_can_still_be_opened(
    world: World, sized: Sized, projection: Any, assert_is_the_fold: Callable[[World, Sequence[Recorded], int], None]
) -> None:
    """After a key is destroyed, a rebuild holds what the others open, and of that record nothing else."""

    @sized(15)
    @given(histories(records_max=3), st.sampled_from(["education", "eligibility"]), TAPES)
    def law(drawn: list[Recorded], key_class: str, tape: list[Step]) -> None:
        story, start = own_story(world, drawn), world.head()
        append(world.ledgers[0].log, story)
        for step in tape:
            act(world.ledgers[1], minted_by(story), step)
        world.project(100, projection)
        record = story[0].stream.removeprefix("record/")
        destroy(world, record, key_class)
        world.rebuild(1000, projection)
        assert_is_the_fold(world, world.events(start), world.head())
        [row] = rows(world, f"{projection.name}.records", [record]).values() or [None]
        assert (row is None) == (key_class == "education")

    law()


# -- whom a search finds

GIVEN = ("José", "Pepe", "Luis", "María", "Ma.", "Guadalupe", "Lupe")
SURNAMES = ("García", "Garsia", "López", "de la Cruz", "Cruz", "Reyes")


def is_one_name(asked: str, said: str, *, given_name: bool) -> bool:
    return sound(asked) == sound(said) or (given_name and said in other_words(asked))


def fits_part(asked: Sequence[str], said: Sequence[str], *, given_name: bool) -> bool:
    """All words that are asked for are there, or all but one or two that the record has no room for."""
    there = [word for word in asked if any(is_one_name(word, w, given_name=given_name) for w in said)]
    if len(there) == len(asked):
        return True
    return max(1, len(asked) - 2) <= len(said) < len(asked) and len(there) >= len(said)


def fits_whole(asked: Sequence[str], given_names: Sequence[str], surnames: Sequence[str]) -> bool:
    """As the page on the search says."""
    as_given = {w for w in asked if any(is_one_name(w, said, given_name=True) for said in given_names)}
    as_surname = {w for w in asked if any(is_one_name(w, said, given_name=False) for said in surnames)}
    missing = len(asked) - len(as_given | as_surname)
    if not missing:
        return True
    if not (as_given and as_surname):
        return False
    one_given, one_surname = len(given_names) == 1, len(surnames) == 1
    return (missing == 1 and len(asked) >= 3 and (one_given or one_surname)) or (
        missing <= 2 and len(asked) >= 4 and one_given and one_surname
    )


def names(pool: Sequence[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pool), min_size=1, max_size=most, unique=True).map(" ".join)


@st.composite
def questions(draw: st.DrawFn) -> Wanted:
    if draw(st.booleans()):
        return Wanted(name=draw(names([*GIVEN, *SURNAMES], 5)))
    first, last_1 = draw(st.none() | names(GIVEN, 3)), draw(st.none() | names(SURNAMES, 2))
    last_2 = draw(names(SURNAMES, 1)) if first is None and last_1 is None else draw(st.none() | names(SURNAMES, 1))
    return Wanted(first_name=first, last_name_1=last_1, last_name_2=last_2)


def fits(wanted: Wanted, said: dict[str, str]) -> bool:
    given_names, surnames = words(said["first_name"]), words(f"{said['last_name_1']} {said['last_name_2']}")
    if wanted.name is not None:
        return fits_whole(list(dict.fromkeys(words(wanted.name))), given_names, surnames)
    first = list(dict.fromkeys(words(wanted.first_name or "")))
    last = list(dict.fromkeys(words(f"{wanted.last_name_1 or ''} {wanted.last_name_2 or ''}")))
    return (not first or fits_part(first, given_names, given_name=True)) and (
        not last or fits_part(last, surnames, given_name=False)
    )


def test_a_name_is_found_exactly_where_a_plain_reading_of_the_rules_finds_it(world: World, sized: Sized) -> None:
    with world.database.connect(Role.READER) as connection:

        @sized(400)
        @given(questions(), names(GIVEN, 2), names(SURNAMES, 1), st.just("") | names(SURNAMES, 1))
        def law(wanted: Wanted, first: str, last_1: str, last_2: str) -> None:
            said = {"first_name": first, "last_name_1": last_1, "last_name_2": last_2}
            teller = Teller()
            teller.tell(f"record/{record_uuid(1)}", opened(1), DemographicsStated(fact=1, elements=said))
            [record] = RecordStates(KEPT).hear(teller.log)
            found = connection.execute(
                "select %s::tsvector @@ %s::tsquery", (as_tsvector(terms_of(record)), question(wanted).query)
            ).fetchone()
            assert found == (fits(wanted, said),)

        law()


# -- submissions


@st.composite
def submitted(draw: st.DrawFn) -> list[tuple[str, Event]]:
    """What becomes of the files of two states, interleaved: stream to event, in order."""
    streams: dict[str, list[Event]] = {}
    for state in ("OR", "TX"):
        about = {"state": state, "submission_date": "2025-09-02T02:00:00.000", "content_hash": "00"}
        story: list[Event] = [SubmissionRefused(**about, rule="totals") for _ in range(draw(st.integers(0, 2)))]
        chunks = draw(st.integers(0, 3))
        if draw(st.booleans()):
            rows, warned = draw(st.integers(0, 9)), draw(st.integers(0, 2))
            warnings = (FileWarning(rule="unknown-column", table="Demographics.csv", columns=(3,)),) * warned
            received = SubmissionReceived(
                state=state,
                submission_date=about["submission_date"],
                content_hash=about["content_hash"],
                students=9,
                rows=rows,
                beginning="",
                ending="",
                warnings=warnings,
            )
            story.append(received)
            for number in range(1, chunks + 1):
                story += [_chunk(draw, number), _findings(draw, number)]
            if draw(st.booleans()):
                story.append(SubmissionCompleted(rows=9, **_counts(draw)))
        streams[state] = story
    order = draw(st.permutations([state for state, story in streams.items() for _ in story]))
    return [(state, streams[state].pop(0)) for state in order]


def _counts(draw: st.DrawFn) -> dict[str, int]:
    names = ("accepted", "unchanged", "refused", "warned", "events", "students_new")
    return {name: draw(st.integers(0, 9)) for name in names}


def _chunk(draw: st.DrawFn, number: int) -> ChunkApplied:
    return ChunkApplied(chunk=number, students=number, **_counts(draw))


def _findings(draw: st.DrawFn, number: int) -> FindingsRecorded:
    found = st.builds(
        Finding,
        row=st.just(1),
        letter=st.just("E"),
        rule=st.sampled_from(["code", "V10"]),
        level=st.sampled_from(["refused", "warned"]),
        value=st.none(),
    )
    return FindingsRecorded(chunk=number, findings=draw(st.lists(found, max_size=4)))


def assert_is_told(row: submissions.Submission, story: Sequence[Event]) -> None:
    received = next((event for event in story if isinstance(event, SubmissionReceived)), None)
    refused = [event for event in story if isinstance(event, SubmissionRefused)]
    completed = next((event for event in story if isinstance(event, SubmissionCompleted)), None)
    status = "refused" if received is None else "applying" if completed is None else "completed"
    assert (row.status, row.rule) == (status, refused[-1].rule if received is None else None)
    chunks = [event for event in story if isinstance(event, ChunkApplied)]
    assert row.chunks == len(chunks)
    for name in ("accepted", "unchanged", "refused", "warned", "events", "students_new"):
        told = sum(getattr(event, name) for event in chunks) if completed is None else getattr(completed, name)
        assert getattr(row, name) == told
    found = Counter(
        (finding.rule, finding.level)
        for event in story
        if isinstance(event, FindingsRecorded)
        for finding in event.findings
    )
    found.update((warned.rule, "warned") for warned in (received.warnings if received is not None else ()))
    assert {(rule, level): n for rule, levels in row.findings.items() for level, n in levels.items()} == found


def test_law_8_submissions_are_the_naive_fold(world: World, sized: Sized) -> None:
    async def asked(name: str) -> submissions.Submission | None:
        conninfo = world.database.conninfo(Role.READER)
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            return (await submissions.one(connection, name))[1]

    @sized(20)
    @given(submitted(), BATCHES, BATCHES)
    def law(drawn: list[tuple[str, Event]], first: int, second: int) -> None:
        example = world.next_example()
        for number, (state, event) in enumerate(drawn):
            part = Part(stream=f"submission/{state}/{example}", subject=LEDGER[0], expected=None, events=[event])
            world.ledgers[number % 2].log.append(Append(parts=[part], meta=META))
            if number == len(drawn) // 2:
                world.project(first, submissions.PROJECTION)
        world.project(second, submissions.PROJECTION)
        for state in ("OR", "TX"):
            story = [event for of, event in drawn if of == state]
            row = asyncio.run(asked(f"{state}-{example}"))
            assert (row is None) == (not story)
            if row is not None:
                assert_is_told(row, story)
        live = world.digest(submissions.PROJECTION)
        world.rebuild(first * 20, submissions.PROJECTION)
        assert world.digest(submissions.PROJECTION) == live

    law()
