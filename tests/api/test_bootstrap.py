"""The composition root: from settings to an open store, and to the services of the app."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api import bootstrap
from api.app import create_app
from api.bootstrap import (
    MASTER_KEY_FILE,
    PRACTICE_FILE,
    Store,
    actor,
    data_folder,
    open_store,
    replace_secrets,
    services,
)
from ledger.audit import Sizes
from ledger.errors import Misconfigured, Refused
from ledger.ids import Uuid7Source
from ledger.proofs.note import COSIGNATURE, Checkpoint, Signer, cosign, open_checkpoint, sign_checkpoint
from ledger.settings import Settings
from ledger.store import faults
from ledger.store.database import Database
from ledger.store.vault import LEDGER
from support.servers import reachable_tmp

MASTER_KEY = bytes(range(32)).hex()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("SOJOURN_")]:
        monkeypatch.delenv(name)
    yield
    faults.arm(None)


@pytest.fixture(autouse=True)
def _collecting_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "collect_seldom", lambda: None)


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    with open_store(Settings.load(database_url=database.admin, master_key=MASTER_KEY)) as opened:
        yield opened


def test_how_much_of_a_month_is_checked_is_set(database: Database) -> None:
    settings = Settings.load(
        database_url=database.admin, master_key=MASTER_KEY, audit_random=1, audit_near=2, audit_apart=3
    )
    with open_store(settings) as opened, opened.ledger() as ledger:
        assert ledger.audits.sizes == Sizes(random=1, near=2, apart=3)


# -- who


@pytest.mark.parametrize("name", ["matcher", "Matcher", " timekeeper", "MAT\u00adCHER"])
def test_nobody_acts_on_the_command_line_as_what_acts_by_itself(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(Refused):
        actor(Settings.load(), name)
    with pytest.raises(Refused):
        actor(Settings.load(actor=name))
    monkeypatch.setattr(getpass, "getuser", lambda: name)
    with pytest.raises(Refused):
        actor(Settings.load())


def test_the_actor_is_as_given_then_as_set_then_the_system_s_user(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.load(actor="anna")
    assert actor(settings, "ruth") == "ruth"
    assert actor(settings) == "anna"
    monkeypatch.setattr(getpass, "getuser", lambda: "tom")
    assert actor(Settings.load()) == "tom"


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("no entry")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert actor(Settings.load()) == f"user {os.getuid()}"


# -- by URL


def test_a_store_by_url_is_opened_with_its_key(store: Store) -> None:
    assert store.server is None
    assert not store.practice
    with store.ledger() as ledger, store.logs() as logs:
        assert ledger.log.head() == logs["ledger"].head() == logs["access"].head() == 0


def test_a_url_without_a_key_is_refused(database: Database) -> None:
    with (
        pytest.raises(Misconfigured, match="SOJOURN_MASTER_KEY is not set"),
        open_store(Settings.load(database_url=database.admin)),
    ):
        pass


@pytest.mark.parametrize("url", ["postgresql://anna:secret%@db/x", "secret"])
def test_a_url_that_nobody_can_read_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(Misconfigured) as refused, open_store(Settings.load(database_url=url, master_key=MASTER_KEY)):
        pass
    assert "SOJOURN_DATABASE_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_unknown_fault_is_refused(database: Database) -> None:
    settings = Settings.load(database_url=database.admin, master_key=MASTER_KEY, fault="nowhere:2")
    with pytest.raises(Misconfigured, match="SOJOURN_FAULT: unknown fault point 'nowhere'"), open_store(settings):
        pass


# -- embedded


def test_the_data_folder_is_the_one_set_else_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder(Settings.load(data=Path("/somewhere"))) == Path("/somewhere")
    asked: list[str] = []
    monkeypatch.setattr(bootstrap, "default_data_dir", lambda xdg: asked.append(xdg) or Path("/usual"))
    assert data_folder(Settings.load(xdg_data_home="/elsewhere")) == Path("/usual")
    assert asked == ["/elsewhere"]


def test_the_embedded_store_is_made_migrated_and_keyed_once() -> None:
    with reachable_tmp() as folder:
        settings = Settings.load(data=folder / "d")
        with open_store(settings) as first, first.ledger() as ledger:
            assert not first.practice
            key = ledger.row_key()
            file = folder / "d" / MASTER_KEY_FILE
            assert file.stat().st_mode & 0o777 == 0o600
            (folder / "d" / PRACTICE_FILE).touch()
            held = file.read_text()
            with open_store(settings) as second, second.ledger() as other:
                assert second.practice
                assert second.vault.fingerprint == first.vault.fingerprint
                assert other.row_key() == key
            assert file.read_text() == held
        file.write_text("")
        with pytest.raises(Misconfigured, match="is empty"), open_store(settings):
            pass


def test_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    settings = Settings.load()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: bootstrap._embedded_masters(settings, tmp_path)[0].secret, range(16)))
    assert len(set(made)) == 1
    assert [file.name for file in tmp_path.iterdir()] == [MASTER_KEY_FILE], "no draft is left"


def test_a_given_key_goes_before_the_file_s(tmp_path: Path) -> None:
    [master] = bootstrap._embedded_masters(Settings.load(master_key=MASTER_KEY), tmp_path)
    assert master.secret == bytes.fromhex(MASTER_KEY)
    assert not list(tmp_path.iterdir())


def test_a_key_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "key"
    replace_secrets(file, ["new", "old"])
    assert file.read_text() == "new\nold\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


# -- services


def test_services_are_made_of_the_store_s_parts(store: Store) -> None:
    with store.ledger() as ledger:
        made = services(store, ledger)
        assert made.ledger is ledger
        assert not made.practice
        assert len(made.body_key) == 32
        assert made.body_key != ledger.row_key()
        assert {check.name: check.find() for check in made.checks} == {"schema": None, "writer": None}
        with store.database.connect() as admin:
            admin.execute("update migrations.alembic_version set version_num = '9999_from_the_future'")
        found = {check.name: check.find() for check in made.checks}
        assert "9999_from_the_future" in (found["schema"] or "")
        assert "Restart it" in (found["schema"] or "")
    [writer] = [check for check in made.checks if check.name == "writer"]
    assert "Restart it" in (writer.find() or "")


def test_what_anybody_may_ask_opens_no_connection(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """/readyz needs no token: who asks it often must not use up PostgreSQL's connections, nor the administrator's."""
    with store.ledger() as ledger, TestClient(create_app(services(store, ledger))) as client:
        assert client.get("/readyz").json()["checks"]["schema"] == "ok"
        monkeypatch.setattr(store.database, "admin", "host=/nowhere")  # from here on none can be opened
        assert client.get("/readyz").json()["checks"]["schema"] == "ok"


def test_the_keys_of_a_service_are_the_same_in_every_process(store: Store) -> None:
    with store.ledger() as one, store.ledger() as two:
        assert services(store, one).body_key == services(store, two).body_key
        assert one.row_key() == two.row_key()


def test_reads_go_to_the_replica_where_one_is_named(database: Database) -> None:
    replica = "postgresql://replica.example.org/x"
    settings = Settings.load(database_url=database.admin, master_key=MASTER_KEY, read_url=replica)
    with open_store(settings) as opened, opened.ledger() as ledger:
        made = services(opened, ledger)
        assert "replica.example.org" in str(made.reads.conninfo)
        assert "replica.example.org" not in str(made.feed.conninfo)
        assert "sojourn_reader" in str(made.reads.conninfo)
    wrong = Settings.load(database_url=database.admin, master_key=MASTER_KEY, read_url="nonsense")
    with open_store(wrong) as opened, opened.ledger() as ledger, pytest.raises(Misconfigured, match="SOJOURN_READ_URL"):
        services(opened, ledger)


def test_no_more_witnesses_are_named_than_a_checkpoint_has_room_for() -> None:
    keys = [Signer.of(f"w{n}.example.org", bytes([n]) * 32, COSIGNATURE) for n in range(100)]
    log = Signer.of("ledger.example.org", b"L" * 32)

    def named(count: int) -> Settings:
        return Settings.load(witnesses=",".join(key.verifier.text() for key in keys[:count]))

    note = sign_checkpoint(Checkpoint(log.verifier.name, 5, bytes(32)), log)
    taken = bootstrap._witnesses(named(99))
    for key in keys[: len(taken)]:
        note = cosign(note, key, 1_756_800_000)
    assert len(open_checkpoint(note, log.verifier, taken)[1].signed) == 100
    with pytest.raises(Misconfigured, match="names 100 keys"):
        bootstrap._witnesses(named(100))


def test_the_app_made_of_them_starts_and_stops(store: Store) -> None:
    with store.ledger() as ledger:
        app = create_app(services(store, ledger))

        async def start_and_stop() -> None:
            async with app.router.lifespan_context(app):
                pass

        asyncio.run(start_and_stop())


def test_a_store_mints_ids_that_go_up(store: Store) -> None:
    assert isinstance(store.ids, Uuid7Source)
    assert sorted(minted := [store.ids.next() for _ in range(100)]) == minted
    with store.ledger() as ledger, ledger.log.connection() as conn:
        assert store.vault.load(conn, [LEDGER])[LEDGER].key_id
