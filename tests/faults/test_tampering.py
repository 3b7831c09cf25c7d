"""Whoever owns the database changes what he likes: below a checkpoint that somebody holds, each verifier finds it.

What is found depends on what was kept outside: the tests say how far each goes, and where only a receipt helps.
"""

from __future__ import annotations

import io

import pytest

from ledger.proofs.verify import Verdict, verify
from ledger.store.database import Database
from support.notarized import KEY, OTHER_KEY
from support.tampering import (
    AT,
    CHANGES,
    FIRST_SIZE,
    HEAD,
    SECOND_SIZE,
    Signed,
    bundle_of,
    make_tiles_fit,
    rewrite,
    sign_anew,
    superuser,
    verdict_on,
    wrong,
)

THE_256 = "The events from 257 to 512"
BEHIND_THE_FIRST = f"what stands behind position {FIRST_SIZE} was changed"


def of_bundle(data: bytes, **outside: object) -> Verdict:
    return verify(io.BytesIO(data), key=KEY.verifier.text(), **outside)  # type: ignore[arg-type]


# -- nothing was changed


def test_a_store_that_nobody_touched_is_proven_by_all_that_was_kept(store: Database, signed: Signed) -> None:
    held = signed.held
    verdict = verdict_on(store, receipts=held.notes, kept={0: held.leaves, 1: held.level_1})
    assert verdict.holds, verdict.text()
    told = "\n".join(verdict.proven)
    assert f"ledger: {HEAD} events stand without a gap" in told
    assert f"The log goes on from the receipt at {FIRST_SIZE} events" in told
    assert f"up to {SECOND_SIZE} events, are signed by {KEY.verifier.text()}" in told
    assert "guards: The guard rows of 24 records follow" in told
    assert f"the last {HEAD - SECOND_SIZE} events" in "\n".join(verdict.unproven)
    bundle = bundle_of(store, held.notes[1])
    assert of_bundle(bundle, receipts=held.notes, kept={1: held.level_1}).holds


# -- events below a checkpoint


@pytest.mark.parametrize("change", CHANGES)
def test_an_event_that_was_changed_is_placed_although_leaves_and_heads_were_made_to_fit(
    store: Database, signed: Signed, change: str
) -> None:
    rewrite(store, CHANGES[change])
    what, position = wrong(verdict_on(store))
    assert (what, position) == ("In the ledger log: This event is not the one that was signed.", AT)
    held = signed.held
    assert wrong(of_bundle(bundle_of(store, held.notes[1]))) == ("This is not the log that was signed.", None)
    kept = of_bundle(bundle_of(store, held.notes[1]), kept={1: held.level_1})
    assert wrong(kept) == (f"{THE_256} were changed since their hashes were kept.", 257)
    kept = of_bundle(bundle_of(store, held.notes[1]), kept={0: held.leaves})
    assert wrong(kept) == (f"The event at position {AT} was changed since its hash was kept.", AT)


@pytest.mark.parametrize("change", CHANGES)
def test_an_event_that_was_changed_is_placed_where_nothing_was_made_to_fit(store: Database, change: str) -> None:
    if change == "insert":
        # Somebody has to make room: the position is the key.
        with superuser(store) as conn:
            conn.execute("alter table ledger.events drop constraint events_pkey")
    if change == "swap":
        with superuser(store) as conn:
            conn.execute(
                "update ledger.events set body = (select body from ledger.events where position = %s),"
                " event_id = (select event_id from ledger.events where position = %s) where position = %s",
                (AT + 1, AT + 1, AT),
            )
    else:
        rewrite(store, CHANGES[change], fits=False)
    assert wrong(verdict_on(store))[1] == AT


def test_where_the_lowest_tiles_were_made_to_fit_too_those_above_name_the_256(store: Database) -> None:
    rewrite(store, CHANGES["swap"])
    make_tiles_fit(store, 1)
    assert wrong(verdict_on(store)) == (f"In the ledger log: {THE_256} are not those that were signed.", 257)


@pytest.mark.parametrize(("change", "levels"), [("delete", 1), ("insert", 1), ("delete", 2), ("swap", 2)])
def test_where_the_tiles_were_made_to_fit_up_to_the_edge_the_checkpoints_say_behind_which(
    store: Database, change: str, levels: int
) -> None:
    rewrite(store, CHANGES[change])
    make_tiles_fit(store, levels)
    what, position = wrong(verdict_on(store))
    assert BEHIND_THE_FIRST in what
    assert position == FIRST_SIZE + 1


def test_what_cannot_be_made_to_open_is_found_at_its_place_however_well_the_rest_fits(store: Database) -> None:
    rewrite(store, CHANGES["edit"])
    sign_anew(store, KEY)
    assert wrong(verdict_on(store)) == ("In the ledger log: The body does not open in its place.", AT)


def test_a_clock_that_was_rolled_back_is_found_although_the_whole_log_was_signed_anew(store: Database) -> None:
    rewrite(store, CHANGES["clock"])
    sign_anew(store, KEY)
    what, position = wrong(verdict_on(store))
    assert (what, position) == ("In the ledger log: This event was recorded before the one that it follows.", AT)


# -- the whole log, written anew


@pytest.mark.parametrize("change", ["delete", "insert", "swap"])
def test_a_log_that_was_written_anew_and_signed_by_another_key_is_signed_by_a_stranger(
    store: Database, signed: Signed, change: str
) -> None:
    rewrite(store, CHANGES[change])
    sign_anew(store, OTHER_KEY)
    sign_anew(store, OTHER_KEY, log="access")
    assert "No key that is known here has signed." in wrong(verdict_on(store))[0]
    # The thief's own verifier is content; the receipt is not.
    assert verdict_on(store, key=OTHER_KEY).holds
    assert (
        "No key that is known here has signed."
        in wrong(verdict_on(store, receipts=signed.held.notes, key=OTHER_KEY))[0]
    )


@pytest.mark.parametrize("change", ["delete", "insert", "swap"])
def test_a_log_that_was_written_anew_and_signed_by_its_own_key_is_found_by_what_was_kept_elsewhere(
    store: Database, signed: Signed, change: str
) -> None:
    held = signed.held
    rewrite(store, CHANGES[change])
    sign_anew(store, KEY)
    alone = verdict_on(store)
    assert alone.holds, alone.text()
    assert "was not written anew by somebody who has its key" in "\n".join(alone.unproven)
    what, position = wrong(verdict_on(store, receipts=held.notes))
    assert "The receipt at 600 events is not of this log" in what
    assert position == FIRST_SIZE + 1
    assert wrong(verdict_on(store, receipts=held.notes[1:]))[1] == 1
    assert wrong(verdict_on(store, kept={1: held.level_1})) == (
        f"In the ledger log: {THE_256} were changed since their hashes were kept.",
        257,
    )
    assert wrong(verdict_on(store, receipts=held.notes, kept={1: held.level_1}))[1] == 257
    assert wrong(verdict_on(store, kept={0: held.leaves}))[1] == AT


# -- the tail


@pytest.mark.parametrize("signed_anew", [False, True])
def test_a_tail_that_was_cut_off_is_missing(store: Database, signed: Signed, signed_anew: bool) -> None:
    end = SECOND_SIZE - 20

    def cut(found: list[object]) -> None:
        del found[end:]

    rewrite(store, cut)  # type: ignore[arg-type]
    if signed_anew:
        sign_anew(store, KEY)
        assert verdict_on(store).holds
    what, position = wrong(verdict_on(store, receipts=signed.held.notes))
    assert f"The receipt at {SECOND_SIZE} events covers more than there is" in what
    assert position == end + 1
    assert wrong(verdict_on(store, kept={0: signed.held.leaves}))[1] == end + 1
    if not signed_anew:
        assert wrong(verdict_on(store))[1] == end + 1
        bundle = bundle_of(store, signed.held.notes[1], fits=False)
        assert wrong(of_bundle(bundle)) == (f"The events after position {end} are missing.", end + 1)


def test_events_behind_the_last_checkpoint_are_covered_by_none_and_the_verdict_says_how_many(store: Database) -> None:
    def cut(found: list[object]) -> None:
        del found[SECOND_SIZE + 2 :]

    rewrite(store, cut)  # type: ignore[arg-type]
    verdict = verdict_on(store)
    assert verdict.holds
    assert "That the last 2 events were not written anew" in "\n".join(verdict.unproven)


# -- what is no event at all


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("update ledger.events set recorded_at = 'infinity' where position = 300", 300),
        ("update ledger.events set recorded_at = '4000-01-01 BC' where position = 300", 300),
        ("update ledger.events set recorded_at = '290000-01-01' where position = 300", 300),
        ("update ledger.events set version = -5 where position = 300", 300),
        ("update ledger.events set version = 9223372036854775807 where position = 300", 300),
        ("update ledger.events set key_check = '' where position = 300", 300),
        ("update ledger.events set leaf = '' where position = 300", 300),
        ("update ledger.events set body = '' where position = 300", 300),
        ("update ledger.events set stream = '' where position = 300", 300),
        ("update ledger.events set stream = repeat('x', 2000) where position = 300", 300),
        ("update ledger.events set position = 4000000 where position = 605", 605),
        ("alter table ledger.events alter body drop not null; update ledger.events set body = null", 1),
        ("truncate ledger.events", 1),
        ("drop table access.events cascade", None),
        ("drop table proofs.tiles", None),
        ("drop schema vault cascade", None),
    ],
)
def test_what_no_event_can_be_is_a_plain_doubt(store: Database, statement: str, position: int | None) -> None:
    with superuser(store) as conn:
        for part in statement.split("; "):
            conn.execute(part.encode())
    found = verdict_on(store)
    assert wrong(found)[1] == position, found.text()
    assert "Traceback" not in found.text()
