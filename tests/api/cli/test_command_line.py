"""What holds for every command: quick help, exit codes, words instead of tracebacks, colours only where wanted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.store.database import Database
from support.command_line import CommandLine, free_port

SLOW_TO_IMPORT = ("fastapi", "alembic", "sqlalchemy", "uvicorn", "psycopg", "pydantic", "eventsourcing", "cryptography")


@pytest.fixture
def nowhere(tmp_path: Path) -> CommandLine:
    """A command line whose database is not there."""
    return CommandLine(
        tmp_path, database_url=f"postgresql://nobody:secret@localhost/x?host={tmp_path}", master_key="ab" * 32
    )


def commands() -> list[list[str]]:
    from typer.main import get_command

    from api.cli import app

    found: list[list[str]] = []

    def walk(command: Any, words: list[str]) -> None:
        found.append(words)
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, [*words, name])

    walk(get_command(app), [])
    return found


def test_help_imports_nothing_that_is_slow() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from api.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([name for name in {SLOW_TO_IMPORT} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_what_a_command_shows_and_records_loads_nothing_of_a_service() -> None:
    code = (
        "import sys; import api.bootstrap, api.entries, api.cli.students, api.cli.history, api.cli.worklist\n"
        "print([name for name in ('fastapi', 'starlette', 'alembic', 'joserfc', 'uvicorn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_help_comes_at_once(nowhere: CommandLine) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        assert nowhere.start("--help", stdout=subprocess.DEVNULL).wait(30) == 0
        return time.perf_counter() - began

    assert min(seconds() for _ in range(3)) < 1.5


def test_every_command_has_help() -> None:
    from typer.testing import CliRunner

    from api.cli import app

    for words in commands():
        done = CliRunner().invoke(app, [*words, "--help"])
        assert done.exit_code == 0, words
        assert "Usage" in done.output, words


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["student"],
        ["submit"],
        ["submit", "x.txt", "--nonsense"],
        ["token", "create", "--name", "x"],
        ["serve", "--port", "70000"],
        ["demo", "--children", "0"],
        ["project", "rebuild"],
        ["students", "--csv", "--json"],
        ["sample", "--out", "x", "--date", "yesterday"],
        ["sample", "--out", "x", "--states", "OR,ZZ"],
        ["students", "--as"],
        ["keys", "nonsense"],
        ["project", "rebuild", "nonsense"],
        ["token", "create", "--name", "x", "--role", "king"],
        ["token", "create", "--name", "x", "--role", "recruiter", "--state", "Oregon"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2(words: list[str], nowhere: CommandLine) -> None:
    done = nowhere.run(*words, code=2)
    assert done.stdout == ""
    what, remedy = done.stderr.splitlines()
    assert what.startswith("sojourn")
    assert what.endswith(".")
    assert remedy.startswith("  See `sojourn")
    assert remedy.endswith("--help`.")


def test_a_database_that_is_not_there_is_told_with_its_remedy(nowhere: CommandLine) -> None:
    done = nowhere.run("students", "--csv", code=1)
    assert "PostgreSQL cannot be reached" in done.stderr
    assert "See that it runs" in done.stderr
    assert "secret" not in done.stderr
    assert done.stdout == ""


def test_a_url_needs_its_master_key(database: Database, tmp_path: Path) -> None:
    done = CommandLine(tmp_path, database_url=database.admin).run("students", code=1)
    assert "SOJOURN_MASTER_KEY is not set" in done.stderr
    assert "openssl rand" in done.stderr


def test_a_wrong_master_key_is_told_and_changes_nothing(sojourn: CommandLine, database: Database) -> None:
    from support.files import EXAMPLE

    sojourn.run("submit", EXAMPLE)
    wrong = sojourn.but(master_key="ab" * 32)
    for words in (["students", "--csv"], ["submit", EXAMPLE], ["serve", "--port", free_port()]):
        assert "is wrapped by master key" in wrong.run(*words, code=1).stderr
    assert sojourn.json("submit", EXAMPLE)["accepted"] == 11


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"master_key": "abc"}, "SOJOURN_MASTER_KEY is not 32 bytes"),
        ({"master_key": "", "master_key_file": "none.key"}, "SOJOURN_MASTER_KEY_FILE: none.key cannot be read"),
        ({"group_events_max": "none"}, "SOJOURN_GROUP_EVENTS_MAX"),
        ({"log_level": "loud"}, "not 'loud'"),
        ({"fault": "nowhere"}, "SOJOURN_FAULT: unknown fault point 'nowhere'"),
        ({"database_url": "postgresql://anna:secret%@db/x"}, "SOJOURN_DATABASE_URL is no connection URL"),
        ({"database_url": "somewhere secret"}, "SOJOURN_DATABASE_URL is no connection URL"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_a_wrong_setting_is_named(settings: dict[str, str], told: str, database: Database, tmp_path: Path) -> None:
    given = {"database_url": database.admin, "master_key": "ab" * 32, **settings}
    done = CommandLine(tmp_path, **given).run("students", code=1)
    assert told in done.stderr
    assert "secret" not in done.stderr


def test_a_missing_migration_is_told_and_migrate_mends_it(
    new_empty_database: Callable[[], Database], tmp_path: Path
) -> None:
    sojourn = CommandLine(tmp_path, database_url=new_empty_database().admin, master_key="ab" * 32)
    for words in (["students"], ["migrate", "--check"], ["project", "status"]):
        done = sojourn.run(*words, code=1)
        assert "no schema yet" in done.stderr
        assert "Run `sojourn migrate`" in done.stderr
    assert "The schema is that of this release" in sojourn.run("migrate").stderr
    assert "The schema is that of this release" in sojourn.run("migrate").stderr
    sojourn.run("migrate", "--check")
    assert sojourn.run("students", "--csv").stdout == "state,state_student_id,student_id\n"


def test_a_database_newer_than_this_release_is_refused(sojourn: CommandLine, database: Database) -> None:
    with database.connect() as admin:
        admin.execute("update migrations.alembic_version set version_num = '9999_from_the_future'")
    for words in (["students"], ["migrate"], ["migrate", "--check"]):
        done = sojourn.run(*words, code=1)
        assert "9999_from_the_future" in done.stderr
        assert "Install the release that migrated it" in done.stderr


def test_colours_are_left_out_where_they_are_not_wanted(nowhere: CommandLine) -> None:
    escape = "\x1b["
    nowhere.environment["FORCE_COLOR"] = "1"
    assert escape in nowhere.run("--help").stdout
    nowhere.environment["NO_COLOR"] = "1"
    assert "\x1b[3" not in nowhere.run("--help").stdout
    del nowhere.environment["FORCE_COLOR"]
    assert escape not in nowhere.run("--help").stdout
