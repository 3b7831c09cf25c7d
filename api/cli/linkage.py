"""``sojourn merge``, ``split``, ``answer`` and ``reverse``: linkage by whoever works on the command line.

He acts as a data administrator of every state that holds a record concerned; what he proposes, somebody else answers.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli.talk import As, Json, opened, operator, print_json, say
from ledger.errors import LedgerError, NotOfStudent, Refused

if TYPE_CHECKING:
    from api.bootstrap import Store
    from api.principal import Principal
    from ledger.application import Ledger
    from ledger.events import Meta
    from ledger.sides import Sides
    from projections.disclosures import Told

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in words for whoever reads it later.")]


def merge(
    left: Annotated[str, typer.Argument(metavar="A", help="A student id, as it is shown now.")],
    right: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    master: Annotated[str, typer.Option("--master", metavar="ID", help="Which of the two is shown from then on.")],
    reason: Reason,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Propose that two students are one. It takes effect when another person answers the case with yes."""
    from api.gone import telling_gone

    for student in (left, right, master):
        _must_be_student_id(student)
    with opened() as store, store.ledger() as ledger, telling_gone(ledger):
        proposed = ledger.proposals.propose_merge(left, right, master, reason, _meta(operator(store, as_name)))
    _told_case(proposed.case, proposed.position, as_json=as_json)


def split(
    student: Annotated[str, typer.Argument(metavar="ID", help="A student id, as it is shown now.")],
    records: Annotated[
        str, typer.Option("--records", metavar="STATE:SSID,...", help="Records that are another child's.")
    ],
    reason: Reason,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Propose that some records of a student are another child's. Another person answers the case."""
    from api.gone import telling_gone

    _must_be_student_id(student)
    with opened() as store, store.ledger() as ledger, telling_gone(ledger):
        apart = [_record(ledger, named) for named in records.split(",")]
        proposed = ledger.proposals.propose_split(student, [apart], reason, _meta(operator(store, as_name)))
    _told_case(proposed.case, proposed.position, as_json=as_json)


def answer(
    case: Annotated[str, typer.Argument(metavar="CASE", help="Id of the case.")],
    says: Annotated[Literal["yes", "no"], typer.Argument(metavar="yes|no", help="Your answer.")],
    reason: Reason,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Answer a case. What it comes to takes effect at once; whoever proposed it cannot answer it."""
    from api.worklist import answered_told

    with opened() as store, store.ledger() as ledger:
        meta = _meta(operator(store, as_name))
        answered = ledger.casework.answer(case, reason, meta, None, yes=says == "yes")
    if as_json:
        print_json(answered_told(answered))
        return
    closed = answered.after.closed
    if closed is None:
        waits = "another case" if answered.after.waits is not None else "the other states that are asked"
        print(f"Case {case} waits for {waits}.")
        return
    print(f"Case {case} {closed.outcome}.")
    if closed.code:
        print(f"Nothing was done: {closed.code}.")
    if closed.act:
        print(f"Act {closed.act}; students {', '.join(answered.students)}.")


def reverse(
    act: Annotated[str, typer.Argument(metavar="ACT", help="Id of a link, merge, split or reversal.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what it would come to, and write nothing.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; not needed for a dry run.")] = "",
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Take an act back, at once; another person is asked to validate that. What came in between stays with the records
    that it came for."""
    if not dry_run and not reason.strip():
        raise typer.BadParameter("Say why: --reason TEXT", param_hint="--reason")
    with opened() as store, store.ledger() as ledger:
        principal = operator(store, as_name)
        if dry_run:
            _preview(store, ledger, principal, act, as_json=as_json)
            return
        reversed_ = ledger.reversals.reverse(act, reason, _meta(principal), None)
        # Durable: told before anything else is tried.
        if not as_json:
            print(f"Act {reversed_.act} has reversed {act}; students {', '.join(reversed_.students)}.")
            print(f"To be validated by somebody else: case {', '.join(reversed_.cases) or 'none'}.", flush=True)
        recall = _recall_after(store, ledger, reversed_.act)
    if as_json:
        told = {
            "act": reversed_.act,
            "students": reversed_.students,
            "cases": reversed_.cases,
            "position": reversed_.position,
            "recall": recall,
        }
        print_json(told)
        return
    _print_recall(recall or [])


# -- inside


def _meta(principal: Principal) -> Meta:
    from ledger.events import Meta

    return Meta(actor=principal.name, request=str(uuid.uuid4()))


def _must_be_student_id(given: str) -> None:
    from ledger.ids import is_student_id

    if not is_student_id(given):
        raise Refused("This is not a student id.", remedy="It has 12 digits, the last of them a check digit.")


def _record(ledger: Ledger, named: str) -> str:
    """The uuid of ``STATE:SSID``."""
    from api.named import record_named

    state, _, ssid = named.strip().partition(":")
    if not ssid:
        raise NotOfStudent("A record is not named as STATE:SSID.", remedy="For instance --records OR:OR5540012.")
    return record_named(ledger, state, ssid)


def _told_case(case: str, position: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"case": case, "position": position})
        return
    print(f"Case {case}")
    say(f"Another person answers it: sojourn answer {case} yes --reason ... --as NAME")


def _recall(store: Store, ledger: Ledger, sides: Sides | None) -> list[Told]:
    from ledger.store.database import Role
    from projections.disclosures import PROJECTION, recall_now
    from projections.projectors import bring_to_head

    if sides is None:
        return []
    bring_to_head([PROJECTION], store.database, ledger.logs)
    with store.database.connect(Role.READER) as conn:
        return recall_now(conn, sides.left, sides.right, sides.begun, sides.ended)


def _recall_after(store: Store, ledger: Ledger, act: str) -> list[dict[str, Any]] | None:
    """To whom the joined record was shown; None, and a word of it on stderr, where that cannot be told now: the
    reversal is durable, whatever becomes of the list."""
    import psycopg

    from api.previews import recall_told
    from ledger.links import Seeds
    from ledger.sides import sides_of

    try:
        sides = sides_of(ledger.links.reach(Seeds(acts=[act])).linkage, act)
        return recall_told(_recall(store, ledger, sides))
    except (LedgerError, psycopg.Error) as error:
        why = str(error) if isinstance(error, LedgerError) else "the read model of disclosures cannot be read."
        say(f"It is reversed. To whom the joined record was shown cannot be told now: {why}")
        say(f"This tells it later, and writes nothing: sojourn reverse {act} --dry-run")
        return None


def _preview(store: Store, ledger: Ledger, principal: Principal, act: str, *, as_json: bool) -> None:
    """Recorded first, like any showing of a child."""
    from api.cli.students import PURPOSE
    from api.routes.acts import PreviewView
    from api.show import show_many

    async def recall(sides: Sides | None) -> list[Told]:
        return _recall(store, ledger, sides)

    view = PreviewView(ledger, act, None, recall)
    asyncio.run(show_many(principal, PURPOSE, view, access=ledger.access, request_id=str(uuid.uuid4())))
    told = view.told()
    if as_json:
        print_json(told)
        return
    print(f"Now: {', '.join(student['student_id'] for student in told['now']) or 'as it would be'}.")
    print(f"Then: {', '.join(student['student_id'] for student in told['then']) or 'as it is now'}.")
    for one in told["differs"]:
        print(f"{one['student_id']}  {one['field']}: {_change(one['now'], one['then'])}")
    for left in told["residue"]:
        print(f"Left to a person: act {left} was made because of it.")
    for other in told["joined_by"]:
        print(f"Stay joined: by act {other}.")
    _print_recall(told["recall"])


def _print_recall(recall: list[dict[str, Any]]) -> None:
    for one in recall:
        who = f"{one['actor']} ({one['role']}, {one['organisation']})"
        often = "once" if one["times"] == 1 else f"{one['times']} times"
        last = one["last"].astimezone(UTC)
        print(f"Was shown the joined record: {who}, {often}, last {last:%Y-%m-%d %H:%M} UTC.")


def _change(was: Any, will: Any) -> str:
    """A line's worth: lists and tables by their size, since a line is no place for them. ``--json`` has them whole."""
    if isinstance(was, list) and isinstance(will, list) and len(was) == len(will):
        return f"{_short(will)}, changed"
    return f"{_short(was)} -> {_short(will)}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "1 entry" if len(value) == 1 else f"{len(value)} entries"
    if isinstance(value, dict):
        return "as reckoned from what is left"
    return "nothing" if value is None else str(value)
