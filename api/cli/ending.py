"""How a command ends: in one place, in words, and with an exit code.

0 done, 1 failed, 2 usage, 3 done but some rows were refused. What went wrong stands on stderr: what, where and why on
one line, how to mend it on the next. A traceback is a defect of ours.
"""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

import typer

from ledger.errors import Gone, LedgerError

DONE, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130
"""What typer says of Ctrl-C."""

USAGE_ERROR: Any = typer.BadParameter.__base__
"""Base of all that typer finds wrong with a command line."""

_REMEDIES = {
    errno.ENOSPC: "Make room there, then run it again.",
    errno.EDQUOT: "Make room there, then run it again.",
    errno.EACCES: "Work as a user who may use it, or give another.",
    errno.EPERM: "Work as a user who may use it, or give another.",
    errno.EROFS: "It is read-only: give another.",
    errno.ENOENT: "See that it is there, or give another.",
    errno.ENOTDIR: "A part of this path is no folder: give another.",
    errno.EISDIR: "It is a folder: give a file.",
    errno.EEXIST: "Something else has this name: give another.",
}

_OF_A_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
_REASON = re.compile(r"(?:connection to server .* failed|failed to resolve host .*): (.+)")


def run(app: typer.Typer) -> NoReturn:
    """Run a command and end the process."""
    _open_missing_streams()
    # Told to end, a command unwinds as it does when it is interrupted, so that what it shares is let go in order.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = _run(app)
    except OSError as e:
        code = _tell_system(e)
    except LedgerError as e:
        code = tell(e.what, e.remedy, _why(e))
    except Exception as e:
        ours = _translated(e)
        if ours is None:
            raise  # a defect: only a traceback says where
        code = tell(ours.what, ours.remedy, _why(ours))
    sys.exit(code)


def tell(what: str, remedy: str = "", why: str = "", *, who: str = "sojourn") -> int:
    """Say on stderr what failed; the exit code that goes with it."""
    print(f"{who}: {what}", file=sys.stderr)
    for line in (why, remedy):
        if line:
            print(f"  {line}", file=sys.stderr)
    return FAILED


def _run(app: typer.Typer) -> int:
    try:
        code = app(prog_name="sojourn", standalone_mode=False)
        # Now, and not when Python ends: an error there is told in Python's words and gives an exit code of its own.
        sys.stdout.flush()
    except USAGE_ERROR as e:
        _tell_usage(e, app)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        return tell("Interrupted. What is done stays.", "Run the same again to go on.")
    return code if isinstance(code, int) else DONE


def _tell_usage(error: Any, app: typer.Typer) -> None:
    message = str(error.format_message()).rstrip(".")
    who = _command_of(app) if error.ctx is None else error.ctx.command_path
    if message:  # none where help was asked for by saying nothing
        tell(f"{message}.", f"See `{who} --help`.", who=who)


def _command_of(app: typer.Typer) -> str:
    """The command of this process, as far as its words name one."""
    words, known = ["sojourn"], typer.main.get_command(app)
    for word in sys.argv[1:]:
        known = getattr(known, "commands", {}).get(word)
        if known is None:
            break
        words.append(word)
    return " ".join(words)


def _tell_system(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        # Whoever read the output has seen enough (`| head -1`). Nobody is left to hear of it.
        _discard_output()
        return FAILED
    why = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, "See that it is there and may be used.")
    if error.filename is not None:
        return tell(f"{error.filename} cannot be used: {why}.", remedy)
    if error.errno in _OF_A_WRITE:
        # Whatever else we write to has a name.
        _discard_output()
        return tell(f"The output cannot be written: {why}.", remedy)
    return tell(f"The system refuses what is needed: {why}.", remedy)


def _discard_output() -> None:
    """What is left in the buffer has nowhere to go; Python would try once more when it ends, and complain."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def _translated(error: Exception) -> LedgerError | None:
    """Our error for a library's, or None for a defect."""
    if "psycopg" not in sys.modules:
        return None
    import psycopg

    from ledger.store.database import translate

    if not isinstance(error, psycopg.Error) or (ours := translate(error)) is None:
        return None
    ours.__cause__ = error
    return ours


def _why(error: LedgerError) -> str:
    """When something went and by which schedule; why there is no connection to PostgreSQL, as its client says.

    Of the latter only the reason: host and port may hold a piece of a password that was not written as a URL asks. Of
    other errors nothing is told, because their words may quote a child's data.
    """
    if isinstance(error, Gone):
        return _when(error.members or {})
    if error.__cause__ is None or "psycopg" not in sys.modules:
        return ""
    import psycopg

    cause = error.__cause__
    if type(cause) is not psycopg.OperationalError or cause.sqlstate is not None:
        return ""
    found = _REASON.search(str(cause))
    return f"Reason: {' '.join(found[1].split())}." if found else ""


def _when(gone: Mapping[str, Any]) -> str:
    """gone: as ``ledger.retention.tombstone.gone`` tells it; empty where it went this moment."""
    if not gone:
        return ""
    authority = f" ({gone['authority']})" if gone["authority"] else ""
    return f"On {gone['destroyed_on']}, by schedule {gone['schedule']}{authority}; disposal {gone['disposal']}."


def _open_missing_streams() -> None:
    """A stream that whoever started us has closed (`>&-`) is nowhere to write to, not a place for the next file.

    A letter that the terminal's code does not have is printed by its number, rather than not at all.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free is given, so this takes the closed stream's own.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for as long as we run
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
