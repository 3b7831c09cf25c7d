"""A process that is killed while it settles a case leaves the answer, its act and the guards together, or none of them.

Whoever is killed, a fresh process sends the same requests again, with the same keys.
"""

from __future__ import annotations

import psycopg
import pytest

from support.case_settled import COMMITS, settle
from support.service_processes import ServiceProcess
from support.wholeness import assert_whole


def topics(conn: psycopg.Connection, kind: str) -> list[list[str]]:
    """Of each stream of a kind, its topics in order."""
    rows = conn.execute(
        "select array_agg(topic order by version) from ledger.events where stream like %s group by stream"
        " order by min(position)",
        (f"{kind}/%",),
    ).fetchall()
    return [row[0] for row in rows]


def assert_together(conn: psycopg.Connection) -> None:
    """Every case is open in the guard just where its stream does not close it, and holds its records just then."""
    cases = topics(conn, "case")
    still_open = [said for said in cases if said[-1] != "case-closed.v1"]
    assert conn.execute("select count(*) from ledger.open_cases").fetchone() == (len(still_open),)
    merging = bool(cases) and cases[0] in still_open
    held = conn.execute("select count(*) from ledger.records where case_id is not null").fetchone()
    assert held == (2 if merging else 0,)
    merged = [said for said in topics(conn, "linkage") if said[0] == "students-merged.v1"]
    assert len(merged) == (2 if cases and not merging else 0)
    shown = conn.execute("select count(distinct student_id) from ledger.records").fetchone()
    joined = bool(merged) and "act-reversed.v1" not in merged[0]
    records = conn.execute("select count(*) from ledger.records").fetchone()
    assert records is not None
    assert shown == (records[0] - joined,)


@pytest.mark.parametrize("point", ["sequencer.before-commit", "sequencer.after-commit"])
@pytest.mark.parametrize("passing", range(3, COMMITS + 1))
def test_killed_at_any_commit_a_case_is_settled_once_and_whole(
    durable: dict[str, str], point: str, passing: int
) -> None:
    said = []
    with ServiceProcess(settle, settings={**durable, "fault": f"{point}:{passing}"}) as process:
        said += process.said()
        assert process.was_killed
    with psycopg.connect(durable["database_url"], autocommit=True) as conn:
        assert_whole(conn)
        assert_together(conn)
        with ServiceProcess(settle, settings=durable) as process:
            said += process.said()
            assert not process.was_killed
        assert_whole(conn)
        assert_together(conn)
        assert topics(conn, "case") == [
            ["case-opened.v1", "case-answered.v1", "case-answered.v1", "case-closed.v1"],
            ["case-opened.v1"],
        ]
        once = ["students-merged.v1", "act-reversed.v1", "declared-not-same.v1"]
        assert topics(conn, "linkage") == [once, once]
    *proposed, validated = said
    assert len(set(proposed)) == 1
    assert len(validated) == 1
