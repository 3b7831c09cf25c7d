"""Keys: what is sealed opens as long as its row stands, and nothing is ever sealed under a key that has no row."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from ledger.application import Ledger
from ledger.errors import LogBroken, Misconfigured
from ledger.events import Meta
from ledger.events.base import Erased
from ledger.events.disclosure import BulkDisclosed
from ledger.events.record import CourseReported, MoveQualified
from ledger.record import PlaceStudent
from ledger.store.database import Database, Role
from ledger.store.vault import LEDGER, MasterKey, Subject, Vault, seal, unseal
from support.logs import append
from support.rows import move, student

GOLDEN: dict[str, str] = json.loads((Path(__file__).parents[2] / "golden" / "vault_row.json").read_text())
OLD, NEW, OTHER = (MasterKey.of(bytes([n]) * 32) for n in range(3))
CHILD: Subject = ("0190c5d2-7b1a-7c3e-8000-000000000001", "education")
SHOWN: dict[str, Any] = dict.fromkeys(("view", "role", "organisation", "purpose", "basis"), "") | {
    "records": [],
    "filters": [],
    "position": 1,
}


def rows(database: Database) -> list[tuple[Any, ...]]:
    with database.connect(Role.WRITER) as conn:
        return conn.execute("select key_id, subject, class, wrapped, wrapped_by from vault.keys order by 1").fetchall()


def filled(database: Database, count: int = 10) -> dict[Subject, bytes]:
    """A vault under the old master key with so many subjects: each one's key id."""
    subjects = [(str(uuid.UUID(int=n)), "education") for n in range(count)]
    with database.connect(Role.WRITER) as conn:
        return {subject: key.key_id for subject, key in Vault([OLD]).load(conn, subjects).items()}


# -- the shape of a row and of a key


def test_a_stored_row_still_opens_and_gives_the_body_keys_that_it_gave(database: Database) -> None:
    golden = {name: bytes.fromhex(GOLDEN[name]) for name in GOLDEN.keys() - {"subject", "class"}}
    vault = Vault([MasterKey.of(golden["master_key"])])
    assert vault.fingerprint == golden["fingerprint"]
    with database.connect(Role.WRITER) as conn:
        conn.execute(
            "insert into vault.keys values (%s, %s, %s, %s, %s, now())",
            (
                uuid.UUID(bytes=golden["key_id"]),
                GOLDEN["subject"],
                GOLDEN["class"],
                golden["wrapped"],
                vault.fingerprint,
            ),
        )
        key = vault.open_keys(conn, [golden["key_id"]])[golden["key_id"]]
    assert key is not None
    assert key.body_key(golden["event_id"]) == golden["body_key"]


def test_a_key_is_wrapped_to_the_bytes_that_it_was() -> None:
    golden = {name: bytes.fromhex(GOLDEN[name]) for name in GOLDEN.keys() - {"subject", "class"}}
    given = [golden["secret"], golden["nonce"]]
    vault = Vault(
        [MasterKey.of(golden["master_key"])], random_bytes=lambda _: given.pop(0), new_id=lambda: golden["key_id"]
    )
    assert vault.make((GOLDEN["subject"], GOLDEN["class"])).wrapped == golden["wrapped"]


def test_each_event_has_a_body_key_of_its_own() -> None:
    key = Vault([OLD]).make(CHILD).key
    assert len({key.body_key(n.to_bytes(16, "big")) for n in range(100)}) == 100


def test_what_is_sealed_opens_with_its_key_in_its_place_only() -> None:
    key = Vault([OLD]).make(CHILD).key
    sealed = seal(key.body_key(bytes(16)), b"body", b"place")
    assert unseal(key.body_key(bytes(16)), sealed, b"place") == b"body"
    for body_key, place in ((key.body_key(b"1" * 16), b"place"), (key.body_key(bytes(16)), b"elsewhere")):
        with pytest.raises(InvalidTag):
            unseal(body_key, sealed, place)


@pytest.mark.parametrize("secret", [b"", bytes(16), bytes(31), bytes(33), bytes(64)])
def test_a_master_key_of_another_length_is_refused_by_name(secret: bytes) -> None:
    with pytest.raises(Misconfigured, match=f"has {len(secret)} bytes") as refused:
        MasterKey.of(secret)
    assert "SOJOURN_MASTER_KEY" in refused.value.remedy


# -- rotation


def test_after_a_rotation_the_new_master_key_alone_opens_every_key(database: Database) -> None:
    ids = filled(database, 25)
    with database.connect(Role.OWNER) as conn:
        assert Vault([NEW, OLD]).rewrap(conn, batch_keys_max=10) == 25
        assert Vault([NEW, OLD]).rewrap(conn) == 0
    with database.connect(Role.WRITER) as conn:
        opened = Vault([NEW]).load(conn, ids)
        assert {subject: key.key_id for subject, key in opened.items()} == ids
        assert Vault([NEW]).foreign(conn) == 0
        assert Vault([OLD]).foreign(conn) == 25


def test_a_rotation_changes_no_key_and_so_no_event(database: Database, new_ledger: Callable[..., Ledger]) -> None:
    ledger = new_ledger(database)
    append(ledger.log, f"record/{CHILD[0]}", CourseReported(fact=1, elements={"course_title": "Algebra"}))
    (before,) = ledger.log.read(0, 10)
    with database.connect(Role.OWNER) as conn:
        Vault([NEW, MasterKey.of(bytes(range(32)))]).rewrap(conn)
    ledger.log.vault = Vault([NEW])
    assert ledger.log.read(0, 10) == [before]


def test_a_rotation_that_dies_between_batches_leaves_a_vault_that_both_keys_open(database: Database) -> None:
    ids = filled(database, 25)

    class Dies(psycopg.Connection[Any]):
        batches = 0

        def transaction(self, *args: Any, **kwargs: Any) -> Any:
            type(self).batches += 1
            if self.batches == 3:
                self.close()
            return super().transaction(*args, **kwargs)

    both = Vault([NEW, OLD])
    with Dies.connect(database.conninfo(Role.OWNER), autocommit=True) as conn, pytest.raises(psycopg.OperationalError):
        both.rewrap(conn, batch_keys_max=10)
    with database.connect(Role.WRITER) as conn:
        assert (Vault([OLD]).foreign(conn), Vault([NEW]).foreign(conn)) == (20, 5)
        assert {s: k.key_id for s, k in Vault([NEW, OLD]).load(conn, ids).items()} == ids
    with database.connect(Role.OWNER) as conn:
        assert both.rewrap(conn, batch_keys_max=10) == 5
    with database.connect(Role.WRITER) as conn:
        assert {s: k.key_id for s, k in Vault([NEW]).load(conn, ids).items()} == ids


def test_a_rotation_without_the_old_master_key_changes_nothing(database: Database) -> None:
    filled(database)
    before = rows(database)
    with database.connect(Role.OWNER) as conn, pytest.raises(Misconfigured):
        Vault([NEW]).rewrap(conn)
    assert rows(database) == before


# -- wrong keys, changed rows


def test_a_wrong_master_key_is_told_from_a_damaged_row_and_named(database: Database) -> None:
    ids = filled(database, 1)
    with database.connect(Role.WRITER) as conn:
        for look in (lambda v: v.load(conn, ids), lambda v: v.open_keys(conn, ids.values())):
            with pytest.raises(Misconfigured) as refused:
                look(Vault([OTHER]))
            assert OLD.fingerprint.hex() in refused.value.what
            assert OTHER.fingerprint.hex() in refused.value.what
            assert "SOJOURN_MASTER_KEY" in refused.value.remedy


CHANGES = {
    "the wrapped bytes": "wrapped = set_byte(wrapped, 19, get_byte(wrapped, 19) # 1)",
    "fewer bytes": "wrapped = substring(wrapped from 1 for 30)",
    "the subject": "subject = 'somebody else'",
    "the class": "class = 'eligibility'",
    "the id": "key_id = '00000000-0000-0000-0000-0000000000ff'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_changed_opens_nothing(database: Database, change: str) -> None:
    filled(database, 1)
    with database.connect(Role.OWNER) as conn:
        conn.execute(f"update vault.keys set {CHANGES[change]}")  # type: ignore[arg-type]
    ((key_id, subject, key_class, *_),) = rows(database)
    with database.connect(Role.WRITER) as conn:
        for look in (
            lambda: Vault([OLD]).open_keys(conn, [key_id.bytes]),
            lambda: Vault([OLD]).load(conn, [(subject, key_class)]),
        ):
            with pytest.raises(LogBroken, match=str(key_id)) as refused:
                look()
            assert "backup" in refused.value.remedy


def test_two_rows_exchanged_open_nothing(database: Database) -> None:
    filled(database, 2)
    with database.connect(Role.OWNER) as conn:
        conn.execute("update vault.keys k set wrapped = o.wrapped from vault.keys o where o.key_id <> k.key_id")
    with database.connect(Role.WRITER) as conn:
        for row in rows(database):
            with pytest.raises(LogBroken):
                Vault([OLD]).open_keys(conn, [row[0].bytes])


# -- making keys


def test_processes_that_need_the_same_new_key_at_once_all_get_the_one_that_is_stored(database: Database) -> None:
    subjects = [(str(uuid.UUID(int=n)), "education") for n in range(20)]
    found: list[dict[Subject, bytes]] = []
    ready = threading.Barrier(8)

    def need() -> None:
        vault = Vault([OLD])
        with database.connect(Role.WRITER) as conn:
            ready.wait()
            found.append({s: k.body_key(bytes(16)) for s, k in vault.load(conn, subjects).items()})

    threads = [threading.Thread(target=need) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.connect(Role.WRITER) as conn:
        stored = {s: k.body_key(bytes(16)) for s, k in Vault([OLD]).load(conn, subjects).items()}
    assert found == [stored] * 8
    assert len(rows(database)) == 20


def test_who_makes_a_key_a_moment_too_late_takes_the_one_that_was_first(database: Database) -> None:
    first, second = Vault([OLD]), Vault([OLD])
    late = second.make(CHILD)
    with database.connect(Role.WRITER) as conn:
        stored = first.load(conn, [CHILD])[CHILD]
        second.insert(conn, [late])
        assert second.load(conn, [CHILD])[CHILD].key_id == stored.key_id != late.key.key_id


def test_a_key_whose_row_could_not_be_stored_is_not_remembered(database: Database) -> None:
    vault = Vault([OLD])
    with database.connect(Role.READER) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        vault.load(conn, [CHILD])
    assert vault.cached(CHILD) is None


def test_the_cache_keeps_so_many_keys_and_no_more(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vault, "CACHED_KEYS_MAX", 5)
    ids = filled(database, 12)
    vault = Vault([OLD])
    with database.connect(Role.WRITER) as conn:
        loaded = vault.load(conn, ids)
        assert {s: k.key_id for s, k in loaded.items()} == ids
        assert sum(vault.cached(subject) is not None for subject in ids) == 5
        assert {k.key_id for k in vault.open_keys(conn, ids.values()).values() if k} == set(ids.values())


def test_a_wrong_master_key_adds_no_key_to_the_vault_of_another(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    append(new_ledger(database).log, "submission/OR/1", BulkDisclosed(**SHOWN))
    before = rows(database)
    with database.connect(Role.WRITER) as conn, pytest.raises(Misconfigured, match="wrapped by master key"):
        Vault([OTHER]).load(conn, [CHILD])
    assert rows(database) == before


def test_the_keys_of_a_record_that_was_just_opened_are_at_hand(ledger: Ledger) -> None:
    placed = student(move(None))
    opens = PlaceStudent(state="OR", state_student_id=placed.state_student_id, student=placed, new_student_id="")
    done = ledger.execute(opens, Meta(actor="registrar"))
    assert all(ledger.vault.cached((done.record_id, name)) for name in ("education", "eligibility"))


# -- destroying keys


def test_a_destroyed_key_erases_its_events_and_leaves_every_other_open(
    database: Database, new_ledger: Callable[..., Ledger]
) -> None:
    ledger = new_ledger(database)
    stream, other = f"record/{CHILD[0]}", "record/0190c5d2-7b1a-7c3e-8000-000000000002"
    append(ledger.log, stream, CourseReported(fact=1, elements={"course_title": "Algebra"}))
    append(ledger.log, stream, MoveQualified(fact=2, elements={"qualifying_arrival_date": "2025-04-18"}))
    append(ledger.log, other, CourseReported(fact=1, elements={"course_title": "Biology"}))
    with database.connect(Role.DISPOSER) as conn:
        conn.execute("delete from vault.keys where subject = %s and class = 'education'", (CHILD[0],))
    fresh = new_ledger(database)
    assert [r.event for r in fresh.log.read(0, 10)] == [
        Erased(was="course-reported.v1"),
        MoveQualified(fact=2, elements={"qualifying_arrival_date": "2025-04-18"}),
        CourseReported(fact=1, elements={"course_title": "Biology"}),
    ]


def test_a_destroyed_key_changes_no_leaf(database: Database, new_ledger: Callable[..., Ledger]) -> None:
    append(new_ledger(database).log, f"record/{CHILD[0]}", CourseReported(fact=1, elements={}))
    with database.connect(Role.DISPOSER) as conn:
        before = conn.execute("select * from ledger.events").fetchall()
        conn.execute("delete from vault.keys")
        assert conn.execute("select * from ledger.events").fetchall() == before


def test_a_forgotten_key_is_asked_for_again(database: Database) -> None:
    ids = filled(database, 1)
    ((subject, key_id),) = ids.items()
    vault = Vault([OLD])
    with database.connect(Role.DISPOSER) as conn:
        assert vault.open_keys(conn, [key_id])[key_id] is not None
        conn.execute("delete from vault.keys")
        vault.forget(subject)
        assert vault.cached(subject) is None
        assert vault.open_keys(conn, [key_id]) == {key_id: None}


def test_the_ledgers_own_key_is_one_for_all_that_holds_no_child(database: Database) -> None:
    with database.connect(Role.WRITER) as conn:
        Vault([OLD]).load(conn, [LEDGER, LEDGER])
        Vault([OLD]).load(conn, [LEDGER])
    assert len(rows(database)) == 1
