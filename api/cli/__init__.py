"""The command line. One file a command; what a command needs is imported when it runs, so that ``--help`` is quick.

Data goes to stdout, progress and talk to stderr. Exit 0 done, 1 failed, 2 usage, 3 done but some rows were refused.
"""

from __future__ import annotations

import typer

from api.cli import (
    access,
    account,
    case,
    checkpoint,
    diff,
    ending,
    export,
    history,
    hold,
    keys,
    linkage,
    matching,
    project,
    retention,
    serve,
    store,
    students,
    submit,
    token,
    verify,
    witness,
    worklist,
)
from api.cli.bench import bench

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
app.command()(diff.diff)
app.command()(history.history)
app.command()(worklist.worklist)
app.command()(case.case)
app.command()(linkage.merge)
app.command()(linkage.split)
app.command()(linkage.answer)
app.command()(linkage.reverse)
app.command()(export.export)
app.command()(verify.verify)
app.command()(checkpoint.checkpoint)
app.command()(witness.witness)
app.command()(bench)
app.add_typer(project.app, name="project")
app.add_typer(matching.app, name="matching")
app.add_typer(access.app, name="access")
app.add_typer(account.app, name="account")
app.add_typer(token.app, name="token")
app.add_typer(keys.app, name="keys")
app.add_typer(hold.app, name="hold")
app.add_typer(retention.app, name="retention")


def main() -> None:
    """Run a command and end the process."""
    ending.run(app)


if __name__ == "__main__":
    main()
