"""``sojourn retention scrub --rebuild``: also what a rebuild left half made holds nothing of what was destroyed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec.structs import replace

from ledger.application import Ledger
from ledger.events import Meta
from ledger.record import PlaceStudent
from ledger.retention.schedules import Since
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from projections import search
from projections.rebuild import Rebuild
from support.command_line import CommandLine
from support.disposals import ANA, schedule
from support.rows import demographics, move, student
from support.searched import found_in_files

NAME = "Xochiquetzalli"


def test_a_rebuild_that_was_broken_off_before_a_disposal_leaves_no_old_bytes(
    sojourn: CommandLine, database: Database, server: EmbeddedServer, new_ledger: Callable[..., Ledger]
) -> None:
    ledger = new_ledger(database)
    for record_class, since, years in (("education", Since.BIRTH, 20), ("eligibility", Since.ELIGIBILITY_END, 3)):
        ledger.keeping.set_schedule(schedule(record_class, (since, years)), ANA)
    rows = student(
        demographics(None, first_name=NAME, birth_date="2000-05-09"),
        move(None, qualifying_arrival_date="2010-04-18", eligibility_expiration_date="2013-04-17"),
    )
    command = PlaceStudent(
        state="OR", state_student_id="1", student=replace(rows, state="OR", state_student_id="1"), new_student_id=""
    )
    ledger.execute(command, Meta(actor="OR batch"))
    stop = threading.Event()

    def tell(position: int, _head: int) -> None:
        if position == ledger.log.head() - 1:
            stop.set()

    # All of her is in the half-made tables, and the end of the log is not.
    ledger.keeping.set_schedule(schedule("access", (Since.ACCESS_END, 9)), ANA)
    left = Rebuild(search.PROJECTION, database, ledger.log, progress=tell, stop=stop, batch_events_max=1).run()
    assert not left.swapped
    [line] = [one for one in sojourn.json("retention", "due") if one["record_class"] == "education"]
    disposal = sojourn.run("retention", "dispose", line["subject"], "--class", "education", "--yes").stdout.strip()
    sojourn.run("retention", "dispose", "--approve", disposal, "--yes", "--as", "ben@example.org")
    with database.connect() as conn:
        conn.execute("checkpoint")
    base = server.pgdata / "base"
    assert found_in_files(base, [NAME]), "before, she can be read in the files"

    # Others use this server too, and may keep old segments of the write-ahead log.
    sojourn.run("retention", "scrub", "--rebuild", "--wait", 5, code=None)
    assert found_in_files(base, [NAME]) == []
