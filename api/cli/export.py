"""``sojourn export``: an evidence bundle, of a whole log or of one student, disclosed before it is written."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.talk import As, Json, opened, operator, print_json, progress, say
from ledger.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from api.bootstrap import Store
    from api.principal import Principal
    from api.show import Found
    from ledger.application import Ledger
    from ledger.evidence import OfStudent
    from ledger.proofs.note import Verifier

VIEW = "export"

Out = Annotated[Path, typer.Argument(metavar="OUT.zip", help="Where the bundle goes.")]
Log = Annotated[str, typer.Option("--log", metavar="ledger|access", help="Which log; ledger if not given.")]


def export(
    out: Out,
    student_id: Annotated[str | None, typer.Option("--student", metavar="ID", help="Of this student alone.")] = None,
    log: Log = "ledger",
    sealed: Annotated[bool, typer.Option("--sealed", help="Hand over no body keys: what events say stays.")] = False,
    receipts: Annotated[
        list[Path] | None, typer.Option("--receipt", metavar="FILE", help="A checkpoint to prove going on from.")
    ] = None,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Write an evidence bundle as of now, with its proofs, and verify it. The reading is recorded first."""
    from api.cli.witnessing import kept_notes
    from api.gone import telling_gone
    from ledger.evidence import Wanted, student_of
    from ledger.evidence import export as write
    from ledger.ids import is_student_id
    from ledger.proofs.receipts import origin_of

    if log not in ("ledger", "access"):
        raise typer.BadParameter("ledger or access", param_hint="--log")
    if student_id is not None and not is_student_id(student_id):
        raise Refused("This is not a student id.", remedy="It has 12 digits, the last of them a check digit.")
    if out.exists():
        raise Refused(f"{out} is there already.", remedy="Give another name: evidence is not written over.")
    kept = kept_notes(receipts or ())
    with opened() as store, store.ledger() as ledger, telling_gone(ledger):
        known, size = _signed_now(store, log)
        names = [key.name for key in known]
        if other := next((origin for note in kept if (origin := origin_of(note)) not in names), None):
            raise Refused(f"A receipt is of {other}, this log is {names[0]}.", remedy="Give receipts of this log.")
        principal = operator(store, as_name)
        streams: Sequence[str] | None = None
        if student_id is not None:
            student = student_of(ledger.links, student_id)
            _disclose_one(ledger, principal, student_id, student, size)
            streams = student.streams(log, _cases(store, ledger, student) if log == "ledger" else ())
        else:
            _disclose_all(store, ledger, principal, size, sealed=sealed)
        # A whole log as of the checkpoint up to which everybody in it was written down: who came since is not in it.
        upto = size if streams is None else None
        wanted = Wanted(log, streams, keys=not sealed, receipts=kept, size=upto)
        with progress("events") as reached:
            manifest = write(out, wanted, known, store.database, store.vault, reached)
    digest = sha256(manifest.data()).hexdigest()
    if as_json:
        told: dict[str, Any] = manifest._asdict() | {"file": str(out), "manifest_sha256": digest}
        told["members"] = [dict(zip(("name", "size", "sha256"), member, strict=True)) for member in manifest.members]
        print_json(told)
        return
    what = "the whole log" if student_id is None else "a student"
    print(f"{out}: {manifest.events} events of {manifest.streams} streams, {what}, at {manifest.size} events.")
    print(f"log key  {manifest.key}")
    print(f"sha256 of manifest.json  {digest}")
    say("Verified. It is as confidential as what it shows.")


def _signed_now(store: Store, log: str) -> tuple[Sequence[Verifier], int]:
    """The log's keys, and the size up to which it has now been signed."""
    notary = store.notary(log)
    if notary is None:
        raise Misconfigured(
            "No key signs this log, so nothing of it can be proven.",
            remedy="Set SOJOURN_SIGNING_KEY; `sojourn keys signing NAME` makes one.",
        )
    size = notary.sign().size
    return notary.keys.known, size


class _Disclosing:
    """The bundle of a student as a view: who gets it is recorded as for any other."""

    action = "student.history"
    name = VIEW
    sections: Sequence[str] = ("history",)

    def __init__(self, found: Found) -> None:
        self._found = found

    async def read(self, student_id: str) -> Found | None:  # noqa: ARG002 - it was looked up before
        return self._found

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        return b""


def _disclose_one(ledger: Ledger, principal: Principal, asked: str, student: OfStudent, size: int) -> None:
    from api.cli.students import PURPOSE
    from api.show import Found, show

    found = Found(student.student_id, student.records, size, str(size), student.states)
    asyncio.run(
        show(
            principal,
            PURPOSE,
            _Disclosing(found),
            asked,
            access=ledger.access,
            request_id=str(uuid.uuid4()),
            now=ledger.clock(),
        )
    )


def _disclose_all(store: Store, ledger: Ledger, principal: Principal, size: int, *, sealed: bool) -> None:
    """An entry that names every record; without body keys nobody's data leaves, and it names none."""
    from api.cli.students import PURPOSE
    from api.entries import of_many
    from api.principal import decided
    from ledger.events import Meta
    from ledger.events.disclosure import BulkDisclosed
    from ledger.store.append import Append

    basis, request = decided(principal, "student.list").basis, str(uuid.uuid4())
    for records, children in [([], [])] if sealed else _everybody(store):
        entry = BulkDisclosed(
            view=VIEW,
            records=records,
            filters=["sealed"] if sealed else [],
            role=principal.role,
            organisation=principal.organisation,
            purpose=PURPOSE,
            basis=basis,
            position=size,
            children=children,
        )
        meta = Meta(actor=principal.name, request=request)
        ledger.access.append(Append(parts=[of_many(entry, request)], meta=meta))


def _everybody(store: Store) -> Iterator[tuple[list[str], list[str]]]:
    """Every record and its student, as many at once as one entry takes."""
    from ledger.events.disclosure import RECORDS_MAX
    from ledger.store.database import Role

    with store.database.connect(Role.PROJECTOR) as conn, conn.transaction(), conn.cursor("everybody") as cursor:
        cursor.execute("select record_id::text, student_id from ledger.records order by record_id")
        there = False
        while rows := cursor.fetchmany(RECORDS_MAX):
            there = True
            yield [row[0] for row in rows], [row[1] for row in rows]
    if not there:
        yield [], []


def _cases(store: Store, ledger: Ledger, student: OfStudent) -> list[str]:
    """Cases about the student's records, but those that are judged blind and still open: what they hold must not be
    read before."""
    from ledger.store.database import Role
    from projections.projectors import bring_to_head
    from projections.worklist import PROJECTION, about_now

    bring_to_head([PROJECTION], store.database, ledger.logs)
    with store.database.connect(Role.READER) as conn:
        _, listed = about_now(conn, student.records)
    return [one.case_id for one in listed if not one.blind]
