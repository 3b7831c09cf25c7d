"""The read model ``disclosures``: given what the access log holds, then this is who saw what."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from ledger.application import Ledger
from ledger.events.disclosure import BulkDisclosed, Disclosed, DisclosureRefused, RedisclosureNoted, SearchDisclosed
from ledger.store.database import Database, Role
from projections import disclosures
from projections.as_of import AsOf
from projections.disclosures import Disclosure, rows_of
from projections.projection import digest
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.logs import append, reading
from support.telling import Teller, record_uuid

ONE, TWO = record_uuid(1), record_uuid(2)
GROUND: dict[str, Any] = {
    "role": "secondary_user",
    "organisation": "Valor Middle",
    "purpose": "enrolling",
    "basis": "99.31(a)(1)",
}
SHOWN = Disclosed(student_id="100", view="student", sections=["core", "health"], position=7, **GROUND)
REFUSED = DisclosureRefused(student_id="100", view="student", rule="other-state", **GROUND)
NOTED = RedisclosureNoted(
    student_id="100",
    authority="Oregon",
    recipient="the office",
    sections=["core"],
    disclosed_on="2025-09-01",
    own_state="OR",
    **GROUND,
)
BULK = BulkDisclosed(view="students", records=[ONE, TWO, ONE], filters=["state"], position=9, **GROUND)


def test_a_record_that_was_shown_has_a_row_that_says_who_what_and_why() -> None:
    (row,) = rows_of(Teller().tell(f"disclosure/{ONE}", SHOWN, actor="amy")[0])
    assert (row.record, row.actor, row.outcome, row.student_id) == (ONE, "amy", "shown", "100")
    assert (row.sections, row.purpose, row.basis) == (["core", "health"], "enrolling", "99.31(a)(1)")
    assert (row.position, row.ledger_position) == (1, 7)


def test_an_answer_that_nothing_changed_is_a_showing_of_its_own_kind() -> None:
    event = Disclosed(student_id="100", view="student", sections=[], position=7, not_modified=True, **GROUND)
    assert rows_of(Teller().tell(f"disclosure/{ONE}", event)[0])[0].outcome == "not-modified"


def test_a_refusal_has_a_row_with_the_rule_that_refused_and_shows_nothing() -> None:
    (row,) = rows_of(Teller().tell(f"disclosure/{ONE}", REFUSED, actor="amy")[0])
    assert (row.record, row.actor, row.outcome, row.student_id) == (ONE, "amy", "refused", "100")
    assert (row.rule, row.sections, row.ledger_position) == ("other-state", [], None)


def test_a_refused_search_is_a_row_of_no_record_and_no_student() -> None:
    event = DisclosureRefused(student_id="", view="search", rule="none", **GROUND)
    (row,) = rows_of(Teller().tell("request/1", event)[0])
    assert (row.record, row.student_id, row.outcome, row.view, row.rule) == ("", None, "refused", "search", "none")


def test_a_record_that_was_passed_on_has_a_row_with_who_says_so_and_who_received_it() -> None:
    (row,) = rows_of(Teller().tell(f"disclosure/{ONE}", NOTED, actor="amy")[0])
    assert (row.record, row.outcome, row.view, row.student_id) == (ONE, "passed-on", "redisclosure", "100")
    assert (row.actor, row.role, row.organisation, row.own_state) == ("amy", "secondary_user", "Oregon", "OR")
    assert (row.recipient, row.recipient_organisation, row.disclosed_on) == ("the office", "Valor Middle", "2025-09-01")
    assert (row.purpose, row.basis, row.sections, row.ledger_position) == ("enrolling", "99.31(a)(1)", ["core"], None)


def test_an_entry_that_names_many_records_is_spread_over_them_once_each() -> None:
    rows = rows_of(Teller().tell("request/1", BULK)[0])
    assert [(row.record, row.outcome, row.ledger_position) for row in rows] == [(ONE, "shown", 9), (TWO, "shown", 9)]


def test_a_search_is_spread_over_the_records_that_it_showed_and_keeps_nothing_of_what_was_asked() -> None:
    event = SearchDisclosed(view="search", records=[ONE, TWO], fields=["name"], position=9, **GROUND)
    rows = rows_of(Teller().tell("request/1", event)[0])
    assert [(row.record, row.view, row.outcome, row.ledger_position) for row in rows] == [
        (ONE, "search", "shown", 9),
        (TWO, "search", "shown", 9),
    ]
    assert rows[0].sections == []


def test_a_search_that_found_nobody_is_of_no_record_and_says_by_what_was_asked() -> None:
    event = SearchDisclosed(view="search", records=[], fields=["name"], position=9, **GROUND)
    (row,) = rows_of(Teller().tell("request/1", event)[0])
    assert (row.record, row.outcome, row.fields) == ("", "shown", ["name"])


def test_a_refusal_says_which_rule_refused() -> None:
    known, unknown = (rows_of(Teller().tell(stream, REFUSED)[0])[0] for stream in (f"disclosure/{ONE}", "request/1"))
    assert (known.record, known.outcome, known.rule) == (ONE, "refused", "other-state")
    assert unknown.record == ""


def _told(database: Database, ledger: Ledger) -> None:
    append(ledger.access, f"disclosure/{ONE}", SHOWN, actor="amy", request="r1")
    append(ledger.access, "request/2", BULK, actor="bea", request="r2")
    append(ledger.access, f"disclosure/{TWO}", SHOWN, actor="cid", request="r3")
    append(ledger.access, f"disclosure/{ONE}", REFUSED, actor="dan", request="r4")
    append(ledger.access, "request/5", REFUSED, actor="eve", request="r5")
    BatchRunner(disclosures.PROJECTION, database, ledger.access).catch_up()


def _seen(rows: list[Disclosure]) -> list[tuple[str, str, str]]:
    return [(row.actor, row.record, row.outcome) for row in rows]


def test_who_saw_a_record_is_told_newest_first(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    with reading(database) as conn:
        assert _seen(disclosures.find(conn, [ONE])) == [
            ("dan", ONE, "refused"),
            ("bea", ONE, "shown"),
            ("amy", ONE, "shown"),
        ]


def test_pages_of_all_records_of_a_student_join_without_gap_or_repetition(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)

    async def ask() -> list[Disclosure]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            pages: list[Disclosure] = []
            before = None
            while True:
                reflected, page = await disclosures.of_records(conn, [ONE, TWO], before=before, limit=2)
                assert reflected == AsOf(position=5, version=disclosures.PROJECTION.version)
                if not page:
                    return pages
                pages += page
                before = page[-1].cursor

    pages = asyncio.run(ask())
    with reading(database) as conn:
        assert pages == disclosures.find(conn, [ONE, TWO])
    assert len(pages) == 5
    assert pages == sorted(pages, key=lambda row: row.cursor, reverse=True)


def test_disclosures_rebuilt_equal_the_live_ones(database: Database, ledger: Ledger) -> None:
    _told(database, ledger)
    with reading(database) as conn:
        live = digest(conn, disclosures.PROJECTION)
        assert live.position == 5
        Rebuild(disclosures.PROJECTION, database, ledger.access, batch_events_max=2).run()
        assert digest(conn, disclosures.PROJECTION) == live


def _showing(ledger: Ledger, actor: str, request: str, position: int, *records: str, **more: Any) -> None:
    """A student was shown, of these records."""
    shown = Disclosed(
        **{**GROUND, "student_id": "100", "view": "student", "sections": ["core"], "position": position, **more}
    )
    for record in records:
        append(ledger.access, f"disclosure/{record}", shown, actor=actor, request=request)


def _recalled(database: Database, ledger: Ledger, begun: int, ended: int) -> list[tuple[str, int]]:
    """Who was shown both, and how often."""
    BatchRunner(disclosures.PROJECTION, database, ledger.access).catch_up()

    async def ask() -> list[disclosures.Told]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return (await disclosures.recall(conn, [ONE], [TWO], begun, ended))[1]

    told = asyncio.run(ask())
    with reading(database) as conn:
        assert disclosures.recall_now(conn, [ONE], [TWO], begun, ended) == told
    return [(one.actor, one.times) for one in told]


def test_who_was_shown_both_while_they_were_joined_is_recalled_by_what_the_answer_reflected(
    database: Database, ledger: Ledger
) -> None:
    _showing(ledger, "before", "r1", 9, ONE, TWO)
    _showing(ledger, "first", "r2", 10, ONE, TWO)
    _showing(ledger, "last", "r3", 19, TWO, ONE)
    _showing(ledger, "first", "r4", 12, ONE, TWO, not_modified=True)
    _showing(ledger, "after", "r5", 20, ONE, TWO)
    assert _recalled(database, ledger, 10, 20) == [("first", 2), ("last", 1)]


def test_who_was_shown_the_two_in_two_answers_is_not_recalled(database: Database, ledger: Ledger) -> None:
    _showing(ledger, "amy", "r1", 10, ONE)
    _showing(ledger, "amy", "r2", 10, TWO)
    assert _recalled(database, ledger, 1, 20) == []


def test_a_request_is_one_answer_for_one_reader_as_of_one_position(database: Database, ledger: Ledger) -> None:
    """A client may give several requests one id, and a long list has several entries."""
    _showing(ledger, "in parts", "r1", 10, ONE)
    _showing(ledger, "in parts", "r1", 10, TWO)
    _showing(ledger, "before and after", "r2", 9, TWO)
    _showing(ledger, "before and after", "r2", 10, ONE)
    _showing(ledger, "before and after", "r2", 20, TWO)
    _showing(ledger, "one of two", "r3", 10, ONE)
    _showing(ledger, "the other", "r3", 10, TWO)
    _showing(ledger, "twice", "r4", 11, ONE, TWO)
    _showing(ledger, "twice", "r4", 12, ONE, TWO)
    assert _recalled(database, ledger, 10, 20) == [("in parts", 1), ("twice", 2)]


def test_who_was_refused_or_looked_at_a_reversal_beforehand_is_not_recalled(database: Database, ledger: Ledger) -> None:
    for record in (ONE, TWO):
        append(ledger.access, f"disclosure/{record}", REFUSED, actor="dan", request="r1")
        append(ledger.access, f"disclosure/{record}", NOTED, actor="ned", request="r1")
    searched = SearchDisclosed(view=disclosures.PREVIEW, records=[ONE, TWO], fields=["act"], position=10, **GROUND)
    append(ledger.access, "request/2", searched, actor="ana", request="r2")
    found = SearchDisclosed(view="search", records=[ONE, TWO], fields=["name"], position=10, **GROUND)
    append(ledger.access, "request/3", found, actor="cid", request="r3")
    assert _recalled(database, ledger, 1, 20) == [("cid", 1)]


def test_one_who_read_in_two_roles_is_told_in_each(database: Database, ledger: Ledger) -> None:
    _showing(ledger, "amy", "r1", 10, ONE, TWO)
    _showing(ledger, "amy", "r2", 10, ONE, TWO, role="auditor")
    assert _recalled(database, ledger, 1, 20) == [("amy", 1), ("amy", 1)]
