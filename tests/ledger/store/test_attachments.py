"""The store of papers on a real database: what is kept is what was sent, sealed, in its place, or nothing."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql
from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.errors import BadValue, LogBroken, NotFound, StoreUnavailable
from ledger.events import Meta
from ledger.events.application import AttachmentAdded
from ledger.events.retention import KeyDestroyed
from ledger.store.append import Append, Part
from ledger.store.attachments import BEGINNINGS, BYTES_MAX, PART_BYTES, UNNAMED_KEPT, PaperWriter, sweep
from ledger.store.database import Database, Role
from ledger.store.vault import LEDGER
from support.papers import APPLICANT, MARKER, applied, kept, paper


def begun(ledger: Ledger, application: str, media_type: str = "application/pdf") -> PaperWriter:
    account = ledger.admissions.application(application).applied.account
    return ledger.attachments.begin(account, application, media_type)


def write(writer: PaperWriter, content: bytes, pieces: int) -> None:
    for place in range(0, len(content), pieces):
        writer.write(content[place : place + pieces])
    writer.close()


def read(ledger: Ledger, added: AttachmentAdded) -> bytes:
    return b"".join(ledger.attachments.read(added))


def count(database: Database) -> tuple[int, int]:
    """Rows of papers, and of parts."""
    with database.connect() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "select (select count(*) from ledger.attachments), (select count(*) from ledger.attachment_parts)"
        ).fetchone()
    assert row is not None
    return row


def tamper(database: Database, statement: str, *params: object) -> None:
    """As the superuser, past every grant."""
    with database.connect() as conn:
        assert conn.execute(statement, params).rowcount > 0, "nothing was tampered with"  # type: ignore[arg-type]


def destroy(ledger: Ledger, application: str) -> None:
    """The account's key goes, as a disposal does it."""
    subject = (ledger.admissions.application(application).applied.account, "access")
    with ledger.log.connection() as conn:
        key_id = ledger.vault.load(conn, [subject])[subject].key_id
    destroyed = KeyDestroyed(key_ids=[key_id.hex()], schedule="three-years")
    part = Part(stream=f"retention/{key_id.hex()}", subject=LEDGER[0], expected=0, events=[destroyed])
    ledger.log.dispose(Append(parts=[part], meta=Meta(actor="disposer")))


# -- what is kept


@pytest.mark.parametrize(
    "size", [5, 6, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 3 * PART_BYTES + 7, BYTES_MAX]
)
def test_a_paper_comes_back_as_it_was_sent_around_every_border_of_its_parts(ledger: Ledger, size: int) -> None:
    application, content = applied(ledger), paper(size)
    added = kept(ledger, application, content)
    assert (added.size, added.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert read(ledger, added) == content


@pytest.mark.parametrize("pieces", [1, 7, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 5 * PART_BYTES])
def test_it_is_the_same_in_whatever_pieces_it_comes(ledger: Ledger, pieces: int) -> None:
    content = paper(2_000 if pieces < 10 else 2 * PART_BYTES + 3, "image/png")
    added = kept(ledger, applied(ledger), content, "image/png", pieces)
    assert read(ledger, added) == content


def test_another_process_reads_it(database: Database, ledger: Ledger, new_ledger: Callable[..., Ledger]) -> None:
    content = paper(PART_BYTES + 1)
    added = kept(ledger, applied(ledger), content)
    assert read(new_ledger(database), added) == content


def test_no_clear_bytes_of_it_stand_in_any_table(database: Database, ledger: Ledger) -> None:
    kept(ledger, applied(ledger), paper(2 * PART_BYTES))

    def found(text: bytes) -> set[str]:
        with database.connect() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            tables = cursor.execute(
                "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog')"
            ).fetchall()
            there: set[str] = set()
            for schema, table in tables:
                query = sql.SQL(
                    "select exists (select from {} t where position(%s in t::text) > 0 or position(%s in t::text) > 0)"
                ).format(sql.Identifier(schema, table))
                row = cursor.execute(query, (text.decode(), text.hex())).fetchone()
                if row and row[0]:
                    there.add(f"{schema}.{table}")
        return there

    assert not found(MARKER)
    assert "ledger.accounts" in found(APPLICANT.encode()), "the search finds what does stand in clear"


def test_the_row_of_a_paper_says_nothing_of_what_is_in_it(database: Database) -> None:
    with database.connect() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("select * from ledger.attachments limit 0")
        assert [column.name for column in cursor.description or ()] == [
            "attachment",
            "account",
            "application",
            "key_id",
            "made_at",
            "complete",
        ]


# -- what is not taken


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/pdf; x", "", "APPLICATION/PDF"])
def test_no_other_media_type_is_taken(ledger: Ledger, media_type: str) -> None:
    application = applied(ledger)
    with pytest.raises(BadValue):
        begun(ledger, application, media_type)


@pytest.mark.parametrize("media_type", sorted(BEGINNINGS))
def test_what_begins_as_another_type_leaves_nothing(database: Database, ledger: Ledger, media_type: str) -> None:
    application = applied(ledger)
    others = [paper(PART_BYTES * 2, other) for other in BEGINNINGS if other != media_type]
    for content in (*others, b"<html>" * PART_BYTES, BEGINNINGS[media_type][:-1], b"\n" + paper(90, media_type)):
        writer = begun(ledger, application, media_type)
        with pytest.raises(BadValue):
            write(writer, content, 3 if len(content) < 100 else PART_BYTES)
        writer.abandon()
    assert count(database) == (0, 0)


def test_an_empty_file_is_refused(database: Database, ledger: Ledger) -> None:
    writer = begun(ledger, applied(ledger))
    with pytest.raises(BadValue):
        writer.close()
    assert count(database) == (0, 0)


def test_a_byte_more_than_may_be_is_refused_and_leaves_nothing(database: Database, ledger: Ledger) -> None:
    writer = begun(ledger, applied(ledger))
    writer.write(paper(BYTES_MAX))
    with pytest.raises(BadValue):
        writer.write(b"x")
    writer.abandon()
    assert count(database) == (0, 0)


# -- what was changed


@pytest.mark.parametrize(
    "change",
    [
        "update ledger.attachment_parts set sealed = set_byte(sealed, 77, get_byte(sealed, 77) # 1)",
        "update ledger.attachment_parts set sealed = left(sealed::text, -2)::bytea where part = 2",
        "update ledger.attachment_parts set part = case part when 0 then 1 when 1 then 0 end + 10 where part < 2",
        "delete from ledger.attachment_parts where part = 2",
        "delete from ledger.attachment_parts where part = 0",
        "delete from ledger.attachments",
        "update ledger.attachments set key_id = (select key_id from vault.keys where class = 'ledger')",
    ],
)
def test_whatever_is_changed_in_the_tables_shows(database: Database, ledger: Ledger, change: str) -> None:
    added = kept(ledger, applied(ledger), paper(3 * PART_BYTES))
    tamper(database, change)
    if "+ 10" in change:
        tamper(database, "update ledger.attachment_parts set part = part - 10 where part >= 10")
    with pytest.raises(LogBroken) as broken:
        read(ledger, added)
    assert added.attachment in broken.value.what


def test_a_part_of_another_paper_does_not_open_in_its_place(database: Database, ledger: Ledger) -> None:
    application = applied(ledger)
    one, other = (kept(ledger, application, paper(2 * PART_BYTES, seed=seed)) for seed in (1, 2))
    tamper(
        database,
        "update ledger.attachment_parts p set sealed = o.sealed from ledger.attachment_parts o"
        " where p.attachment = %s and o.attachment = %s and p.part = o.part and p.part = 1",
        uuid.UUID(one.attachment),
        uuid.UUID(other.attachment),
    )
    with pytest.raises(LogBroken):
        read(ledger, one)
    assert read(ledger, other) == paper(2 * PART_BYTES, seed=2)


def test_what_was_cut_off_at_a_border_is_no_paper_though_its_size_were_right(ledger: Ledger) -> None:
    added = kept(ledger, applied(ledger), paper(3 * PART_BYTES))
    with pytest.raises(LogBroken):
        read(ledger, replace(added, size=2 * PART_BYTES))


def test_the_last_part_is_kept_back_where_the_hash_is_another(ledger: Ledger) -> None:
    added = kept(ledger, applied(ledger), paper(2 * PART_BYTES))
    pieces = ledger.attachments.read(replace(added, sha256="00" * 32))
    assert len(next(pieces)) == PART_BYTES
    with pytest.raises(LogBroken):
        next(pieces)


# -- what goes


def test_a_paper_goes_with_its_account_s_key_in_one_transaction(database: Database, ledger: Ledger) -> None:
    application, other = applied(ledger), applied(ledger, "eva@school.example.org")
    gone, stays = kept(ledger, application, paper(PART_BYTES + 1)), kept(ledger, other, paper(9))
    destroy(ledger, application)
    assert count(database) == (1, 1)
    with pytest.raises(LogBroken):  # an event that was read before is all that is left of it
        read(ledger, gone)
    with pytest.raises(NotFound):
        ledger.admissions.application(application)
    assert read(ledger, stays) == paper(9)


def test_a_process_that_still_has_a_destroyed_key_in_memory_neither_reads_nor_writes_by_it(
    database: Database, ledger: Ledger
) -> None:
    application = applied(ledger)
    added = kept(ledger, application, paper(9))
    writer = begun(ledger, application)
    tamper(database, "delete from vault.keys where class = 'access'")
    with pytest.raises(NotFound, match="destroyed"):
        read(ledger, added)
    writer.write(paper(9))
    with pytest.raises(NotFound, match="destroyed"):
        writer.close()
    assert count(database) == (1, 1)


def test_what_was_given_up_leaves_nothing_and_takes_nothing_more(database: Database, ledger: Ledger) -> None:
    writer = begun(ledger, applied(ledger))
    writer.write(paper(3 * PART_BYTES))
    assert count(database) == (1, 2)
    writer.abandon()
    assert count(database) == (0, 0)
    with pytest.raises(StoreUnavailable):
        writer.write(paper(3 * PART_BYTES))
    assert count(database) == (0, 0)


def test_giving_up_what_is_whole_removes_nothing(database: Database, ledger: Ledger) -> None:
    writer = begun(ledger, applied(ledger))
    writer.write(paper(9))
    writer.close()
    writer.abandon()
    assert count(database) == (1, 1)


def test_the_sweep_takes_what_no_event_names_after_a_day_and_nothing_else(database: Database, ledger: Ledger) -> None:
    application = applied(ledger)
    named = kept(ledger, application, paper(PART_BYTES + 1))
    half, whole = begun(ledger, application), begun(ledger, application)
    half.write(paper(2 * PART_BYTES))
    whole.write(paper(9))
    whole.close()
    # As if the process had ended behind the append, before it noted so.
    tamper(database, "update ledger.attachments set complete = false")
    now = ledger.clock()
    assert sweep(ledger.log, now) == 0
    assert sweep(ledger.log, now + UNNAMED_KEPT) == 2
    assert count(database) == (1, 2)
    assert read(ledger, named) == paper(PART_BYTES + 1)
    with pytest.raises(StoreUnavailable):
        half.write(paper(2 * PART_BYTES))
    assert count(database) == (1, 2)


def test_the_sweep_takes_what_was_left_of_an_account_whose_key_is_gone(database: Database, ledger: Ledger) -> None:
    application = applied(ledger)
    writer = begun(ledger, application)
    writer.write(paper(2 * PART_BYTES))
    account = ledger.admissions.application(application).applied.account
    tamper(database, "delete from vault.keys where class = 'access'")
    ledger.vault.forget((account, "access"))
    assert sweep(ledger.log, ledger.clock() + UNNAMED_KEPT * 2) == 1
    assert count(database) == (0, 0)


def test_the_reader_and_the_projector_see_nothing_of_papers(any_database: Database) -> None:
    for role in (Role.READER, Role.PROJECTOR):
        for table in ("attachments", "attachment_parts"):
            with any_database.connect(role) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(sql.SQL("select from ledger.{}").format(sql.Identifier(table)))
