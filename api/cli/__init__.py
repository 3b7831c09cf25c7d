"""The command line. One file a command; what a command needs is imported when it runs, so that ``--help`` is quick.

Data goes to stdout, progress and talk to stderr. Exit 0 done, 1 failed, 2 usage, 3 done but some rows were refused.
"""

from __future__ import annotations

import sys

import typer

from api.cli import keys, project, serve, store, students, submit, token
from api.cli.bench import bench
from ledger.errors import LedgerError

app = typer.Typer(
    name="sojourn",
    help="A record ledger for children who move.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(serve.demo)
app.command()(serve.serve)
app.command(hidden=True)(serve.follow)
app.command()(store.migrate)
app.command()(store.doctor)
app.command()(submit.sample)
app.command()(submit.submit)
app.command()(students.student)
app.command()(students.students)
app.command()(bench)
app.add_typer(project.app, name="project")
app.add_typer(token.app, name="token")
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Run a command; an error made on purpose is told in its words, without a traceback."""
    try:
        app()
    except LedgerError as e:
        print(f"sojourn: {e.what}", file=sys.stderr)
        if e.remedy:
            print(f"  {e.remedy}", file=sys.stderr)
        sys.exit(1)
    except OSError as e:
        # A file or folder that was named: its name and what the system says of it.
        print(f"sojourn: {e.filename or 'system'}: {e.strerror or e}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
