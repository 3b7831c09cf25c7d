"""P11: verification, offline and where the log lies, beside hashing the same events one by one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from functools import partial
from hashlib import sha256
from itertools import chain
from pathlib import Path

from api.bootstrap import Store, open_store
from api.cli.bench.facts import load
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.evidence import Wanted, export
from ledger.proofs.log_keys import LogKeys
from ledger.proofs.note import Signer
from ledger.proofs.verify import Verdict, verify
from ledger.reactors.notary import Notary
from ledger.store.copied_out import stored
from ledger.store.database import Role
from ledger.store.outside import Outside
from ledger.store.verifying import Given, verify_store

CHILDREN = 4_000


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """The rate is that of a bundle of the whole log without body keys: all is proven of it that can be. Beside it one
    whose every body is opened, and the store itself, read through PostgreSQL with every body opened and guards left
    out; told as how many times the hashing takes. Every key is read from the vault anew."""
    settings, key = ground.new_store(), Signer.of("bench.example.org", secrets.token_bytes(32))
    sealed, opened = ground.folder / "sealed.zip", ground.folder / "opened.zip"
    with open_store(settings) as store:
        with store.ledger() as ledger:
            load(ledger, ground.folder, size.of(CHILDREN, 20))
        Notary(store.database, "ledger", LogKeys(key)).sign()
        for out, keys in ((sealed, False), (opened, True)):
            export(out, Wanted("ledger", keys=keys), [key.verifier], store.database, store.vault)
        with store.database.connect(Role.PROJECTOR) as conn:
            hashed = [(entry, ciphertext) for _, entry, ciphertext, *_ in stored(conn, "ledger")]
    events = len(hashed)
    while True:
        ground.settle()
        hashing = _seconds(lambda: [sha256(part).digest() for part in chain.from_iterable(hashed)])
        alone, bodies = (_seconds(partial(_holds_offline, out, key)) for out in (sealed, opened))
        with open_store(settings) as store:
            started = time.perf_counter()
            _holds(_live(store, key))
            lying = time.perf_counter() - started
        yield Run(
            rate=events / alone,
            against={"hashlib": events / hashing},
            more={
                "events": events,
                "bodies_opened_times": bodies / hashing,
                "store_times": lying / hashing,
            },
        )


def _holds_offline(bundle: Path, key: Signer) -> None:
    with bundle.open("rb") as file:
        _holds(verify(file, key=key.verifier.text()))


def _live(store: Store, key: Signer) -> Verdict:
    return verify_store(store.database, store.vault, Given({"ledger": Outside([key.verifier])}, (), lambda: ()))


def _holds(verdict: Verdict) -> None:
    assert verdict.holds, verdict.text()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


ROW = Row(
    id="P11",
    work="a log verified offline",
    unit="events/s",
    goals=(
        Goal(of="hashlib", must=0.1, stretch=0.25),
        Goal(of="bodies_opened_times", must=10, stretch=6, at_most=True),
        Goal(of="store_times", must=None, stretch=10, at_most=True),
    ),
    measure=measure,
)
"""The hashing takes what is hashed of each event: its entry, and its sealed body."""
