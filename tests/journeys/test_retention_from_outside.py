"""What went is gone, what stays is as it was, and both can be proven: over HTTP and the command line, from the pages.

One story of years is told once (``support.years_after``): a service of 2020, and the same ledger today. The tests at
the end scrub, restore and send again, in this order.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.store.embedded import EmbeddedServer
from support import own_proofs as own
from support import years_after as years
from support.long_ago import LongAgo
from support.sought import everywhere, tables_with
from support.years_after import ANA, ANNA, AUTHORITY, DUE_ON, KEEP, MOVE, SOLO, WORDS, Story

SECTIONS = ("core", "contacts", "health", "provenance")


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with years.told() as opened:
        yield opened


def _subjects(due: list[Any], record_class: str) -> dict[str, Any]:
    return {one["subject"]: one for one in due if one["record_class"] == record_class}


# -- before


def test_what_is_looked_for_later_is_there_before(story: Story) -> None:
    before = story.seen["before"]
    assert {line.partition(":")[0].partition(".")[0] for line in before["tables"]} >= {"students", "search", "ledger"}
    found = {line.rpartition(": ")[2] for line in before["files"]}
    assert {SOLO["last"], SOLO["ssid"], SOLO["school"], ANA["score"], ANA["comment"]} <= found
    assert story.seen["found then"] == [story.ids[SOLO["ssid"]]]


def test_by_default_nothing_is_due_after_years(story: Story) -> None:
    assert story.seen["due by default"] == story.seen["due by default, told"] == []


def test_what_is_due_waited_for_all_times_and_for_a_leap_day(story: Story) -> None:
    due = story.seen["due"]
    solo, ana, move = (story.records[of["ssid"]] for of in (SOLO, ANA, MOVE))
    whole = _subjects(due, "education")
    assert set(whole) == {solo, ana}, "Move goes on sending, and Washington has no schedule"
    assert {one["due_on"] for one in whole.values()} == {DUE_ON}
    assert whole[solo]["schedule"] == "education/OR/1"
    eligibility = _subjects(due, "eligibility")
    assert set(eligibility) == {solo, ana, move}
    assert {one["due_on"] for one in eligibility.values()} == {None}, "else that day would be told"
    assert story.seen["due, told"] == due


def test_the_preview_is_exact_and_writes_nothing(story: Story) -> None:
    preview = story.seen["preview"]
    assert story.seen["written by looking"] == 0
    assert preview["in_the_way"] == []
    items = {one["subject"]: one for one in preview["items"]}
    assert set(items) == {story.records[SOLO["ssid"]], story.records[ANA["ssid"]]}
    with psycopg.connect(EmbeddedServer(story.data).conninfo("sojourn")) as superuser:
        read = superuser.execute("select stream, count(*) from access.events group by 1").fetchall()
    shown = dict(read)
    for subject, one in items.items():
        topics = [
            event["type"].removeprefix("sojourn.").removesuffix(".v1")
            for event in story.seen["events before"]
            if event["subject"] == f"record/{subject}"
        ]
        scope = one["scope"]
        assert scope["version"] == len(topics)
        assert scope["events"]["eligibility"] == topics.count("move-qualified") == 1
        assert scope["events"]["education"] == len(topics) - 1
        of_cases = [e for e in story.seen["events before"] if e["subject"] in {f"case/{c}" for c in scope["cases"]}]
        assert (len(scope["cases"]), scope["events"]["case"]) == (1, len(of_cases))
        # One entry more stands there now: of the record that is gone, that its disclosures went.
        assert shown[f"disclosure/{subject}"] - scope["events"]["disclosure"] == 1
        assert {key["key_class"] for key in scope["keys"]} == {"eligibility", "education", "disclosure", "case"}
    assert items[story.records[SOLO["ssid"]]]["scope"]["cases"] == [story.seen["case"]]
    joined = {story.records[ANA["ssid"]], story.records[ANNA["ssid"]]}
    assert set(items[story.records[ANA["ssid"]]]["scope"]["student"]) == joined
    counts = preview["counts"]
    assert (counts["records"], counts["keys"], counts["cases"], counts["papers"]) == (2, 8, 2, 0)
    assert counts["events"] == sum(sum(one["scope"]["events"].values()) for one in items.values())
    assert not [word for word in WORDS if word.lower() in json.dumps(preview, ensure_ascii=False).lower()]


# -- approved


def test_it_takes_another_person_and_the_right_number(story: Story) -> None:
    assert story.seen["alone"][:2] == (422, "own-proposal")
    assert story.seen["wrong number"][:2] == (422, "bad-value")


def test_a_hold_that_comes_in_between_stops_all_of_it(story: Story) -> None:
    status, code, problem = story.seen["under hold"]
    assert (status, code) == (422, "under-hold")
    assert {one["subject"] for one in problem["items"]} == {story.records[SOLO["ssid"]], story.records[ANA["ssid"]]}, (
        "also of Ana, who is one student with California's Anna"
    )
    held = _subjects(story.seen["held due"], "education")
    assert {one["held_by"][0]["kind"] for one in held.values()} == {"legal"}
    assert story.seen["hold told"]["reason"] == years.SAID["hold"]
    assert story.seen["hold told"]["over"]["records"] == [story.records[SOLO["ssid"]]]


def test_approved_twice_at_once_it_is_done_once(story: Story) -> None:
    assert [answer.status_code for answer in story.seen["approvals"]] == [200, 200]
    assert story.seen["approved again"].status_code == 200
    assert story.seen["written again"] == 0
    events = [e["type"] for e in story.events(after=story.seen["head then"])]
    assert events.count("sojourn.disposal-approved.v1") == 1
    assert events.count("sojourn.key-destroyed.v1") >= 2
    assert (story.seen["told"]["status"], story.seen["told"]["closed_by"]) == ("done", "ben")


# -- who is gone


def test_the_id_answers_410_with_day_schedule_and_disposal(story: Story) -> None:
    today = f"{datetime.now(UTC).date():%Y-%m-%d}"
    yesterday = f"{datetime.now(UTC).date() - timedelta(1):%Y-%m-%d}"
    for path in years.PATHS:
        for answer in story.seen[f"gone{path}"]:
            told = answer.json()
            assert (answer.status_code, told["type"]) == (410, "/problems/gone"), (path, answer.text)
            assert told["destroyed_on"] in (today, yesterday), "the day of Oregon, or of a test at midnight"
            assert (told["schedule"], told["authority"]) == ("education/OR/1", AUTHORITY)
            assert (told["disposal"], told["student_id"]) == (story.disposal, story.ids[SOLO["ssid"]])


def test_what_was_known_then_of_the_gone_is_gone_too(story: Story) -> None:
    assert (story.seen["gone then"].status_code, story.seen["gone then"].json()["type"]) == (410, "/problems/gone")


def test_to_whoever_may_not_read_every_state_it_is_an_id_that_never_was(story: Story) -> None:
    gone, never = story.seen["to others"]
    for one, other in zip(gone, never, strict=True):
        assert one.status_code == other.status_code == 403
        told, untold = one.json(), other.json()
        assert {**told, "request_id": ""} == {**untold, "request_id": ""}


def test_the_states_own_id_is_one_that_never_was(story: Story) -> None:
    for one, other in zip(*story.seen["own id"], strict=True):
        assert one.status_code == other.status_code == 404
        assert {**one.json(), "request_id": ""} == {**other.json(), "request_id": ""}


def test_no_search_and_no_list_finds_them(story: Story) -> None:
    assert story.seen["found"] == {key: [] for key in story.seen["found"]}
    listed = [line["state_student_id"] for line in csv.DictReader(io.StringIO(story.seen["listed"]))]
    assert sorted(listed) == sorted(of["ssid"] for of in (ANNA, MOVE, KEEP))


def test_the_command_line_says_too_that_it_is_gone(story: Story) -> None:
    done = story.seen["by command"]
    assert (done.returncode, done.stdout) == (1, "")
    assert "destroyed" in done.stderr


def test_whatever_is_asked_of_it_on_the_command_line_says_that_it_is_gone(story: Story) -> None:
    solo, out = story.ids[SOLO["ssid"]], story.folder / "gone.zip"
    for words in (("student", solo), ("history", solo), ("diff", solo, "1"), ("export", out, "--student", solo)):
        done = story.house.run(*words, code=1)
        assert "destroyed" in done.stderr, (words, done.stderr)
        assert f"by schedule education/OR/1 ({AUTHORITY}); disposal {story.disposal}." in done.stderr
        assert "Traceback" not in done.stderr
    assert not out.exists()


def test_what_people_wrote_about_them_went_with_them(story: Story) -> None:
    assert story.seen["case after"].status_code in (404, 410)
    hold = story.seen["hold after"]
    assert (hold["status"], hold["reason"], hold["released_reason"]) == ("released", None, None)


# -- who is left


def _of_california(read: Any) -> Any:
    """Facts of California's record with their elements, without what the joined student says besides."""
    kept: dict[str, list[Any]] = {}
    for section in ("core", "contacts", "health"):
        for name, facts in (read[section] or {}).items():
            if not (isinstance(facts, list) and facts and isinstance(facts[0], dict) and "sources" in facts[0]):
                continue
            for fact in facts:
                sources = [one for one in fact["sources"] if one["state"] == "CA"]
                if sources:
                    kept.setdefault(name, []).append({**fact, "sources": sources})
    return kept


def test_the_merged_student_keeps_the_other_record_as_it_was(story: Story) -> None:
    then, now = story.seen["ana then"], story.seen["left"]
    assert [one["state"] for one in then["core"]["records"]] == ["OR", "CA"]
    assert [one["state"] for one in now["core"]["records"]] == ["CA"]
    assert now["student_id"] == story.ids[ANA["ssid"]], "the id that was handed out leads on"
    facts = _of_california(now)
    assert set(facts) >= {"demographics", "alternate_ids", "qualifying_moves", "enrollments", "courses"}
    for name, known in facts.items():
        assert known == _of_california(then)[name], name
    assert [one["record"] for one in story.seen["left/records"]["records"]] == [story.records[ANNA["ssid"]]]


def test_nothing_that_is_read_of_the_student_says_what_went(story: Story) -> None:
    for name in ("left", "left/history", "left/records", "left/disclosures", "left then", "left diff", "left spanish"):
        text = json.dumps(story.seen[name], ensure_ascii=False).lower()
        assert not [word for word in WORDS if word.lower() in text], name


def test_as_of_then_it_is_said_how_much_cannot_be_opened(story: Story) -> None:
    then = story.seen["left then"]
    assert then["erased"] == 8
    assert [one["state"] for one in then["core"]["records"]] == ["CA"]
    assert _of_california(then) == _of_california(story.seen["left"])


def test_the_trail_keeps_places_and_says_what_went_by_which_schedule(story: Story) -> None:
    lines = {one["position"]: one for one in story.seen["left/history"]["history"]}
    before = {one["position"]: one for one in story.seen["ana history then"]["history"]}
    assert [one["code"] for one in lines.values()][-1] == "destroy"
    [(_, last)] = [(at, one) for at, one in lines.items() if one["event"] == "key-destroyed.v1"]
    assert "education/OR/1" in last["words"]
    assert story.disposal in last["words"]
    opened = [at for at, one in before.items() if one["state"] == "OR"]
    assert opened
    for at in opened:
        assert lines[at]["event"] == before[at]["event"]
        assert lines[at]["recorded_at"] == before[at]["recorded_at"]
        assert (lines[at]["actor"], lines[at]["after"], lines[at]["submission"]) == (None, None, None)
    of_california = [at for at, one in before.items() if one["state"] == "CA"]
    assert of_california
    assert [lines[at] for at in of_california] == [before[at] for at in of_california]
    assert "se destruyó" in story.seen["left spanish"]["history"][-1]["words"]


def test_disclosures_of_what_is_left_are_still_told_and_those_of_the_gone_are_not(story: Story) -> None:
    entries = story.seen["left/disclosures"]["disclosures"]
    assert {one["record"] for one in entries} == {story.records[ANNA["ssid"]]}
    of_then = [one for one in entries if one["recorded_at"].startswith("2020-02-29")]
    assert {one["view"] for one in of_then} >= {"student", "history"}


def test_a_child_whom_nobody_touched_reads_the_same_to_the_row(story: Story) -> None:
    then, before, after = (story.seen[name] for name in ("keep then", "keep before", "keep after"))
    for section in (*SECTIONS, "position", "student_id"):
        assert before[section] == after[section], section
    assert then["core"]["enrollments"] == after["core"]["enrollments"]
    line = story.seen["keep history then"]["history"]
    assert story.seen["keep history after"]["history"] == line != []
    rows = [
        {
            one
            for one in story.seen[name]
            if one.startswith(("ledger.", "students.", "search.", "records.", "matching."))
        }
        for name in ("rows before", "rows after")
    ]
    assert rows[0] == rows[1] != set()


# -- proven


def test_no_leaf_of_the_log_has_changed_and_verifying_passes_before_and_after(story: Story) -> None:
    then, before, after = (story.seen[f"leaves {when}"] for when in ("then", "before", "after"))
    assert before[: len(then)] == then
    assert after[: len(before)] == before
    assert len(after) > len(before) > len(then) > 50
    for when in ("before", "after"):
        assert story.seen[f"verified {when}"].startswith("PROVEN\n")
    assert "8 are gone, and events say of each that it was destroyed" in story.seen["verified after"]
    assert story.seen["doctor after"].returncode == 0, story.seen["doctor after"].stdout


def test_the_certificate_is_proven_by_code_of_our_own(story: Story) -> None:
    told = story.seen["certificate"]
    key = story.house.run("checkpoint", "--key").stdout.strip()
    signed = own.opened(told["checkpoint"], key)
    assert signed is not None
    positions = {told["proposal"], told["approval"], *(one["position"] for one in (*told["lines"], *told["rules"]))}
    assert {one["position"] for one in told["inclusions"]} == positions
    bundle = story.folder / "after.zip"
    story.house.run("export", bundle, "--sealed")
    events = {event.position: event for event in own.events_of(own.members_of(bundle.read_bytes()))}
    for one in told["inclusions"]:
        leaf, path = bytes.fromhex(one["leaf"]), [bytes.fromhex(step) for step in one["path"]]
        assert own.led_to(leaf, one["position"] - 1, signed.size, path) == signed.root
        assert events[one["position"]].leaf == leaf
    assert events[told["proposal"]].topic.startswith("disposal-proposed")
    assert events[told["approval"]].topic.startswith("disposal-approved")
    for line in told["lines"]:
        event = events[line["position"]]
        assert (event.stream, event.topic) == (f"retention/{line['subject']}", "key-destroyed.v1")
        assert event.id.hex() == line["event_id"]
    assert own.root_of([events[at].leaf for at in range(1, signed.size + 1)]) == signed.root


def test_the_certificate_says_by_whom_by_what_rule_how_much_and_what_it_does_not_prove(story: Story) -> None:
    told, preview = story.seen["certificate"], story.seen["preview"]
    assert (told["proposed_by"], told["approved_by"]) == ("ana", "ben")
    assert [(rule["schedule"], rule["authority"]) for rule in told["rules"]] == [("education/OR/1", AUTHORITY)]
    scopes = {one["subject"]: one["scope"] for one in preview["items"]}
    for line in told["lines"]:
        assert sorted(line["keys"]) == sorted(key["id"] for key in scopes[line["subject"]]["keys"])
        assert line["events"] == scopes[line["subject"]]["events"]
    assert told["counts"] == preview["counts"]
    kept_until = datetime.fromisoformat(told["approved_at"]).date() + timedelta(35)
    assert abs((datetime.fromisoformat(told["backups_until"]).date() - kept_until).days) <= 1
    assert told["proves"]
    assert told["proves_not"]
    out = story.folder / "certificate.json"
    story.house.run("retention", "dispose", "--certificate", story.disposal, "--out", out)
    kept = next((story.data / "certificates").iterdir())
    for text in (json.dumps(told, ensure_ascii=False), out.read_text(), kept.read_text()):
        assert not [word for word in WORDS if word.lower() in text.lower()]
        assert story.disposal in text


def test_evidence_that_was_handed_out_before_is_proven_as_it_was(story: Story) -> None:
    key = story.house.run("checkpoint", "--key").stdout.strip()
    told = story.house.run("verify", story.folder / "then.zip", "--key", key).stdout
    assert told.startswith("PROVEN\n")
    receipt = story.folder / "receipt"
    receipt.write_text(story.seen["checkpoint then"])
    assert "goes on from the receipt" in story.house.run("verify", "--receipt", receipt).stdout


@pytest.mark.parametrize("of", [ANA, ANNA], ids=["the id of the record that went", "of the one that stayed"])
def test_an_evidence_bundle_of_what_is_left_opens_nothing_of_what_went(story: Story, of: dict[str, str]) -> None:
    bundle = story.folder / f"{of['ssid']}.zip"
    story.house.run("export", bundle, "--student", story.ids[of["ssid"]])
    with zipfile.ZipFile(bundle) as zipped:
        text = zipped.read("index.txt").decode()
    assert ANNA["first"] in text
    assert not [word for word in WORDS if word.lower() in text.lower()]


# -- nowhere


def test_no_row_that_sql_can_read_holds_a_value_of_theirs(story: Story) -> None:
    assert tables_with(story.data, WORDS) == []
    where = {line.partition(":")[0] for line in tables_with(story.data, [story.records[SOLO["ssid"]]])}
    assert not {one for one in where if one.partition(".")[0] in ("students", "search", "records", "matching")}, where


def test_no_log_of_the_service_and_no_file_of_ours_holds_a_value_of_theirs(story: Story) -> None:
    assert everywhere(story.data, WORDS) == [
        line for line in everywhere(story.data, WORDS) if line.startswith("pgdata/")
    ], "only PostgreSQL's old pages, until they are scrubbed"
    log = (story.folder / "serve.log").read_text().lower()
    assert not [word for word in WORDS if word.lower() in log]


def test_read_models_that_are_made_again_are_the_same(story: Story) -> None:
    story.house.run("project", "run")
    before = story.digests()
    story.house.run("project", "rebuild", "--all")
    after = story.digests()
    assert {name: digest for name, (digest, _) in after.items()} == {n: digest for n, (digest, _) in before.items()}
    assert tables_with(story.data, WORDS) == []


def test_after_scrubbing_no_byte_of_the_data_folder_holds_a_value_of_theirs(story: Story) -> None:
    told = story.house.run("retention", "scrub")
    assert "LEFT" not in told.stdout + told.stderr, told.stdout + told.stderr
    assert everywhere(story.data, WORDS) == []
    assert story.house.run("verify").stdout.startswith("PROVEN\n")


# -- brought back


def test_keys_that_come_back_with_an_old_vault_are_found_open_nothing_and_go_again(story: Story) -> None:
    solo, ana = story.ids[SOLO["ssid"]], story.ids[ANA["ssid"]]
    with psycopg.connect(EmbeddedServer(story.data).conninfo("sojourn"), autocommit=True) as superuser:
        gone = {key for line in story.seen["certificate"]["lines"] for key in line["keys"]}
        assert superuser.execute("select count(*) from vault.keys").fetchall() != [(0,)]
        _put_back(superuser, story.folder / "backup", gone)
    told = story.house.run("doctor", code=1).stdout
    assert "dispose --again" in told, told
    assert story.desk.get("auditor now", f"/v1/students/{solo}").status_code == 410
    read = story.desk.get("auditor now", f"/v1/students/{ana}", as_of=story.seen["head then"])
    assert not [word for word in WORDS if word.lower() in read.text.lower()]
    story.house.run("retention", "dispose", "--again", "--yes")
    assert story.house.run("doctor", code=None).returncode == 0
    assert story.house.run("verify").stdout.startswith("PROVEN\n")


def _put_back(superuser: psycopg.Connection[Any], backup: Path, gone: set[str]) -> None:
    """Rows of the vault as a backup of before the disposal has them."""
    with (
        EmbeddedServer(backup) as server,
        psycopg.connect(server.conninfo("sojourn")) as old,
        old.cursor().copy("copy vault.keys to stdout") as parts,
    ):
        copied = b"".join(bytes(part) for part in parts)
    superuser.execute("create temporary table old_keys (like vault.keys)")
    with superuser.cursor().copy("copy old_keys from stdin") as into:
        into.write(copied)
    (there,) = superuser.execute(
        "select count(*) from old_keys where replace(key_id::text, '-', '') = any(%s)", (list(gone),)
    ).fetchone() or (0,)
    assert there >= 4, "keys of Solo and Ana are in the backup"
    # As a restore puts rows back: the vault's own guard, which refuses a key for what is gone, is not asked.
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "insert into vault.keys select * from old_keys where replace(key_id::text, '-', '') = any(%s)", (list(gone),)
    )


def test_a_child_sent_again_gets_another_id_and_the_old_one_stays_gone(story: Story) -> None:
    night = datetime.now(UTC)
    lines = years.send(story, "office of OR", "OR", night, years.kid(SOLO), years.kid(MOVE))
    ids = {line["state_student_id"]: line["student_id"] for line in lines}
    assert ids[MOVE["ssid"]] == story.ids[MOVE["ssid"]]
    again = ids[SOLO["ssid"]]
    assert again not in story.ids.values()
    assert {line["outcome"] for line in lines if line["state_student_id"] == SOLO["ssid"]} == {"accepted"}
    shown = story.shown("auditor now", again)
    assert shown["core"]["records"][0]["record"] not in story.records.values()
    assert story.desk.get("auditor now", f"/v1/students/{story.ids[SOLO['ssid']]}").status_code == 410
    found = story.desk.does("auditor now", "POST", "/v1/students/search", {"name": SOLO["first"]})["students"]
    assert [one["student_id"] for one in found] == [again]
    history = story.shown("auditor now", again, "/history")["history"]
    assert {one["recorded_at"][:4] for one in history} == {f"{night:%Y}"}
    assert story.disposal not in json.dumps(history)


def test_a_restored_backup_is_found_out_by_the_certificates_that_were_kept_beside_it(story: Story) -> None:
    restored = story.folder / "restored"
    years.copied(story.folder / "backup", restored)
    shutil.copytree(story.data / "certificates", restored / "certificates")
    house = LongAgo(restored)
    told = house.run("doctor", code=1).stdout
    lines = [line for line in told.splitlines() if line.startswith(("BAD", "bad", "WRONG", "wrong", "fail", "FAIL"))]
    assert [line for line in told.splitlines() if "certificate" in line or story.disposal in line], (told, lines)
