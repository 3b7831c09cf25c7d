"""A guard, a head, a tile, a page or a checkpoint that was edited is named: nothing that is stored is believed."""

from __future__ import annotations

import pytest

from ledger.store.database import Database
from support.tampering import superuser, verdict_on, wrong

GUARDED = {
    "the student of a record": (
        "update ledger.records set student_id = minted where student_id <> minted",
        "names another student than its acts",
    ),
    "the rows of a record": (
        "update ledger.records set rows = set_byte(rows, 8, get_byte(rows, 8) # 1) where state_student_id = 'OR0'",
        "holds other rows than its events say",
    ),
    "whose a record is": (
        "update ledger.records set state_student_id = 'OR99' where state_student_id = 'OR3'",
        "names another child than its events",
    ),
    "a record's row": ("delete from ledger.records where state_student_id = 'OR3'", "has no guard row"),
    "a pair that is NOT-SAME": ("delete from ledger.not_same", "does not bind records"),
    "a pair that was never declared": (
        (
            "insert into ledger.not_same select min(record_id::text)::uuid, max(record_id::text)::uuid, '1-1', 1"
            " from ledger.records"
        ),
        "which does not hold",
    ),
    "a pair's withdrawal": ("update ledger.not_same set withdrawn = 5", "does not bind records"),
    "a case that nobody opened": (
        "insert into ledger.open_cases values (gen_random_uuid(), 'residue', null)",
        "has a guard row and no events",
    ),
    "an account that nobody opened": (
        "insert into ledger.accounts values (gen_random_uuid(), 'x', 'active', '{}', null)",
        "has a guard row and no events",
    ),
    "an answer from beyond the head": (
        "insert into ledger.answers values ('ana', 'k', '', 201, 4711, '{}', now())",
        "names position 4711, at which no log was then",
    ),
    "an answer at another instant": (
        "insert into ledger.answers values ('ana', 'k', '', 201, 7, '{}', now())",
        "names position 7, at which no log was then",
    ),
    "a key of the vault": (
        (
            "update vault.keys set wrapped = set_byte(wrapped, 19, get_byte(wrapped, 19) # 1) where class = 'access'"
            " or subject = 'ledger'"
        ),
        "does not open",
    ),
    "the head": ("update ledger.head set position = position + 1", "The head is at another position"),
    "the head's instant": (
        "update ledger.head set recorded_at = recorded_at - interval '1 day'",
        "The head's instant is before",
    ),
    "a stream's version": (
        "update ledger.heads set version = version - 1 where stream = 'tape/1'",
        "The head of stream tape/1 does not follow",
    ),
    "a stream's position": (
        "update ledger.heads set position = position - 1 where stream = 'tape/1'",
        "The head of stream tape/1 does not follow",
    ),
    "a stream's leaf": (
        "update access.heads set leaf = set_byte(leaf, 8, get_byte(leaf, 8) # 1)",
        "does not follow from its events",
    ),
    "a stream's head": ("delete from ledger.heads where stream = 'tape/1'", "Stream tape/1 has no head."),
    "a stream that is not there": (
        "insert into ledger.heads values ('record/nobody', 1, 1, '')",
        "The head of stream record/nobody does not follow",
    ),
    "a second head": (
        "alter table ledger.head drop constraint head_pkey; insert into ledger.head select * from ledger.head",
        "2 rows that tell its head",
    ),
    "no head": ("delete from access.head", "0 rows that tell its head"),
    "a leaf beside its event": (
        "update ledger.events set leaf = set_byte(leaf, 8, get_byte(leaf, 8) # 1) where position = 400",
        "This event and the leaf that is stored beside it do not fit",
    ),
    "a checkpoint's root": (
        (
            "update proofs.checkpoints set note = convert_to(overlay(convert_from(note, 'utf8') placing 'AAAA'"
            " from 30), 'utf8') where log = 'ledger' and size = 280"
        ),
        "The checkpoint at 280 events",
    ),
    "a checkpoint's size": (
        "update proofs.checkpoints set size = 281 where log = 'ledger' and size = 280",
        "The checkpoint at 281 events is of another size.",
    ),
    "a checkpoint's signature": (
        (
            "update proofs.checkpoints set note = substr(note, 1, length(note) - 9) || 'AAAAAA=='::bytea"
            " || '\\x0a'::bytea where log = 'ledger' and size = 280"
        ),
        "The checkpoint at 280 events: ",
    ),
    "a checkpoint of the other log": (
        (
            "update proofs.checkpoints set note = (select note from proofs.checkpoints where log = 'ledger'"
            " and size = 280) where log = 'access'"
        ),
        "No key that is known here has signed",
    ),
    "a tile of leaves": (
        (
            "update proofs.tiles set hashes = set_byte(hashes, 32, get_byte(hashes, 32) # 1)"
            " where log = 'ledger' and level = 0 and number = 1"
        ),
        "tile/0/001, as it is stored, does not follow from the events.",
    ),
    "a tile above": (
        "update proofs.tiles set hashes = set_byte(hashes, 32, get_byte(hashes, 32) # 1) where level = 1",
        "The stored tiles do not follow from the events",
    ),
    "a tile that is cut off": (
        "update proofs.tiles set hashes = substr(hashes, 1, 64) where log = 'ledger' and number = 1",
        "tile/0/001 is not stored as it must be.",
    ),
    "a tile that is gone": ("delete from proofs.tiles where log = 'access'", "is not stored as it must be."),
    "a page of heads": (
        "update proofs.head_pages set page = set_byte(page, 39, get_byte(page, 39) # 1) where log = 'ledger'",
        "page",
    ),
    "a page that is gone": (
        "delete from proofs.head_pages where log = 'ledger'",
        "The pages of stream heads do not lead to what was signed.",
    ),
}


@pytest.mark.parametrize("what", GUARDED)
def test_a_guard_or_a_proof_that_was_edited_is_named(store: Database, what: str) -> None:
    statement, words = GUARDED[what]
    with superuser(store) as conn:
        for part in statement.split("; "):
            conn.execute(part.encode())
    assert words in wrong(verdict_on(store))[0]
