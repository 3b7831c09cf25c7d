"""A certificate of disposal, verified without any database: true ones hold, and whatever else one says is named."""

from __future__ import annotations

import copy
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.events.retention import Key
from ledger.proofs import one_file
from ledger.proofs.certificate_words import ALL_OF_IT
from ledger.proofs.certified import verify_certificate
from ledger.proofs.note import COSIGNATURE, Signer, cosign
from ledger.proofs.tree import consistency_proof
from ledger.proofs.verdict import Verdict
from ledger.proofs.verify import verify_file
from ledger.retention.days import Subject
from ledger.retention.schedules import Since, fold
from support.certificates import RetentionLog, disposed, places, told
from support.evidence import LOG_KEY, THIEF_KEY
from support.given_retention import (
    ACCOUNT,
    ANA,
    BEN,
    DAYS,
    OTHER,
    RECORD,
    TODAY,
    after,
    found,
    present,
    schedule,
    subject,
)

KEY = LOG_KEY.verifier.text()
SET = [
    schedule("education", after(5), state="OR"),
    schedule("eligibility", after(3, Since.ELIGIBILITY_END)),
    schedule("education", after(5), after(1, Since.BIRTH), state="CA"),
    schedule("education", after(9), state="WA"),
]
SCHEDULES = fold(SET)
ENDED = {Since.ACCESS_END: DAYS[Since.ELIGIBILITY_END]}
PAPERS = Subject(id=ACCOUNT, present=frozenset({"access"}), days=ENDED, today=TODAY)
IN_CALIFORNIA = subject(id=OTHER, state="CA", student=frozenset({OTHER, RECORD}))
CALIFORNIAN = present(what=found(IN_CALIFORNIA), schedules=SCHEDULES)
OREGONIAN = present(schedules=SCHEDULES)
OF_ACCOUNT = present("access", found(PAPERS, student_id=None, attachments=["p1", "p2"], cases=[]), schedules=SCHEDULES)


def verdict(said: object, **options: Any) -> Verdict:
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    return verify_certificate(data, **{"key": KEY, **options})


def of_both() -> dict[str, Any]:
    return told(*disposed([OREGONIAN, CALIFORNIAN], SET))


def of_oregon(gone: frozenset[str] = frozenset()) -> dict[str, Any]:
    return told(*disposed([OREGONIAN, CALIFORNIAN], SET, gone=gone), state="OR")


def of_papers() -> dict[str, Any]:
    return told(*disposed([OF_ACCOUNT], SET, days=None))


ALL = {"both": of_both(), "oregon": of_oregon(), "papers": of_papers()}
FREE = {
    "oregon": re.compile(r"proposed_by|lines\.0\.events\.\w+|lines\.0\.papers|counts\.(events|papers)"),
}
"""What an excerpt cannot prove, and says so: the proposal, which names other states' records, stays shut."""


# -- true ones


@pytest.mark.parametrize("which", ALL)
def test_a_true_certificate_is_proven_with_the_key_of_the_log_and_nothing_else(which: str) -> None:
    done = verdict(ALL[which])
    assert done.wrong is None, done.text()
    assert any("signed by the key that was named" in line for line in done.proven)


def test_it_says_who_did_it_and_that_what_is_deleted_is_the_logs_word() -> None:
    done = verdict(ALL["both"])
    assert any(f"proposed by {ANA}, approved by {BEN}" in line for line in done.proven)
    assert any("2 records, 0 accounts, 8 keys" in line for line in done.proven)
    assert [line.split(":")[0] for line in done.unproven] == [
        "That no backup holds the keys after 2033-07-06",
        "That whoever kept the keys deleted them",
    ]


def test_what_another_disposal_had_destroyed_is_proven_to_have_gone_before() -> None:
    said = told(*disposed([OREGONIAN, CALIFORNIAN], SET, gone=frozenset({OTHER})))
    assert [line["position"] for line in said["lines"]][1] is None
    assert verdict(said).holds
    said["lines"][1]["subject"] = "01990000-0000-7000-8000-0000000000ff"
    assert "lines[1].subject" in str(verdict(said).wrong)


def test_a_disposal_of_many_is_verified() -> None:
    def one(number: int) -> Any:
        name = f"01990000-0000-7000-8000-{number:012x}"
        what = found(subject(id=name, student=frozenset({name})))
        keys = [
            Key(id=f"{number:030x}{place:02x}", subject=name, key_class=key.key_class)
            for place, key in enumerate(what.keys)
        ]
        return present(what=msgspec.structs.replace(what, keys=keys, cases=[]), schedules=SCHEDULES)

    assert verdict(told(*disposed([one(number) for number in range(1, 201)], SET))).holds


# -- an excerpt


def test_an_excerpt_of_one_state_is_proven_as_far_as_it_goes_and_opens_nothing_of_another() -> None:
    said = ALL["oregon"]
    assert OTHER not in json.dumps(said)
    assert ALL_OF_IT not in said["proves"]
    assert [one["position"] for one in said["inclusions"] if one["key"] is None] == [said["proposal"]]
    done = verdict(said)
    assert done.unproven[0].startswith("Who proposed it")


def test_an_approval_that_names_what_had_gone_of_another_state_stays_shut_too() -> None:
    said = of_oregon(frozenset({OTHER}))
    assert [one["position"] for one in said["inclusions"] if one["key"] is None] == [said["proposal"], said["approval"]]
    done = verdict(said)
    assert done.holds, done.text()
    assert any("Who approved it" in line for line in done.unproven)


def test_a_state_whose_alone_the_disposal_was_is_handed_all_of_it() -> None:
    log, known = disposed([OREGONIAN], SET)
    assert told(log, known, "OR") == told(log, known)


def test_a_whole_certificate_whose_proposal_is_shut_is_refused() -> None:
    said = copy.deepcopy(ALL["both"])
    first = next(one for one in said["inclusions"] if one["position"] == said["proposal"])
    first["key"] = first["ciphertext"] = None
    wrong = verdict(said).wrong
    assert wrong is not None
    assert (wrong.what, wrong.position) == ("The key of this event is not handed over.", said["proposal"])


# -- false ones


def other(value: Any) -> list[Any]:
    """What somebody might put in the place of a value."""
    match value:
        case bool() | None:
            return ["x"]
        case int():
            return [value + 1, float(value), str(value)]
        case str():
            middle = len(value) // 2
            letter = "b" if value[middle : middle + 1] != "b" else "c"
            return [value[:middle] + letter + value[middle + 1 :], value + " ", None]
        case _:
            return [["x"], None]


def changed(said: dict[str, Any], way: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(said)
    inside: Any = made
    for name in way[:-1]:
        inside = inside[name]
    inside[way[-1]] = value
    return made


@pytest.mark.parametrize("which", ALL)
def test_one_thing_said_otherwise_is_wrong_and_named_whatever_it_is(which: str) -> None:
    said, seen = ALL[which], set[str]()
    for way in places(said):
        text = ".".join(map(str, way))
        if which in FREE and FREE[which].fullmatch(text):
            continue
        inside: Any = said
        for name in way:
            inside = inside[name]
        for value in other(inside):
            wrong = verdict(changed(said, way, value)).wrong
            assert wrong is not None, (text, value)
            assert _names(wrong.what, way), (text, value, wrong.what)
            seen.add(re.sub(r"\d+", "N", text))
    assert {*said} <= {name.split(".")[0] for name in seen} | set(FREE.get(which, re.compile("")).pattern.split("|"))


def _names(what: str, way: tuple[Any, ...]) -> bool:
    """Whether a sentence names where the change is: the field, or for proofs the event whose they are."""
    written = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in way).removeprefix(".")
    field = written if way[0] != "inclusions" else f"inclusions[{way[1]}]"
    return field in what or (way[0] == "format" and "format" in what) or (way == ("state",) and what in _OF_STATE)


_OF_STATE = (
    "proves has another number of entries.",
    "This is of another state.",
    "The key of this event is not handed over.",
)
"""With another state it is an excerpt, or another one: what that would be is not what stands there."""


@pytest.mark.parametrize("which", ALL)
def test_one_thing_left_out_or_put_in_is_wrong_and_named(which: str) -> None:
    said = ALL[which]
    for name in said:
        left = {other_name: value for other_name, value in said.items() if other_name != name}
        if name == "state" and said["state"] is None:
            assert "state is missing" in str(verdict(left).wrong)
            continue
        assert verdict(left).wrong is not None, name
    assert "more is in no certificate" in str(verdict({**said, "more": 1}).wrong)
    for field in ("rules", "lines", "inclusions", "proves", "proves_not"):
        for made in ([*said[field], copy.deepcopy(said[field][-1])], said[field][:-1]):
            assert verdict({**said, field: made}).wrong is not None, field


def test_other_names_around_true_leaves_do_not_make_a_certificate() -> None:
    """Before a certificate held its events, whoever had one could put anybody's name on it."""
    made = copy.deepcopy(ALL["both"])
    made["approved_by"] = "mallory@example.org"
    wrong = verdict(made).wrong
    assert wrong is not None
    assert (wrong.what, wrong.expected) == ("approved_by is not what the log says.", f'"{BEN}"')


def test_events_of_another_disposal_of_the_same_log_are_not_taken_for_this_ones() -> None:
    log, known = disposed([OREGONIAN, CALIFORNIAN], SET)
    said = told(log, known)
    stranger = log.proofs(msgspec.structs.replace(known, proposal=len(log.recorded)))[-1]
    said["inclusions"].append(msgspec.to_builtins(stranger))
    assert verdict(said).wrong is not None
    said["inclusions"] = [one for one in said["inclusions"] if one["position"] != said["approval"]]
    said["approval"] = len(log.recorded)
    assert verdict(said).wrong is not None


def test_the_events_of_a_log_that_nobody_signed_are_nothing() -> None:
    log, known = disposed([OREGONIAN], SET)
    thief = RetentionLog(log.recorded, log.shown, THIEF_KEY)
    assert verdict(told(log, known)).holds
    assert "checkpoint" in str(verdict(told(thief, known)).wrong)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"format": "sojourn-certificate/1"}',
        b"[" * 100_000,
        b'{"format": NaN}',
        b"\xff\xfe{}",
        b'{"a": 1, "a": 2}',
    ],
)
def test_what_is_no_certificate_is_a_doubt_and_no_stack_trace(data: bytes) -> None:
    assert verdict(data).wrong is not None


def test_a_name_that_stands_twice_is_refused_as_each_reader_would_see_another() -> None:
    text = json.dumps(ALL["both"])
    made = text.replace('"disposal":', '"approved_by": "mallory@example.org", "disposal":', 1)
    assert "stands twice" in str(verdict(made.encode()).wrong)


# -- before its checkpoint, keys, witnesses, receipts


def test_a_certificate_from_before_its_checkpoint_says_so() -> None:
    _, known = disposed([OREGONIAN], SET)
    wrong = verdict(msgspec.json.encode(known)).wrong
    assert wrong is not None
    assert "has no proofs yet" in wrong.what


def test_a_checkpoint_that_does_not_reach_to_its_end_proves_nothing() -> None:
    log, known = disposed([OREGONIAN], SET)
    said = told(log, known)
    said["checkpoint"] = log.checkpoint(known.approval).decode()
    assert verdict(said).wrong is not None


def test_without_the_logs_key_nothing_is_proven() -> None:
    assert "names no key" in str(verdict(ALL["both"], key=None).wrong)
    assert verdict(ALL["both"], key=THIEF_KEY.verifier.text()).wrong is not None
    late = verdict(ALL["both"], key=THIEF_KEY.verifier.text(), former=[KEY])
    assert any("former key" in line for line in late.proven)


def test_a_witness_who_is_named_must_have_cosigned() -> None:
    witness = Signer.of("witness.example.org", b"W" * 32, COSIGNATURE)
    named = [witness.verifier.text()]
    assert "checkpoint" in str(verdict(ALL["both"], witnesses=named).wrong)
    said = {**ALL["both"], "checkpoint": cosign(ALL["both"]["checkpoint"].encode(), witness, 1_900_000_000).decode()}
    assert any("has cosigned it" in line for line in verdict(said, witnesses=named).proven)


def test_the_log_must_go_on_from_a_receipt_that_was_kept() -> None:
    log, known = disposed([OREGONIAN, CALIFORNIAN], SET)
    said, size = told(log, known), len(log.recorded)
    assert verdict(said, receipts=[log.checkpoint()]).holds
    assert "between is missing" in str(verdict(said, receipts=[log.checkpoint(3)]).wrong)

    def fetch(wanted: Any) -> list[bytes]:
        return [b"".join(log.leaves[: tile.width]) for tile in wanted]

    from ledger.proofs.tiles import Tiles

    proof = consistency_proof(3, size, Tiles(size, fetch).read)
    assert verdict(said, receipts=[log.checkpoint(3)], consistency={3: proof}).holds
    other_log, _ = disposed([CALIFORNIAN], SET[1:])
    kept = other_log.checkpoint(3)
    assert verdict(said, receipts=[kept], consistency={3: proof}).wrong is not None


# -- as a file


def test_the_one_verifier_tells_a_certificate_from_a_bundle() -> None:
    data = b"\xef\xbb\xbf \n" + json.dumps(ALL["both"], indent=2).encode()
    assert verify_file(io.BytesIO(data), key=KEY).holds
    assert verify_file(io.BytesIO(data), key=KEY, kept={1: bytes(32)}).wrong is not None
    assert "no bundle" in str(verify_file(io.BytesIO(b"x" * 99), key=KEY).wrong)


def test_the_verifier_as_one_file_needs_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_text(one_file.one_file(), encoding="utf-8")
    (tmp_path / "true.json").write_text(json.dumps(ALL["oregon"]))
    (tmp_path / "false.json").write_text(json.dumps({**ALL["both"], "approved_by": ANA}))

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "verify.py", name, "--key", KEY],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert (done := run("true.json")).returncode == 0, done
    wrong = run("false.json")
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert wrong.stdout.startswith("WRONG\n  approved_by is not what the log says.")
