"""``sojourn project``, ``token``, ``keys`` and ``doctor``, by URL."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ledger.store.database import Database
from support.command_line import CommandLine
from support.files import EXAMPLE


@pytest.fixture
def loaded(sojourn: CommandLine) -> CommandLine:
    sojourn.run("submit", EXAMPLE)
    return sojourn


def test_status_says_where_each_read_model_stands(loaded: CommandLine) -> None:
    told = loaded.json("project", "status")
    names = ["students", "search", "submissions", "records", "worklist", "disclosures", "accounts"]
    names += ["readers", "audit_trail", "retention"]
    assert [model["name"] for model in told] == names
    students = told[0]
    assert (students["name"], students["state"], students["lag_events"]) == ("students", "idle", 0)
    assert students["position"] == students["head"] > 15
    assert len(students["digest"]) == 64
    assert loaded.json("project", "status", "--quick")[0]["digest"] is None
    text = loaded.run("project", "status").stdout
    assert "students: version" in text
    assert students["digest"] in text


def test_a_rebuild_gives_the_same_digest(loaded: CommandLine) -> None:
    before = loaded.json("project", "status")[0]["digest"]
    said = loaded.run("project", "rebuild", "students").stderr
    assert said.count(before) == 2, "before and now"
    assert loaded.json("project", "status")[0]["digest"] == before
    assert "disclosures: rebuilt" in loaded.run("project", "rebuild", "--all").stderr
    assert "there is no read model nonsense" in loaded.run("project", "rebuild", "nonsense", code=2).stderr


def test_a_rebuild_that_differs_says_which_rows_and_columns_and_no_value(
    loaded: CommandLine, database: Database
) -> None:
    loaded.run("project", "run")
    with database.connect() as admin:
        row = admin.execute("update search.records set student_id = 'Marisol' returning record").fetchone()
    assert row is not None
    done = loaded.run("project", "rebuild", "search", "students", "--json")
    search, students = json.loads(done.stdout)
    assert (search["same"], students["same"]) == (False, True)
    [table] = search["compared"]["tables"]
    assert (table["table"], table["columns"]) == ("records", {"student_id": table["changed"]})
    assert row[0] in {one["key"]["record"] for one in table["first"]}
    assert f"record {row[0]}: differs in student_id" in done.stderr
    assert "Marisol" not in done.stdout + done.stderr
    assert loaded.json("project", "rebuild", "search")[0]["same"], "it is mended"


def test_run_brings_every_read_model_to_the_head(loaded: CommandLine) -> None:
    loaded.run("students")
    assert [row["lag_events"] for row in loaded.json("project", "status", "--quick")] == [0, 0, 0, 0, 0, 1, 0, 1, 0, 0]
    loaded.run("project", "run")
    assert [row["lag_events"] for row in loaded.json("project", "status", "--quick")] == [0] * 10


def test_a_token_is_shown_once_and_bound_to_its_role(sojourn: CommandLine, database: Database) -> None:
    words = ("token", "create", "--role", "state_batch_submitter", "--state", "OR", "--name")
    done = sojourn.run(*words, "oregon nightly")
    assert done.stdout.startswith("soj_")
    assert done.stdout.count("\n") == 1
    assert "already" in sojourn.run(*words, "oregon nightly", code=1).stderr
    made = sojourn.json(*words, "another")
    assert (made["name"], made["role"]) == ("another", "state_batch_submitter")
    with database.connect() as admin:
        held = admin.execute("select string_agg(t::text, ' ') from ledger.tokens t").fetchone()
    assert held is not None
    assert made["token"] not in held[0]
    assert "no role king" in sojourn.run("token", "create", "--name", "x", "--role", "king", code=2).stderr
    bad = sojourn.run("token", "create", "--name", "x", "--role", "recruiter", "--state", "Oregon", code=2)
    assert "Oregon is no USPS state code" in bad.stderr


def test_what_a_token_may_is_explained_with_the_rule_that_decides(loaded: CommandLine) -> None:
    for role, state in (("recruiter", "OR"), ("recruiter", "TX"), ("help_desk", "OR")):
        loaded.run("token", "create", "--name", f"{role} {state}", "--role", role, "--state", state)
    [_, *lines] = loaded.run("students").stdout.splitlines()
    state, ssid, student = next(line.split(",") for line in lines if line.startswith("OR"))
    for subject in (student, f"{state}:{ssid}", state):
        own = loaded.json("access", "explain", "recruiter OR", "student.read", subject)
        assert (own["allowed"], own["rule"], own["sections"]) == (True, "RC-02", ["core", "contacts"])
    other = loaded.json("access", "explain", "recruiter TX", "student.read", "OR")
    assert (other["allowed"], other["rule"], other["why"]) == (False, "RC-02", "It is not your state's.")
    none = loaded.run("access", "explain", "help_desk OR", "student.read", student).stdout
    assert none.startswith("refused\n  rule: none\n")
    assert "It takes one of these roles: auditor" in none
    assert (
        "no token and no account of the name"
        in loaded.run("access", "explain", "nobody", "student.read", "OR", code=1).stderr
    )
    assert "no action" in loaded.run("access", "explain", "recruiter OR", "student.sell", "OR", code=2).stderr
    assert "SUBJECT" in loaded.run("access", "explain", "recruiter OR", "student.read", "Oregon", code=2).stderr


def test_the_master_key_is_rotated_by_url(loaded: CommandLine) -> None:
    old, new = loaded.settings["master_key"], "cd" * 32
    assert "one master key only" in loaded.run("keys", "rotate", code=1).stderr
    both = loaded.but(master_key=f"{new},{old}")
    assert "keys rewrapped" in both.run("keys", "rotate").stderr
    assert both.run("keys", "rotate").stderr.startswith("0 keys")
    alone = loaded.but(master_key=new)
    [_, *ids] = [line.split(",")[2] for line in alone.run("students").stdout.splitlines()]
    assert alone.json("student", ids[0])["core"]["first_name"] == "María Guadalupe"
    assert "is wrapped by master key" in loaded.run("students", code=1).stderr


def test_doctor_finds_a_sound_database_sound(loaded: CommandLine) -> None:
    found = loaded.json("doctor", code=1)
    assert all(examination.keys() == {"name", "ok", "what", "remedy"} for examination in found)
    assert len(found) > 10
    assert {examination["name"] for examination in found if examination["ok"] is False} == {"settings"}
    untold = {examination["name"]: examination["remedy"] for examination in found if examination["ok"] is None}
    assert untold.keys() == {"ledger checkpoint", "access checkpoint"}, "no signing key is set, and nothing is signed"
    assert all("SOJOURN_SIGNING_KEY_FILE" in remedy for remedy in untold.values())
    text = loaded.run("doctor", code=1).stdout
    assert "BAD  settings: fsync is off" in text, "this server is for tests, which need not outlive a power cut"
    assert "Set fsync = on" in text


def test_doctor_says_what_a_missing_schema_needs(new_empty_database: Callable[[], Database]) -> None:
    sojourn = CommandLine(database_url=new_empty_database().admin, master_key="ab" * 32)
    done = sojourn.run("doctor", code=1)
    assert "sojourn migrate" in done.stdout + done.stderr
