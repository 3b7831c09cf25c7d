"""``sojourn retention due`` and ``sojourn retention dispose``: what may go, proposed by one and approved by another.

What is printed are ids, days and counts, and nothing of a child. Proposer and approver differ by name, also with
``--as``.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.talk import As, Json, opened, operator, print_json, say
from ledger.errors import LedgerError, Misconfigured, Refused

if TYPE_CHECKING:
    from api.bootstrap import Store
    from ledger.application import Ledger
    from ledger.retention.certificate import Certificate
    from ledger.retention.holds import Lifted

Class = Annotated[
    str | None, typer.Option("--class", metavar="CLASS", help="education, eligibility or access; `due`: all of them.")
]


def due(
    record_class: Class = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="ST", help="USPS code; all states without it.")
    ] = None,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """List what is due, what is held among it, by class, state and id."""
    from api.principal import decided
    from api.retaining import item_told

    with opened() as store, store.ledger() as ledger:
        decided(operator(store, as_name), "retention.read")
        lines, cursor = list[dict[str, Any]](), None
        while True:
            page = ledger.disposals.due(record_class, state, 500, cursor)
            lines += [item_told(item) for item in page.items]
            cursor = page.cursor
            if cursor is None:
                break
    if as_json:
        print_json(lines)
        return
    for line in lines:
        held = ", ".join(
            f"{one['kind']} {one['id']}{f' through case {through}' if (through := one.get('through')) else ''}"
            for one in line["held_by"]
        )
        since = "due" if line["due_on"] is None else f"since {line['due_on']}"
        print(
            f"{line['record_class']:<11}  {line['state'] or '--'}  {line['subject']}  {since}"
            f"  {line['schedule']}{f'  held by {held}' if held else ''}"
        )
    if not lines:
        say("Nothing is due. Without a schedule nothing of a child ever is: see `sojourn retention --help`.")


def dispose(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUBJECT...", help="Uuids of records or accounts: see `due`."),
    ] = None,
    record_class: Class = None,
    approve: Annotated[
        str | None, typer.Option("--approve", metavar="ID", help="Approve what another person proposed: destroy it.")
    ] = None,
    refuse: Annotated[str | None, typer.Option("--refuse", metavar="ID", help="Refuse it, for good.")] = None,
    withdraw: Annotated[str | None, typer.Option("--withdraw", metavar="ID", help="Take back one's own.")] = None,
    certificate: Annotated[
        str | None, typer.Option("--certificate", metavar="ID", help="The certificate of what was done, as JSON.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Destroy once more what the log says is gone: of a vault that was restored.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is refused.")] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where the certificate goes.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Propose that records or papers go, with exactly what that takes; or approve, refuse, withdraw or certify."""
    asked = [name for name in (approve, refuse, withdraw, certificate) if name is not None]
    if len(asked) + bool(subjects) + again != 1:
        raise typer.BadParameter(
            "name what is to go, or one of --approve, --refuse, --withdraw, --certificate, --again"
        )
    if subjects and record_class is None:
        raise typer.BadParameter("say what of it goes: education, eligibility or access", param_hint="--class")
    if refuse is not None and not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    with opened() as store, store.ledger() as ledger:
        if store.server is None and store.settings.data is None:
            # Whoever runs this need not be whose service it is, and his own folder is not where that one's certificates
            # are looked for: each host that serves keeps it by itself, within minutes.
            ledger.disposals.keep_in(None)
        if again:
            _destroy_again(store, as_name)
        elif subjects:
            assert record_class is not None
            _propose(store, ledger, record_class, subjects, as_name, yes=yes, as_json=as_json)
        elif certificate is not None:
            _certify(store, ledger, _named(certificate), out, as_name)
        else:
            [name] = asked
            _close(store, ledger, _named(name), as_name, approve, refuse, reason, yes=yes, as_json=as_json)


def _propose(
    store: Store,
    ledger: Ledger,
    record_class: str,
    subjects: Sequence[str],
    as_name: str | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    from api.principal import decided
    from api.retaining import preview_told
    from ledger.events import Meta

    principal = operator(store, as_name)
    decided(principal, "disposal.propose")
    found = ledger.disposals.present(record_class, subjects)
    told = preview_told(ledger, record_class, found)
    _say_scope(told)
    _say_lifted(ledger.disposals.lifted(found))
    if not told["in_the_way"] and not yes and not typer.confirm("Propose that all of this goes?", err=True):
        raise typer.Exit(1)
    # What is in the way refuses it, and is named.
    meta = Meta(actor=principal.name, request=str(uuid.uuid4()))
    with _naming_items():
        done = ledger.disposals.propose(record_class, subjects, meta)
    if as_json:
        print_json({"disposal": done.id, "status": done.status, "position": done.position})
        return
    print(done.id)
    say(f"Another person approves it: sojourn retention dispose --approve {done.id} --as NAME")


def _close(
    store: Store,
    ledger: Ledger,
    disposal: str,
    as_name: str | None,
    approve: str | None,
    refuse: str | None,
    reason: str,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    from api.principal import decided
    from api.retaining import counts_of
    from ledger.events import Meta
    from ledger.retention.disposal import PROPOSED

    principal = operator(store, as_name)
    decided(principal, "disposal.approve" if approve or refuse else "disposal.propose")
    meta = Meta(actor=principal.name, request=str(uuid.uuid4()))
    disposals = ledger.disposals
    if approve is not None:
        known = disposals.read(disposal)
        _say_counts(counts_of(item.scope for item in known.proposed.items))
        if known.status == PROPOSED:
            record_class = known.proposed.items[0].scope.record_class
            found = disposals.present(record_class, [item.scope.subject for item in known.proposed.items])
            _say_lifted(disposals.lifted(found))
        if not yes and not typer.confirm("Destroy all of this? It cannot be taken back.", err=True):
            raise typer.Exit(1)
        with _naming_items():
            done = disposals.approve(disposal, meta)
    elif refuse is not None:
        done = disposals.refuse(disposal, reason, meta)
    else:
        done = disposals.withdraw(disposal, meta)
    if as_json:
        print_json({"disposal": done.id, "status": done.status, "position": done.position})
        return
    print(f"Disposal {done.id} is {done.status}.")
    if approve is not None:
        say("Old bytes leave PostgreSQL's files by: sojourn retention scrub")
        say(f"What proves it: sojourn retention dispose --certificate {done.id}")


def _destroy_again(store: Store, as_name: str | None) -> None:
    from api.principal import decided
    from ledger.store.restored_keys import destroy_again

    decided(operator(store, as_name), "disposal.approve")
    count = destroy_again(store.database)
    print(f"{count:,} keys that the log says were destroyed were in the vault; none is now.")
    if count:
        say("Start what still runs of the service again: it may have such a key in memory.")
        say("Old bytes leave PostgreSQL's files by: sojourn retention scrub")


def _certify(store: Store, ledger: Ledger, disposal: str, out: Path | None, as_name: str | None) -> None:
    import msgspec

    from api.principal import decided

    decided(operator(store, as_name), "retention.read")
    certificate: Certificate = asyncio.run(_with_proofs(store, ledger, disposal))
    if out is None:
        print_json(msgspec.to_builtins(certificate))
        return
    try:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n")
    except OSError as e:
        raise Misconfigured(
            f"The certificate cannot be written to {out}: {e.strerror or e}.", remedy="Name a file that can be written."
        ) from None
    say(f"{out}: {'with' if certificate.checkpoint else 'without'} proofs of inclusion.")


async def _with_proofs(store: Store, ledger: Ledger, disposal: str) -> Certificate:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from api.certifying import certified
    from ledger.store.database import Role

    reads: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        store.database.conninfo(Role.READER), min_size=1, max_size=1, open=False, kwargs={"autocommit": True}
    )
    async with reads:
        return await certified(ledger, reads, disposal)


@contextmanager
def _naming_items() -> Iterator[None]:
    """A refusal says on stderr which records or accounts are in the way."""
    try:
        yield
    except LedgerError as error:
        for item in (error.members or {}).get("items", ()):
            told = {name: value for name, value in item.items() if name != "subject"}
            say(f"{item['subject']}: {', '.join(f'{name} {_flat(value)}' for name, value in told.items())}")
        raise


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _say_scope(told: dict[str, Any]) -> None:
    for item in told["items"]:
        scope = item["scope"]
        if scope is None:
            say(f"{item['subject']}: gone already")
            continue
        parts = [f"{count} {name}" for name, count in scope["events"].items()]
        parts += [f"{len(scope[name])} {name}" for name in ("attachments", "cases") if scope[name]]
        say(f"{item['subject']}  student {item['student_id'] or '--'}  events: {', '.join(parts)}")
        for key in scope["keys"]:
            say(f"    key {key['id']} ({key['key_class']})")
    _say_counts(told["counts"])
    if told["rows"]:
        say("Rows of read models: " + ", ".join(f"{name} {count:,}" for name, count in told["rows"].items()))
    if told["bundles"]:
        say(f"Exports that it was a part of, and that stay with whoever has them: {told['bundles']:,}")


def _say_lifted(lifted: Sequence[Lifted]) -> None:
    for one in lifted:
        say(f"{one.kind} hold {one.id}: placed by {one.by}, released by {one.released_by}. See why before you agree.")


def _say_counts(counts: dict[str, int]) -> None:
    say(", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "Nothing is left of it.")


def _named(given: str) -> str:
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise Refused("This is no id of a disposal.", remedy="`sojourn retention dispose` prints it.") from None
