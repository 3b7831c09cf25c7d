"""What time brings: answers are kept for so many days, and then their key goes, once and provably."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ledger.application import Ledger
from ledger.errors import LedgerError, StoreUnavailable
from ledger.events import Meta
from ledger.events.retention import KeyDestroyed, Over, OverAll, OverState
from ledger.intake.applying import Applying
from ledger.intake.response import RowAnswer
from ledger.intake.submission import submit
from ledger.intake.uploads import Receiving, Spools, enqueue, presence, serving
from ledger.jurisdiction import SetProfile
from ledger.reactors.timekeeper import ACTOR, ENDED_KEPT, Timekeeper
from ledger.store import codes, sessions, tombstones
from ledger.store.append import Append, Part
from ledger.store.attachments import UNNAMED_KEPT
from ledger.store.database import Database, Role
from ledger.store.following import lock_key, try_lock
from ledger.store.vault import LEDGER
from support.files import student, write
from support.papers import applied, kept, paper

SUBMISSION = "OR-20250902020000000"
BEGUN = datetime(2025, 9, 2, 12, tzinfo=UTC)
NewLedger = Callable[..., Ledger]


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = BEGUN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def ours(database: Database, new_ledger: NewLedger, hands: Hands, tmp_path: Path) -> Ledger:
    """A ledger with one submission, of which one value was refused."""
    ledger = new_ledger(database, clock=hands)
    submit(ledger, write(tmp_path / "1.txt", student(1, "E|001|20250623|99|Valor")), "nightly")
    # The vault's clock is the machine's: the key is as old as the test says.
    with database.connect() as conn:
        conn.execute("update vault.keys set created_at = %s", (BEGUN,))
    return ledger


def timekeeper(ledger: Ledger, hands: Hands) -> Timekeeper:
    return Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        hands,
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    )


def answers(ledger: Ledger, path: Path) -> list[RowAnswer]:
    told: list[RowAnswer] = []
    submit(ledger, path, "nightly", answer=told.append)
    return told


def destroyed(ledger: Ledger) -> list[KeyDestroyed]:
    return [r.event for r in ledger.log.read(0, 1_000) if isinstance(r.event, KeyDestroyed)]


def left_on(ledger: Ledger, spools: Spools, path: Path) -> Receiving:
    """A file that a host took, under the key of its submission, and did not apply."""
    received = Receiving(spools)
    received.write(path.read_bytes())
    with received.read():
        enqueue(ledger, spools, received, f"OR-{path.stem}", Meta(actor="oregon nightly"), late=False)
    received.close()
    return received


def states_of(ledger: Ledger) -> dict[str, tuple[str, str | None, bool]]:
    """Of each submission that came over HTTP: status, code of its problem, and whether its file's key is kept."""
    query = "select submission, status, problem->>'code', spool_key is not null from ledger.uploads"
    with ledger.database.connect(Role.WRITER) as conn:
        return {name: (status, code, kept) for name, status, code, kept in conn.execute(query).fetchall()}


def test_what_became_of_files_sent_over_http_goes_with_their_answers(
    ours: Ledger, hands: Hands, tmp_path: Path
) -> None:
    spools = Spools(tmp_path / "spools")
    file = tmp_path / "20250902020000000"
    file.write_bytes((tmp_path / "1.txt").read_bytes())
    done, waiting = left_on(ours, spools, file), left_on(ours, spools, file)
    with ours.database.connect(Role.WRITER) as conn:
        conn.execute("update ledger.uploads set status = 'done' where upload = %s", (done.upload,))
        # The other one is told that it waited too long, by whoever has the file.
        conn.execute("select pg_advisory_lock_shared(%s)", (lock_key(presence(spools.host)),))
        hands.now = BEGUN + timedelta(days=30, seconds=1)
        assert timekeeper(ours, hands).look() == [SUBMISSION]
        left = conn.execute("select upload, status from ledger.uploads").fetchall()
    assert left == [(waiting.upload, "waiting")]


def test_a_file_of_a_host_that_never_comes_back_is_settled_once_nothing_can_come_of_it(
    ours: Ledger, hands: Hands, tmp_path: Path
) -> None:
    spools = Spools(tmp_path / "spools")
    completed, waits = tmp_path / "20250902020000000", tmp_path / "20250903020000000"
    completed.write_bytes((tmp_path / "1.txt").read_bytes())
    left_on(ours, spools, completed)
    left_on(ours, spools, write(waits, student(2), night=waits.name))
    with ours.database.connect() as conn:
        conn.execute("update vault.keys set created_at = %s", (BEGUN,))
        for lock in (presence, serving):
            conn.execute("select pg_advisory_lock_shared(%s)", (lock_key(lock(spools.host)),))
            timekeeper(ours, hands).look()
            assert {status for status, _, _ in states_of(ours).values()} == {"waiting"}, "its host runs"
            conn.execute("select pg_advisory_unlock_all()")
    timekeeper(ours, hands).look()
    assert states_of(ours) == {
        SUBMISSION: ("failed", "overtaken", False),
        f"OR-{waits.name}": ("waiting", None, True),
    }
    hands.now = BEGUN + timedelta(days=30, seconds=1)
    assert len(timekeeper(ours, hands).look()) == 2
    assert states_of(ours) == {f"OR-{waits.name}": ("failed", "expired", False)}
    back = Applying(ours, spools)
    back.start()
    back.stop()
    assert not list(spools.folder.glob("*.spool")), "nobody has their keys"


def test_answers_are_kept_for_their_days_and_no_longer(ours: Ledger, hands: Hands, tmp_path: Path) -> None:
    hands.now = BEGUN + timedelta(days=30)
    assert timekeeper(ours, hands).look() == []
    assert len(answers(ours, tmp_path / "1.txt")) == 4
    hands.now = BEGUN + timedelta(days=30, seconds=1)
    assert timekeeper(ours, hands).look() == [SUBMISSION]
    assert answers(ours, tmp_path / "1.txt") == []
    (event,) = destroyed(ours)
    assert (event.submission, event.schedule) == (SUBMISSION, "response_days")
    with ours.database.connect(Role.WRITER) as conn:
        assert conn.execute("select count(*) from ledger.responses").fetchone() == (0,)
        assert conn.execute("select count(*) from vault.keys where class = 'submission'").fetchone() == (0,)
        assert conn.execute("select count(*) from vault.keys where class = 'education'").fetchone() == (1,)


def test_what_is_done_is_done_once(ours: Ledger, hands: Hands) -> None:
    hands.now = BEGUN + timedelta(days=31)
    assert timekeeper(ours, hands).look() == [SUBMISSION]
    assert timekeeper(ours, hands).look() == []
    assert len(destroyed(ours)) == 1


def test_a_state_says_how_long_its_answers_are_kept(ours: Ledger, hands: Hands) -> None:
    ours.set_jurisdiction(
        "OR", SetProfile(state="OR", time_zone="America/Los_Angeles", response_days=2), Meta(actor="x")
    )
    hands.now = BEGUN + timedelta(days=2, seconds=1)
    assert timekeeper(ours, hands).look() == [SUBMISSION]


def test_while_one_is_at_it_another_leaves_it_be(ours: Ledger, hands: Hands) -> None:
    hands.now = BEGUN + timedelta(days=31)
    with ours.database.connect(Role.WRITER) as conn:
        conn.autocommit = True
        assert try_lock(conn, ACTOR)
        assert timekeeper(ours, hands).look() == []
    assert timekeeper(ours, hands).look() == [SUBMISSION]


def test_a_key_goes_only_with_the_event_that_says_so(ours: Ledger, hands: Hands) -> None:
    with ours.database.connect(Role.WRITER) as conn:
        row = conn.execute("select key_id from vault.keys where class = 'submission'").fetchone()
    assert row is not None
    stream = f"retention/{row[0].hex}"
    taken = KeyDestroyed(key_ids=[row[0].hex], schedule="response_days", submission=SUBMISSION)
    ours.log.append(
        Append(parts=[Part(stream=stream, subject=LEDGER[0], expected=0, events=[taken])], meta=Meta(actor="x"))
    )
    hands.now = BEGUN + timedelta(days=31)
    assert timekeeper(ours, hands).look() == []
    with ours.database.connect(Role.WRITER) as conn:
        assert conn.execute("select count(*) from vault.keys where class = 'submission'").fetchone() == (1,)


def test_the_writer_cannot_destroy_a_key(ours: Ledger) -> None:
    with ours.database.connect(Role.WRITER) as conn, pytest.raises(Exception, match="permission denied"):
        conn.execute("delete from vault.keys where class = 'submission'")


def test_first_answers_to_keys_go_after_ninety_days(ours: Ledger, hands: Hands) -> None:
    with ours.database.connect() as conn:
        conn.execute(
            "insert into ledger.answers (scope, key, request_hash, status, position, ids, answered_at)"
            " values ('token a', 'old', '', 200, 1, '{}', now() - interval '91 days'),"
            " ('token a', 'new', '', 200, 1, '{}', now() - interval '89 days')"
        )
    hands.now = datetime.now(UTC)
    timekeeper(ours, hands).look()
    with ours.database.connect(Role.WRITER) as conn:
        assert conn.execute("select key from ledger.answers").fetchall() == [("new",)]


def test_a_postgresql_that_goes_away_meanwhile_destroys_nothing_and_ends_nothing(ours: Ledger, hands: Hands) -> None:
    hands.now = BEGUN + timedelta(days=31)
    with ours.database.connect() as admin:
        # Whoever takes the head's lock waits here, and is ended while it waits.
        admin.execute("begin")
        admin.execute("select position from ledger.head for update")
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(timekeeper(ours, hands).look)
            with ours.database.connect() as other:
                ended = (0,)
                while ended == (0,):
                    ended = other.execute(
                        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                        " where application_name = 'sojourn ledger disposal' and wait_event_type = 'Lock'"
                    ).fetchone() or (0,)
            with pytest.raises(StoreUnavailable):
                looking.result(30)
        admin.execute("rollback")
    assert destroyed(ours) == []
    assert timekeeper(ours, hands).look() == [SUBMISSION]


@pytest.mark.parametrize("over", [OverState(state="OR"), OverAll()], ids=["its state", "everything"])
def test_what_is_held_is_kept_until_the_hold_is_released(ours: Ledger, hands: Hands, over: Over) -> None:
    meta = Meta(actor="counsel")
    hands.now = BEGUN + timedelta(days=31)
    elsewhere = ours.keeping.place("legal", OverState(state="CA"), "A case in court.", meta)
    held = ours.keeping.place("legal", over, "A case in court.", meta)
    assert timekeeper(ours, hands).look() == []
    assert destroyed(ours) == []
    ours.keeping.release(held.id, "It is over.", meta)
    assert timekeeper(ours, hands).look() == [SUBMISSION], "what another state holds is its own"
    with ours.log.connection() as conn:
        assert list(tombstones.keys_gone(conn)) == [bytes.fromhex(destroyed(ours)[0].key_ids[0])]
    assert elsewhere.id != held.id


def test_what_is_held_is_not_opened_and_holds_are_read_once_a_look(
    ours: Ledger, hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands.now = BEGUN + timedelta(days=3)
    for night in ("20250903020000000", "20250904020000000"):
        answers(ours, write(tmp_path / night, student(1), night=night))
    with ours.database.connect() as conn:
        conn.execute("update vault.keys set created_at = %s", (BEGUN,))
    hold = ours.keeping.place("legal", OverState(state="OR"), "A case in court.", Meta(actor="counsel"))
    hands.now = BEGUN + timedelta(days=99)
    read, opened = ours.log.read_stream, list[str]()
    asked, looks = ours.keeping.standing, list[int]()
    monkeypatch.setattr(ours.log, "read_stream", lambda name, **more: opened.append(name) or read(name, **more))
    monkeypatch.setattr(ours.keeping, "standing", lambda: looks.append(1) or asked())
    assert timekeeper(ours, hands).look() == []
    assert [name for name in opened if name.startswith("submission/")] == []
    assert looks == [1]
    ours.keeping.release(hold.id, "It is over.", Meta(actor="counsel"))
    looks.clear()
    assert len(timekeeper(ours, hands).look()) == 3
    assert looks == [1]


def test_a_look_that_is_told_to_stop_destroys_nothing_more(ours: Ledger, hands: Hands) -> None:
    hands.now = BEGUN + timedelta(days=31)
    stop = threading.Event()
    stop.set()
    assert timekeeper(ours, hands).look(stop) == []
    assert timekeeper(ours, hands).look() == [SUBMISSION]


def test_what_fails_is_due_again(ours: Ledger, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    hands.now = BEGUN + timedelta(days=31)

    def away(*_: object) -> None:
        raise LedgerError("PostgreSQL is away.", remedy="Wait.")

    with monkeypatch.context() as patch:
        patch.setattr(ours.log, "dispose", away)
        with pytest.raises(LedgerError):
            timekeeper(ours, hands).look()
    assert timekeeper(ours, hands).look() == [SUBMISSION]


def test_a_paper_that_no_application_names_is_swept_and_one_that_is_named_stays(ours: Ledger, hands: Hands) -> None:
    application = applied(ours)
    named = kept(ours, application, paper(9))
    account = ours.admissions.application(application).applied.account
    writer = ours.attachments.begin(account, application, named.media_type)
    writer.write(paper(9))
    left = writer.close().attachment  # and here its process ends
    timekeeper(ours, hands).look()
    assert ours.attachments.application_of(left) == application, "an append may still be under way that names it"
    hands.now += UNNAMED_KEPT + timedelta(seconds=1)
    timekeeper(ours, hands).look()
    assert ours.attachments.application_of(left) is None
    assert b"".join(ours.attachments.read(named)) == paper(9)


def test_sessions_and_codes_are_deleted_once_they_have_been_over_for_thirty_days(
    database: Database, ours: Ledger, hands: Hands
) -> None:
    anna, ben = uuid.UUID(int=1), uuid.UUID(int=2)
    with database.connect(Role.WRITER) as conn:
        old = signed_in(conn, anna, BEGUN)
        late = signed_in(conn, ben, BEGUN + timedelta(days=1))
        signed_out = signed_in(conn, ben, BEGUN + timedelta(days=1))
        assert sessions.end(conn, signed_out, now=BEGUN + timedelta(days=1))
        ends_at = BEGUN + sessions.ABSOLUTE
        first = given(conn, codes.Purpose.FIRST_SIGN_IN, anna, ends_at)
        familys = given(conn, codes.Purpose.FAMILY_ACCESS, anna, ends_at + timedelta(days=1))
        spent = given(conn, codes.Purpose.FAMILY_ACCESS, ben, ends_at + timedelta(days=1))
        codes.redeem(conn, purpose=codes.Purpose.FAMILY_ACCESS, code=spent.text, now=BEGUN)

    def looked_at(now: datetime) -> tuple[set[uuid.UUID], set[str]]:
        hands.now = now
        timekeeper(ours, hands).look()
        with database.connect(Role.WRITER) as conn:
            kept = conn.execute("select session_id from ledger.sessions").fetchall()
            codes_kept = conn.execute("select id from ledger.one_time_codes").fetchall()
        return {row[0] for row in kept}, {row[0] for row in codes_kept}

    whole = {old, late, signed_out}, {first.id, familys.id, spent.id}
    assert looked_at(ends_at + ENDED_KEPT) == whole
    assert looked_at(ends_at + ENDED_KEPT + timedelta(seconds=1)) == ({late, signed_out}, {familys.id, spent.id})
    assert looked_at(ends_at + ENDED_KEPT + timedelta(days=2)) == (set(), set())


def test_a_session_and_a_code_that_hold_outlive_every_look(database: Database, ours: Ledger, hands: Hands) -> None:
    hands.now = BEGUN + timedelta(days=400)
    with database.connect(Role.WRITER) as conn:
        open_one = signed_in(conn, uuid.UUID(int=1), hands.now)
        code = given(conn, codes.Purpose.FAMILY_ACCESS, uuid.UUID(int=2), hands.now + timedelta(days=30))
    timekeeper(ours, hands).look()
    with database.connect(Role.WRITER) as conn:
        assert [one.id for one in sessions.open_of(conn, uuid.UUID(int=1), now=hands.now)] == [open_one]
        purpose = codes.Purpose.FAMILY_ACCESS
        assert codes.redeem(conn, purpose=purpose, code=code.text, now=hands.now) == uuid.UUID(int=2)


def signed_in(conn: psycopg.Connection, account: uuid.UUID, now: datetime) -> uuid.UUID:
    return sessions.make(conn, account=account, grant=None, method="local", now=now).session.id


def given(conn: psycopg.Connection, purpose: codes.Purpose, subject: uuid.UUID, ends_at: datetime) -> codes.Code:
    return codes.make(conn, purpose=purpose, subject=subject, now=BEGUN, ends_at=ends_at)
