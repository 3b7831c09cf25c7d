"""Law 10 in a real store: random histories with merges, reversals and disposals, and then no value of a destroyed class
in any row that SQL can read, nor in any file, while every proof holds and nobody else has lost anything.

Every word and day of a record, and the words of a case, an account and a disclosure, say whose they are. They are
looked for in what still opens as well: what a key seals that is left must not have been said by one that is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.account_acts import Deactivate
from ledger.errors import Conflict, LedgerError, NotDue, NotFound, Refused, UnderHold
from ledger.events import Event, Meta
from ledger.events.disclosure import Disclosed
from ledger.events.retention import KeyDestroyed
from ledger.facts import Row
from ledger.intake.submission import submit
from ledger.reactors.matching import MatcherRunner
from ledger.record import PlaceFact
from ledger.replay import RequestKey
from ledger.store.append import Opening
from ledger.store.database import Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.scrubbing import scrub
from ledger.store.vault import MasterKey, Vault
from ledger.store.verifying import Given, verify_store
from projections import PROJECTIONS
from projections.projection import digest
from projections.students import told_alone_now
from support.admitting import NATION, admitted, applying
from support.casework import ANA, BEN, Work
from support.disposals import ANA as PROPOSES
from support.disposals import BEN as APPROVES
from support.disposals import ScannedLists, keep_for_years
from support.files import student, write
from support.linkage_tapes import act
from support.logs import append
from support.marked import dates_of, mark_of, marked
from support.notarized import leaves_of
from support.opening import found_in_what_opens
from support.searched import found_in_files, found_in_tables
from support.servers import FAST, running_server
from support.stored_histories import Child, Histories, next_step
from support.tampering import outside
from support.worlds import MASTER_KEY, World, world_on

Sized = Callable[..., settings]
LOGS = ("ledger", "access")
FILES_OF_POSTGRESQL = ("base", "pg_wal")


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """PostgreSQL on a folder of its own, in which every file is looked at."""
    with running_server(FAST) as server:
        yield server


class Marked(Histories):
    """Histories in which every word says whose it is."""

    def _write(self, stream: str, subject: str, event: Event, *opened: Opening) -> None:
        guards = [
            msgspec.structs.replace(one, state_student_id=f"{one.state_student_id}{mark_of(subject, 'education')}")
            for one in opened
        ]
        super()._write(stream, subject, marked(event, subject), *guards)


class Example:
    """A few children, what people did about them, an official; and what of them is destroyed."""

    def __init__(self, world: World, histories: Marked, chance: Random, folder: Path) -> None:
        self._world = world
        self._chance = chance
        self._sent: dict[tuple[str, str], str] = {}
        self.children = histories.tell(chance, 30)
        histories.settle()
        ledger = world.ledgers[0]
        self._in_file = self._filed(folder)
        self.children.append(self._in_file)
        self.account = self._admitted()
        self.cases = self._settled(Work(ledger))
        for child in self.children:
            shown: dict[str, Any] = {"view": "student", "sections": ["core"], "role": "auditor", "basis": "b"}
            shown |= {"student_id": child.minted, "organisation": "OR", "position": 1}
            purpose = f"to see {mark_of(child.record, 'disclosure')}"
            append(ledger.access, f"disclosure/{child.record}", Disclosed(**shown, purpose=purpose))
        self.gone: list[str] = []
        """Marks of what was destroyed."""
        self.lost: set[str] = set()
        """Records that went whole."""
        for clock in world.clocks:
            clock.now = clock.now.replace(year=clock.now.year + 25)

    def destroy(self) -> list[str]:
        """Some records, or their moves, or the account, but first the moves of the child that came in a file; the class
        that went, if any did."""
        chance = self._chance
        left = [child for child in self.children if child.record not in self.lost]
        some = chance.sample(left, min(len(left), chance.randint(1, 2)))
        record_class = chance.choice(["education", "education", "eligibility", "access"])
        if not self.gone:
            record_class, some = "eligibility", [self._in_file]
        if record_class == "access":
            went = self._disposed("access", [self.account]) if self.account else None
            if went is not None:
                self.gone.append(mark_of(self.account_mark, "access"))
                self.account = ""
            return [] if went is None else [record_class]
        cases = self._disposed(record_class, [child.record for child in some]) if some else None
        if cases is None:
            return []
        classes = ["eligibility"] if record_class == "eligibility" else ["education", "eligibility", "disclosure"]
        self.gone += [mark for child in some for of in classes for mark in self.marks_of(child.record, of)]
        self.gone += [mark_of(case, "case") for case in cases]
        if record_class == "education":
            self.lost |= {child.record for child in some}
        return [record_class]

    def marks_of(self, record: str, key_class: str) -> list[str]:
        """Words and days of a record that are sealed by this key."""
        sent = self._sent.get((record, key_class))
        return [mark_of(record, key_class), *dates_of(record, key_class), *([] if sent is None else [sent])]

    def _disposed(self, record_class: str, subjects: Sequence[str]) -> list[str] | None:
        """Proposed by one, approved by another: the cases that went too. None where it is held, or is there no more."""
        self._answer_all()
        ledger = self._world.ledgers[1]
        try:
            disposal = ledger.disposals.propose(record_class, subjects, PROPOSES).id
        except (UnderHold, NotDue):
            return None
        assert ledger.disposals.approve(disposal, APPROVES).status == "done"
        assert len(ledger.disposals.certificate(disposal).lines) == len(subjects)
        said = [one.event for one in ledger.log.read_streams([f"retention/{subject}" for subject in subjects])]
        return [
            case
            for event in said
            if isinstance(event, KeyDestroyed) and event.disposal == disposal
            for case in event.cases
        ]

    def _answer_all(self) -> None:
        """What waits is answered: an open case holds."""
        work = Work(self._world.ledgers[0])
        for _ in range(3):
            for case in work.open_cases():
                with suppress(LedgerError):
                    work.cases.answer(case, "They are two.", BEN, None, yes=False)

    def go_on(self) -> None:
        """People join and part what is left."""
        for _ in range(4):
            act(self._world.ledgers[0], [child.minted for child in self.children], next_step(self._chance))

    def _filed(self, folder: Path) -> Child:
        """A child in a nightly file, of which a move and an enrollment are refused, and of whom a request says more."""
        ledger, number = self._world.ledgers[0], int(self._world.next_example())
        letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:05d}")
        own, moves = f"zfe{letters}z", f"zfl{letters}z"
        refused = (f"E|001|20250623|{own}|Valor", f"Q|002|20250601|Madera|{moves}||Woodburn|WA")
        rows = [row.replace("Madera", f"Madera {moves}") for row in student(1, *refused, state="WA", name=own)]
        rows = [row.replace("WA0000001", own) for row in rows]
        night = f"20250902020000{number % 1000:03d}"  # the clock goes on by decades, and a header's years end
        submit(ledger, write(folder / f"{number}.txt", rows, night=night, state="WA"), "nightly")
        record = ledger.record_of("WA", own)
        assert record is not None
        course = Row(letter="C", elements={"course_title": own, "begin_academic_year": "2025"})
        request = RequestKey(scope="WA", key=f"course {number}", body_hash=bytes(32))
        command = PlaceFact(state="WA", state_student_id=own, row=course)
        minted = ledger.execute(command, Meta(actor="registrar"), request).student_id
        self._sent = {(record, "education"): own, (record, "eligibility"): moves}
        return Child(record, minted, "WA", own)

    def _admitted(self) -> str:
        self.account_mark = self._world.next_example().zfill(32)
        mark = mark_of(self.account_mark, "access")
        admissions = self._world.ledgers[0].admissions
        account = admitted(admissions, applying(f"{mark}@school.example.org"))
        admissions.act(account, Deactivate(by=NATION.name, reason="Left."), Meta(actor=NATION.name))
        return account

    def _settled(self, work: Work) -> dict[str, str]:
        """Cases that were answered, each to the record that it names first; what was written there says which."""
        settled: dict[str, str] = {}
        for left, right in zip(self.children, self.children[1:], strict=False):
            try:
                a, b = work.shown(left.minted, right.minted)
                case = work.proposals.propose_merge(a, b, a, "They look alike.", ANA).case
                why = f"The mother said {mark_of(case, 'case')}."
                work.cases.answer(case, why, BEN, None, yes=self._chance.random() < 0.5)
            except (Refused, Conflict, NotFound):
                continue
            opened = work.ledger.log.read_stream(f"case/{case}")[0].event
            settled[case] = opened.records[0].anchor.record  # type: ignore[attr-defined]
        return settled


def follow_all(world: World, batch: int) -> None:
    """Matcher and read models come to the head."""
    ledger = world.ledgers[1]
    MatcherRunner(ledger.matcher, world.database, ledger.log).run(world.head())
    for projection in PROJECTIONS:
        world.project(batch, projection)


def alone(world: World, records: Sequence[str]) -> dict[str, Any]:
    """What each of these records says by itself."""
    with world.database.connect(Role.READER) as conn:
        return told_alone_now(conn, records)[1]


def shown(world: World, minted: Sequence[str]) -> dict[str, Any]:
    """What each id shows, with the students' records."""
    rows = {one: world.student(one) for one in minted}
    return {one: row and (row.student_id, tuple(row.records), row.sections) for one, row in rows.items()}


def digests(world: World) -> dict[str, str]:
    with world.database.connect(Role.READER) as conn:
        return {projection.name: digest(conn, projection).sha256 for projection in PROJECTIONS}


def test_law_10_nothing_of_what_was_destroyed_can_be_read_and_all_else_is_as_it_was(
    own_server: EmbeddedServer, sized: Sized, tmp_path: Path
) -> None:
    everything: list[str] = []
    known_to: set[str] = set()
    went: list[str] = []

    @sized(4)
    @given(st.integers(0, 2**32), st.integers(5, 60))
    def law(seed: int, batch: int) -> None:
        chance = Random(seed)
        example = Example(world, histories, chance, tmp_path)
        follow_all(world, batch)
        records, minted = [one.record for one in example.children], [one.minted for one in example.children]
        for key_class in ("education", "eligibility"):
            marks = [mark for record in records for mark in example.marks_of(record, key_class)]
            known_to.update(found.partition(":")[0] for found in found_in_tables(world.database, marks))
            assert found_in_what_opens(world.ledgers[1], marks), "else it would be looked for in the wrong way"
        leaves = {log: leaves_of(world.database, log) for log in LOGS}
        for _ in range(chance.randint(1, 3)):
            before, ids_before = alone(world, records), shown(world, minted)
            lost, moved = set(example.lost), list(example.gone)
            went.extend(example.destroy())
            follow_all(world, batch)
            touched = {
                record
                for record in records
                if record in example.lost - lost or mark_of(record, "eligibility") in set(example.gone) - set(moved)
            }
            kept = alone(world, records)
            assert {one: kept.get(one) for one in before if one not in touched} == {
                one: told for one, told in before.items() if one not in touched
            }
            for one, was in shown(world, minted).items():
                if ids_before[one] and touched.isdisjoint(ids_before[one][1]):
                    assert was == ids_before[one]
                elif was:
                    core = json.loads(was[2]["core"])
                    assert {entry["record"] for entry in core["records"]} == set(ids_before[one][1]) - example.lost
            assert found_in_tables(world.database, example.gone) == []
            assert found_in_what_opens(world.ledgers[0], example.gone) == []
            example.go_on()
            follow_all(world, batch)
        for log in LOGS:
            assert leaves_of(world.database, log)[: len(leaves[log])] == leaves[log]
        assert found_in_tables(world.database, example.gone) == []
        assert found_in_what_opens(world.ledgers[0], example.gone) == []
        everything.extend(example.gone)
        live = digests(world)
        for projection in PROJECTIONS:
            world.rebuild(batch * 5, projection)
        assert digests(world) == live

    with world_on(own_server) as world:
        histories = Marked(world)
        keep_for_years(world.ledgers[1])
        world.ledgers[1].disposals.look_in(ScannedLists(world.ledgers[1]))
        law()
        assert "eligibility" in went
        verdict = verify_store(
            world.database,
            Vault([MasterKey.of(MASTER_KEY)]),
            Given({log: outside(log, None) for log in LOGS}, (), lambda: ()),
        )
        assert verdict.holds, verdict.text()
        assert everything
        # Else it would be looked for in the wrong way.
        assert known_to >= {"matching.people", "ledger.records", "students.students", "search.records"}
        assert found_in_files(own_server.pgdata, everything, but=FILES_OF_POSTGRESQL) == []
        assert found_in_files(own_server.pgdata, everything), "else it would be looked for in the wrong way"
        for ledger in world.ledgers:
            ledger.log.sequencer.close()
        assert scrub(world.database, {p.name: p.log for p in PROJECTIONS}, wait_s=20).left == []
        assert found_in_files(own_server.pgdata, everything) == []
