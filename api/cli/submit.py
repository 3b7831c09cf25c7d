"""``sojourn sample`` and ``sojourn submit``."""

from __future__ import annotations

import errno
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.talk import As, Json, opened, operator, print_json, progress, say
from ledger.errors import BadValue, LedgerError, SubmissionRefused

if TYPE_CHECKING:
    from api.principal import Principal
    from ledger.application import Ledger
    from ledger.intake.response import RowAnswer
    from ledger.intake.submission import Report
    from ledger.matched import Tally

SAMPLE_DAY = date(2025, 9, 2)


def _day(given: str) -> date:
    try:
        return datetime.strptime(given, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError:
        raise typer.BadParameter("it is no day as in 2025-09-02") from None


def sample(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to; made if missing.")],
    states: Annotated[str, typer.Option("--states", metavar="CODES", help="USPS codes, by comma.")] = "OR,CA,TX",
    children: Annotated[
        int, typer.Option("--children", metavar="N", min=1, max=40_000, help="Children in each state's first file.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same children.")] = 1,
    day: Annotated[
        date | None, typer.Option("--date", metavar="YYYY-MM-DD", parser=_day, help="Submission Date of the first.")
    ] = None,
    nights: Annotated[
        int, typer.Option("--nights", metavar="K", min=1, max=367, help="Files of each state, with changes.")
    ] = 1,
    apart: Annotated[
        int, typer.Option("--apart", metavar="DAYS", min=1, max=366, help="Days from one night to the next.")
    ] = 1,
    years: Annotated[
        int, typer.Option("--years", metavar="N", min=1, max=15, help="How far back the children's lives are told.")
    ] = 3,
    habits: Annotated[
        str, typer.Option("--habits", metavar="LIST", help="What states do otherwise: OR=renumber,CA=changes+tab.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write one realistic file per state and night, with invented children, and who is who. Prints their paths."""
    from ledger.intake.sample import HABITS, write_nights
    from ledger.mde import STATES

    wanted = [state.strip() for state in states.split(",") if state.strip()]
    if not wanted:
        raise typer.BadParameter("name a state", param_hint="--states")
    for state in wanted:
        if state not in STATES:
            raise typer.BadParameter(f"{state} is no USPS state code, such as OR", param_hint="--states")
    chosen: dict[str, str] = {}
    for entry in habits.split(",") if habits.strip() else ():
        state, _, words = (part.strip() for part in entry.partition("="))
        chosen[state] = words
        if state not in wanted:
            raise typer.BadParameter(f"{state} is none of the sample's states", param_hint="--habits")
        if not set(words.split("+")) <= set(HABITS):
            raise typer.BadParameter(f"{words} is none of {', '.join(HABITS)}", param_hint="--habits")
    if (nights - 1) * apart > 366:
        raise typer.BadParameter("they reach further than a year", param_hint="--nights")
    out.mkdir(parents=True, exist_ok=True)
    with progress("sample") as bar:
        written = write_nights(
            out,
            wanted,
            children,
            seed,
            day or SAMPLE_DAY,
            nights=nights,
            apart=apart,
            years=years,
            habits=chosen,
            progress=bar,
        )
    paths = [str(path) for night in written for path in night]
    if as_json:
        print_json(paths)
        return
    for path in paths:
        print(path)


def submit(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files in the national layout.")],
    response: Annotated[
        Path | None, typer.Option("--response", metavar="FILE", help="Write the answer to each row here (CSV).")
    ] = None,
    late: Annotated[
        bool, typer.Option("--late", help="Take a file older than the last one applied; it only adds what is missing.")
    ] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Submit files; the same file again appends nothing. Exit 3 where rows were refused."""
    from api.bootstrap import actor
    from api.cli.answers import answering
    from ledger.intake.submission import submit as apply
    from ledger.matched import matched_since
    from ledger.reactors.matching import MatcherRunner
    from projections import PROJECTIONS
    from projections.projectors import bring_to_head

    _must_be_apart(response, paths)
    reports: list[Report] = []
    unheard: OSError | None = None
    with opened() as store, store.ledger() as ledger, answering(response, several=len(paths) > 1) as answers:
        name = actor(store.settings, as_name)
        disclosing = None if response is None else _disclosing(ledger, operator(store, as_name))
        before = ledger.log.head()
        for path in paths:
            answers.begin(path)
            try:
                _must_be_there_twice(path)
                with progress(path.name) as bar:
                    report = apply(
                        ledger, path, name, answer=answers.add, answering=disclosing, progress=bar, late=late
                    )
            except OSError as e:
                say(_unread(path, e))
                continue
            except LedgerError as e:
                if e is answers.lost:
                    raise  # what comes now would be applied without an answer too
                say(f"{path}{_place(e)}: {e.what}\n  {e.remedy}")
                continue
            except KeyboardInterrupt:
                say(f"{path}: interrupted. What was applied of it stays.\n  Send the same file again to go on.")
                raise typer.Exit(1) from None
            reports.append(report)
            for warned in report.warnings:
                say(f"{path}{', ' * bool(warned.place)}{warned.place}: {warned.message}\n  {warned.remedy}")
            if not as_json:
                try:
                    print(_told(path, report), flush=True)
                except OSError as e:
                    unheard = e  # the files that are left are submitted all the same
            answers.end(report)
        if reports:
            # All files that came together are decided upon together.
            try:
                MatcherRunner(ledger.matcher, store.database, ledger.log).run(ledger.log.head())
            except LedgerError as e:
                say(f"matching: {e.what}\n  {e.remedy}")  # the files are in, whatever becomes of this
            _count_matches(reports, matched_since(ledger.log, before))
            if not as_json and any(report.students_linked or report.near_matches for report in reports):
                try:
                    print(_matched(reports), flush=True)
                except OSError as e:
                    unheard = e
        if as_json and reports:
            told = [report.as_told() for report in reports]
            print_json(told if len(paths) > 1 else told[0])
        if reports:
            # What was submitted can be read when this command has returned.
            bring_to_head(PROJECTIONS, store.database, ledger.logs, timeout_s=None)
    if unheard is not None:
        raise unheard
    if len(reports) < len(paths):
        raise typer.Exit(1)
    if any(report.refused for report in reports):
        raise typer.Exit(3)


def _count_matches(reports: Sequence[Report], matched: Mapping[str, Tally]) -> None:
    """Tell the last file of each state what the matcher did with its records."""
    for state, report in {report.state: report for report in reports}.items():
        tally = matched.get(state)
        if tally is not None:
            report.students_linked, report.near_matches = tally.linked, tally.asked
            report.events += tally.events


def _disclosing(ledger: Ledger, principal: Principal) -> Callable[[Report, Sequence[RowAnswer]], None]:
    """Records that rows' answers leave, a piece at a time, as over HTTP. Raises Forbidden."""
    from api.cli.students import PURPOSE
    from api.principal import decided
    from api.responding import ACTION, disclose, entry_of, records_of
    from ledger.events import Meta

    decision = decided(principal, ACTION)
    request = str(uuid.uuid4())

    def disclosing(report: Report, piece: Sequence[RowAnswer]) -> None:
        records = records_of(ledger, report.state, piece)
        entry = entry_of(principal, PURPOSE, decision, report.position, records)
        disclose(ledger, entry, Meta(actor=principal.name, request=request, submission=report.submission))

    return disclosing


def _must_be_apart(response: Path | None, paths: Sequence[Path]) -> None:
    """Raises typer.BadParameter where the response would be written over a file that is to be read."""
    for path in paths:
        if response is not None and (
            response == path or (response.exists() and path.exists() and response.samefile(path))
        ):
            raise typer.BadParameter(
                f"{response} is a file to submit and would be written over", param_hint="--response"
            )


def _must_be_there_twice(path: Path) -> None:
    """Raises OSError for what can be read once only, and might keep us waiting for ever."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.ESPIPE, "it is a pipe or a device, and a file is read twice", str(path))


def _told(path: Path, report: Report) -> str:
    return (
        f"{path.name}: {report.rows:,} rows: {report.accepted:,} accepted, {report.unchanged:,} unchanged,"
        f" {report.refused:,} refused, {report.warned:,} with warnings; {report.students_new:,} new students,"
        f" {report.events:,} events, position {report.position:,}, {report.seconds:.1f} s"
    )


def _matched(reports: Sequence[Report]) -> str:
    linked = sum(report.students_linked for report in reports)
    asked = sum(report.near_matches for report in reports)
    return f"matching: {linked:,} records linked to students known before, {asked:,} near matches on the worklist"


def _unread(path: Path, error: OSError) -> str:
    """Why a file was not applied that the system would not let us read, or make ready to be read."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{path}: there is no room to make it ready in {tempfile.gettempdir()} ({error.strerror})."
            " What was applied of it stays.\n  Make room there, or set TMPDIR to a folder that has some;"
            " then send the same file again."
        )
    return f"{path}: cannot be read ({error.strerror or error}). Give a readable file."


def _place(error: LedgerError) -> str:
    """Row and rule, where the error names them."""
    row = f", row {error.row}" if error.row else ""
    return f"{row} [{error.rule}]" if isinstance(error, BadValue | SubmissionRefused) else row
