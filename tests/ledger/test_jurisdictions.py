"""Settings of states as a process holds them: never behind what it set itself, never back, and once for each key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.application import Ledger, RequestKey
from ledger.errors import (
    BadValue,
    IdempotencyKeyReused,
    OutcomeUnknown,
    StillRunning,
    UnknownState,
    VersionMoved,
)
from ledger.events import Meta, Recorded, Sealed
from ledger.events.jurisdiction import ContactSet, Term
from ledger.events.retention import KeyDestroyed
from ledger.jurisdiction import SetProfile, SetTerms, contacts_of
from ledger.offices import Contact, SetContact
from ledger.store.append import Append, Part, SealedAppend
from ledger.store.database import Database
from ledger.store.vault import LEDGER

META = Meta(actor="oregon office")
NewLedger = Callable[..., Ledger]


def profile(hour: int) -> SetProfile:
    return SetProfile(state="OR", time_zone="America/Los_Angeles", expected_hour=hour)


def terms(year: int) -> SetTerms:
    term = Term(name="Year", kind="regular", begins=f"{year}-09-02", ends=f"{year + 1}-06-12")
    return SetTerms(state="OR", school_year=year, terms=[term])


def key(name: str = "1", body: bytes = b"body") -> RequestKey:
    return RequestKey(scope="oregon", key=name, body_hash=body)


def hour(ledger: Ledger) -> int:
    return ledger.profile("OR").expected_hour


def test_what_is_set_says_its_version_and_whether_it_changed_anything(ledger: Ledger) -> None:
    first = ledger.set_jurisdiction("OR", profile(4), META)
    assert (first.version, first.changed, first.position, first.replayed) == (1, True, 1, False)
    again = ledger.set_jurisdiction("OR", profile(4), META)
    assert (again.version, again.changed, again.position) == (1, False, 1)
    with pytest.raises(UnknownState):
        ledger.set_jurisdiction("ZZ", profile(4), META)


def test_what_is_set_holds_in_this_process_at_once(ledger: Ledger) -> None:
    assert hour(ledger) == 6
    for wanted in (4, 5):
        ledger.set_jurisdiction("OR", profile(wanted), META)
        assert hour(ledger) == wanted
        kept = ledger.jurisdictions.kept("OR")
        assert kept is not None, "without another look"
        assert kept.profile.expected_hour == wanted


def test_who_read_before_it_was_set_does_not_put_the_old_in_its_place(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, has_read, go_on = ledger.log.read_stream, threading.Event(), threading.Event()

    def slowly(stream: str, after: int = 0) -> list[Recorded]:
        found = read(stream, after)
        if threading.current_thread() is reader:
            has_read.set()
            assert go_on.wait(30)
        return found

    monkeypatch.setattr(ledger.log, "read_stream", slowly)
    reader = threading.Thread(target=ledger.jurisdictions.read, args=("OR",))
    reader.start()
    assert has_read.wait(30)
    ledger.set_jurisdiction("OR", profile(4), META)
    go_on.set()
    reader.join(30)
    assert hour(ledger) == 4


def test_only_what_came_since_is_read_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for year in range(2000, 2010):
        ledger.set_jurisdiction("OR", terms(year), META)
    read, seen = ledger.log.read_stream, []

    def counted(stream: str, after: int = 0) -> list[Recorded]:
        found = read(stream, after)
        seen.append(len(found))
        return found

    monkeypatch.setattr(ledger.log, "read_stream", counted)
    held = ledger.jurisdictions.read("OR")
    assert (seen, held.position, held.jurisdiction.version) == ([0], 10, 10)
    assert sorted(held.jurisdiction.profile.terms[""]) == list(range(2000, 2010))


def test_what_another_process_set_is_decided_upon(database: Database, new_ledger: NewLedger) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    assert hour(ours) == 6
    other.set_jurisdiction("OR", profile(4), META)
    assert not ours.set_jurisdiction("OR", profile(4), META).changed
    assert hour(ours) == 4


def test_writers_of_two_processes_at_once_are_all_done(database: Database, new_ledger: NewLedger) -> None:
    ledgers = [new_ledger(database), new_ledger(database)]

    def put(year: int) -> int:
        return ledgers[year % 2].set_jurisdiction("OR", terms(year), META).version

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(put, range(2000, 2024)))
    assert sorted(versions) == list(range(1, 25))
    for ledger in ledgers:
        held = ledger.jurisdictions.read("OR").jurisdiction
        assert sorted(held.profile.terms[""]) == list(range(2000, 2024))


def test_it_is_set_only_at_the_versions_that_were_named(ledger: Ledger) -> None:
    assert ledger.set_jurisdiction("OR", profile(4), META, only_at={0}).version == 1
    with pytest.raises(VersionMoved):
        ledger.set_jurisdiction("OR", profile(5), META, only_at={0})
    with pytest.raises(VersionMoved):
        ledger.set_jurisdiction("OR", profile(5), META, only_at=())
    assert ledger.set_jurisdiction("OR", profile(5), META, only_at={1}).version == 2


def test_a_key_gives_the_first_answer_whatever_it_was(ledger: Ledger) -> None:
    first = ledger.set_jurisdiction("OR", profile(4), META, key())
    ledger.set_jurisdiction("OR", profile(5), META)
    again = ledger.set_jurisdiction("OR", profile(4), META, key())
    assert again.replayed
    assert (again.version, again.changed, again.position) == (first.version, first.changed, first.position)
    assert hour(ledger) == 5
    with pytest.raises(IdempotencyKeyReused):
        ledger.set_jurisdiction("OR", profile(7), META, key(body=b"other"))


def test_a_refusal_is_kept_with_its_place(ledger: Ledger) -> None:
    wrong = SetProfile(state="OR", time_zone="America/Los_Angeles", escalation_days=(7, 0, 16))
    refusals = []
    for _ in range(2):
        with pytest.raises(BadValue) as refusal:
            ledger.set_jurisdiction("OR", wrong, META, key())
        refusals.append(refusal.value)
    first, again = refusals
    assert (first.replayed, again.replayed) == (False, True)
    for name in ("code", "what", "remedy", "element", "rule", "place"):
        assert getattr(first, name) == getattr(again, name), name
    assert again.place == "/escalation_days/1"
    assert ledger.log.head() == 0


def test_that_the_version_had_moved_is_kept_too_but_not_in_the_place_of_what_was_done(ledger: Ledger) -> None:
    ledger.set_jurisdiction("OR", profile(4), META, key("done"), only_at={0})
    assert ledger.set_jurisdiction("OR", profile(4), META, key("done"), only_at={0}).replayed
    for _ in range(2):
        with pytest.raises(VersionMoved):
            ledger.set_jurisdiction("OR", profile(5), META, key("late"), only_at={0})
    with pytest.raises(VersionMoved) as refusal:
        ledger.set_jurisdiction("OR", profile(5), META, key("late"), only_at={1})
    assert refusal.value.replayed


def test_a_key_that_is_not_answered_yet_is_told_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    read, reading, go_on = ledger.log.read_stream, threading.Event(), threading.Event()

    def slowly(stream: str, after: int = 0) -> list[Recorded]:
        reading.set()
        assert go_on.wait(30)
        return read(stream, after)

    monkeypatch.setattr(ledger.log, "read_stream", slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ledger.set_jurisdiction, "OR", profile(4), META, key())
        assert reading.wait(30)
        try:
            with pytest.raises(StillRunning):
                ledger.set_jurisdiction("OR", profile(4), META, key())
        finally:
            go_on.set()
        assert first.result(30).changed
    assert ledger.set_jurisdiction("OR", profile(4), META, key()).replayed


def test_where_the_outcome_is_unknown_the_next_one_looks(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hour(ledger) == 6
    submit = ledger.log.sequencer.submit

    def lost(append: SealedAppend) -> Any:
        submit(append).result(30)
        raise OutcomeUnknown("PostgreSQL went away while the commit was under way.")

    with monkeypatch.context() as patches:
        patches.setattr(ledger.log.sequencer, "submit", lost)
        with pytest.raises(OutcomeUnknown):
            ledger.set_jurisdiction("OR", profile(4), META)
    assert hour(ledger) == 4


# -- contacts

ANA = Contact(role="data_administrator", name="Ana Ruiz", email="ana.ruiz@esd.example.org", phone="+15035550101")
BEN = Contact(role="records_contact", name="Ben Ode", email="ben.ode@woodburn.example.org")


def name(ledger: Ledger, contact: Contact | None, district: str | None = None) -> None:
    level = "state" if district is None else "district"
    command = SetContact(state="OR", level=level, place=district, contact=contact)
    assert ledger.set_jurisdiction("OR", command, META).changed


def named(ledger: Ledger, district: str | None = None) -> list[str]:
    return [contact.name for _, contact in contacts_of(ledger.jurisdictions.read("OR").jurisdiction, district)]


def stored(ledger: Ledger) -> list[tuple[Recorded, ContactSet]]:
    read = ledger.log.read_stream("jurisdiction/OR")
    return [(r, r.event) for r in read if isinstance(r.event, ContactSet)]


def destroy(ledger: Ledger, event: ContactSet) -> None:
    """What retention does with one key."""
    assert isinstance(event.name, Sealed)
    part = Part(
        stream=f"retention/{event.name.key}",
        subject=LEDGER[0],
        expected=0,
        events=[KeyDestroyed(key_ids=[event.name.key], schedule="contact")],
    )
    ledger.log.dispose(Append(parts=[part], meta=META))


def test_who_a_contact_is_is_sealed_apart_and_read_again(database: Database, new_ledger: NewLedger) -> None:
    ours, other = new_ledger(database), new_ledger(database)
    name(ours, ANA)
    name(ours, BEN, "4113770")
    assert named(other, "4113770") == named(ours, "4113770") == ["Ben Ode", "Ana Ruiz"]
    assert other.jurisdictions.read("OR").jurisdiction == ours.jurisdictions.read("OR").jurisdiction
    said = {ANA.name, ANA.email, ANA.phone, BEN.name, BEN.email}
    for recorded, event in stored(other):
        assert all(isinstance(value, Sealed) for value in event.apart().values())
        assert {"name", "email"} <= set(event.apart())
        assert not [text for text in said if text and text in str(recorded)], "under the ledger's key is no name"
    with database.connect() as conn:
        subjects = conn.execute("select subject from vault.keys where class = 'contact' order by 1").fetchall()
    assert subjects == [("contact/OR/district/4113770/2",), ("contact/OR/state/OR/1",)]


def test_a_contact_that_is_named_again_appends_nothing_also_after_a_restart(
    database: Database, new_ledger: NewLedger
) -> None:
    name(new_ledger(database), ANA)
    later = new_ledger(database)
    again = later.set_jurisdiction("OR", SetContact(state="OR", level="state", place=None, contact=ANA), META)
    assert (again.version, again.changed) == (1, False)


def test_who_was_replaced_can_be_forgotten_and_all_else_is_read_as_before(
    database: Database, new_ledger: NewLedger
) -> None:
    ledger = new_ledger(database)
    for contact, district in ((ANA, None), (BEN, "4113770"), (BEN, None)):
        name(ledger, contact, district)
    before = ledger.jurisdictions.read("OR").jurisdiction
    [(_, replaced), *_] = stored(ledger)
    destroy(ledger, replaced)
    for reader in (ledger, new_ledger(database)):
        assert reader.jurisdictions.read("OR").jurisdiction == before
        [(recorded, event), *others] = stored(reader)
        assert isinstance(event.email, Sealed)
        with reader.log.connection() as conn:
            assert reader.log.open_field(conn, recorded, "email", event.email) is None
            for kept, later in others:
                assert isinstance(later.name, Sealed)
                assert reader.log.open_field(conn, kept, "name", later.name) == "Ben Ode"


def test_where_the_contact_was_forgotten_another_one_is_named(database: Database, new_ledger: NewLedger) -> None:
    ledger = new_ledger(database)
    for contact in (BEN, ANA):
        name(ledger, contact)
    destroy(ledger, stored(ledger)[1][1])
    later = new_ledger(database)
    assert named(later) == [], "and not the one before"
    name(later, ANA)
    assert named(later) == named(new_ledger(database)) == ["Ana Ruiz"]


def test_a_contact_named_under_a_key_is_named_once(ledger: Ledger) -> None:
    command = SetContact(state="OR", level="state", place=None, contact=ANA)
    first = ledger.set_jurisdiction("OR", command, META, key())
    name(ledger, BEN)
    again = ledger.set_jurisdiction("OR", command, META, key())
    assert again.replayed
    assert again.version == first.version == 1
    assert named(ledger) == ["Ben Ode"]


def test_of_contacts_named_at_once_in_two_processes_each_opens(database: Database, new_ledger: NewLedger) -> None:
    ledgers = [new_ledger(database), new_ledger(database)]

    def put(number: int) -> None:
        contact = Contact(role="records_contact", name=f"Person {number}", email=f"p{number}@example.org")
        name(ledgers[number % 2], contact, f"41{number:05d}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(16)))
    for reader in (*ledgers, new_ledger(database)):
        for number in range(16):
            assert named(reader, f"41{number:05d}") == [f"Person {number}"]
