"""A ledger of sixty children by URL, two receipts of it, and its database as it was at each: for tests of proof.

It is set up by the command line alone. Sixty children are filed, a receipt is kept, two of them are joined, and a
second receipt is kept. Databases as they were at each of the two are what somebody who owns the server then changes, or
brings back.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import psycopg
from psycopg import sql

from ledger.store.embedded import EmbeddedServer
from support.command_line import CommandLine
from support.databases import migrated_database
from support.house import House
from support.kept_apart import keep_apart
from support.outsider import COURSE, ENROLLED, FIRST_NIGHT, MOVED, child, header, row
from support.servers import reachable_tmp

ORIGIN = "ledger.example.org"
WITNESS = "oregon.example.org/witness"
NAMES = ("Yolotzin", "Xochiquetzal", "Tlalpan")
"""Of the children: what no verdict and no refusal may say."""
REPLICA = "set session_replication_role = replica"
"""How a superuser gets past every trigger."""


class Scene(NamedTuple):
    """receipts: at the two sizes. older, base: databases as they were then."""

    folder: Path
    server: EmbeddedServer
    command: CommandLine
    settings: dict[str, str]
    database: str
    key: str
    access_key: str
    witness_key: str
    receipts: tuple[str, str]
    sizes: tuple[int, int]
    student: str
    older: str
    base: str

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def copied(self, source: str, name: str) -> str:
        """The URL of a copy of one of the two databases."""
        _copy(self.server, source, f"{self.database}_{name}")
        return self.server.conninfo(f"{self.database}_{name}")

    def on(self, url: str, **other: str) -> CommandLine:
        """Commands of the same operator on another database."""
        return self.command.but(database_url=url, **other)

    def forged(self, name: str, *statements: str) -> tuple[CommandLine, psycopg.Connection[Any]]:
        """A copy of the later database that its superuser has changed, and the superuser."""
        url = self.copied(self.base, name)
        owner = psycopg.connect(url, autocommit=True)
        try:
            for statement in (REPLICA, *statements):
                owner.execute(statement.encode())
        except psycopg.Error:
            owner.close()
            raise
        return self.on(url), owner


def _copy(server: EmbeddedServer, source: str, name: str) -> None:
    names = {"new": sql.Identifier(name), "old": sql.Identifier(source)}
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as superuser:
        superuser.execute(sql.SQL("create database {new} template {old} strategy file_copy").format(**names))
        superuser.execute(sql.SQL("grant create on database {new} to sojourn_projector").format(**names))


@contextmanager
def scene_on(server: EmbeddedServer) -> Iterator[Scene]:
    """The scene for as long as the block runs; its databases are dropped."""
    with migrated_database(server) as named, reachable_tmp() as folder:
        set_up = _set(server, named, folder)
        try:
            yield set_up
        finally:
            with psycopg.connect(server.conninfo("postgres"), autocommit=True) as superuser:
                found = superuser.execute("select datname from pg_database").fetchall()
                for name in (name for (name,) in found if name.startswith(f"{set_up.database}_")):
                    superuser.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _set(server: EmbeddedServer, named: dict[str, str], folder: Path) -> Scene:
    for name in ("signed", "data"):
        (folder / name).mkdir()
    bare = CommandLine(data=folder / "data", actor="outsider")
    signing, witness = (bare.run("keys", "signing", *words) for words in ((ORIGIN,), (WITNESS, "--witness")))
    for name, secret in (("signing.key", signing.stdout), ("witness.key", witness.stdout)):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    settings = {
        **named,
        "signing_key_file": str(folder / "signing.key"),
        "signed": str(folder / "signed"),
        "witnesses": key_in(witness.stderr),
        "checkpoint_seconds": "1",
        "data": str(folder / "data"),
        "actor": "outsider",
    }
    command = CommandLine(None, **settings)
    keep_apart(command.run)
    children = [
        child(
            f"C{n:03}", row("D", first=NAMES[0], last=NAMES[1], born=f"2013{n % 12 + 1:02}09"), MOVED, ENROLLED, COURSE
        )
        for n in range(60)
    ]
    lines = [line for place, one in enumerate(children, 1) for line in one.lines("OR", place)]
    (folder / "night.txt").write_text("\n".join([header("OR", FIRST_NIGHT, 60, len(lines)), *lines, ""]))
    command.run("submit", folder / "night.txt")
    first = command.run("checkpoint").stdout
    [database] = re.findall(r"dbname=(\S+)", named["database_url"])
    _copy(server, database, older := f"{database}_first")
    students = [line.split(",")[2] for line in command.run("students", "--csv").stdout.splitlines()[1:]]
    joined = ("--master", students[0], "--reason", f"{NAMES[2]}: la misma mamá.", "--json")
    case = json.loads(command.run("merge", *students[:2], *joined).stdout)["case"]
    command.run("answer", case, "yes", "--reason", f"{NAMES[2]}.", "--as", "second")
    second = command.run("checkpoint").stdout
    command.run("checkpoint", "access")
    _copy(server, database, base := f"{database}_second")
    key, access = (command.run("checkpoint", *log, "--key").stdout.strip() for log in ((), ("access",)))
    sizes = tuple(int(note.splitlines()[1]) for note in (first, second))
    return Scene(
        folder, server, command, settings, database, key, access, settings["witnesses"], (first, second),
        (sizes[0], sizes[1]), students[0], older, base,
    )  # fmt: skip


def key_in(said: str) -> str:
    [key] = re.findall(r"\S+\+[0-9a-f]{8}\+\S+", said)
    return key


class Asked(NamedTuple):
    client: httpx2.Client
    address: str
    tokens: dict[str, str]

    def get(self, path: str, by: str = "auditor", /, **params: Any) -> httpx2.Response:
        return self.client.get(path, params=params, headers={"Authorization": f"Bearer {self.tokens[by]}"})

    def json(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def serving(scene: Scene, **other: str) -> Iterator[Asked]:
    settings = {**scene.settings, **other}
    house = House(scene.folder / "data", **{f"SOJOURN_{name.upper()}": value for name, value in settings.items()})
    command = CommandLine(None, **settings)
    tokens = {}
    for role, state in (("auditor", ()), ("state_batch_submitter", ("--state", "OR"))):
        words = ("--name", f"{role} {time.time_ns()}", "--role", role, *state)
        tokens[role] = command.run("token", "create", *words).stdout.strip()
    with house.serving() as service:
        yield Asked(service.client, str(service.client.base_url), tokens)
