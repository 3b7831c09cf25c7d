"""P10: the proof of inclusion of one event, over HTTP, in a log of ten million events.

Of the events only the leaves are there, as the tree's tiles: nothing else of an event is read for a proof.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count
from random import Random

from api.bootstrap import Store, open_store
from api.cli.bench.facts import token
from api.cli.bench.ground import Ground
from api.cli.bench.load import Outcome
from api.cli.bench.report import Goal, Row, Run, Size
from api.cli.bench.serving import Service, get, serving
from ledger.proofs.growing import Growing
from ledger.proofs.note import Checkpoint, Signer, heads_line, sign_checkpoint
from ledger.proofs.sparse import EMPTY
from ledger.proofs.tree import HASH_BYTES, inclusion_length
from ledger.store.database import Role
from ledger.store.proof_store import ProofTables

EVENTS = 10_000_000
PROOFS = 2_000
LEAVES_AT_ONCE = 1 << 18
SEED = 10
_HASH_CHARS = 4 * (HASH_BYTES // 3 + 1)
"""Of one hash in base64."""


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run asks for proofs of other events, one at a time, and has a service of its own. ``first_p99_ms``: the same
    proofs when they are first asked for, with whatever the disk costs. ``kb``: the longest answer's hashes and note."""
    settings = ground.new_store()
    events = size.of(EVENTS, 300)
    with open_store(settings) as store:
        note = _signed(store, events)
        secret = token(store, "auditor")
    for run in count():
        chance = Random(SEED + run)  # noqa: S311 - which event is asked for, the same in every run
        wanted = [chance.randint(1, events) for _ in range(size.of(PROOFS, 20))]
        ground.settle()
        with serving(ground, settings) as service:
            first, again = prove(service, secret, wanted), prove(service, secret, wanted)
        longest = max(inclusion_length(position - 1, events) for position in wanted)
        yield Run(
            again.rate,
            {},
            {
                "p99_ms": again.p99_ms,
                "kb": (len(note) + longest * _HASH_CHARS) / 1_000,
                "p50_ms": again.p50_ms,
                "first_p99_ms": first.p99_ms,
                "hashes": longest,
            },
        )


def _signed(store: Store, events: int) -> bytes:
    """Tiles over so many leaves of chance, and a checkpoint of them."""
    chance, tree = Random(SEED), Growing()  # noqa: S311 - leaves are as good as any
    signer = Signer.of("bench.example.org", chance.randbytes(32))
    with store.database.connect(Role.WRITER) as conn, conn.transaction():
        tables = ProofTables(conn, "ledger")
        while tree.size < events:
            leaves = min(LEAVES_AT_ONCE, events - tree.size)
            tables.put_tiles(tree.extend(chance.randbytes(leaves * HASH_BYTES)))
        told = Checkpoint(signer.verifier.name, tree.size, tree.root(), (heads_line(EMPTY),))
        note = sign_checkpoint(told, signer)
        tables.add_checkpoint(tree.size, note)
    return note


def prove(service: Service, secret: str, positions: Sequence[int]) -> Outcome:
    """One proof of each, one at a time: what is measured."""
    asked = [
        get(f"/v1/proofs/inclusion?position={position}", f"Authorization: Bearer {secret}") for position in positions
    ]
    return service.send(asked, connections=1, expect=200)


ROW = Row(
    id="P10",
    work="inclusion proof of one event over HTTP at 10 M events, one at a time",
    unit="proofs/s",
    goals=(
        Goal(of="p99_ms", must=20, stretch=5, at_most=True),
        Goal(of="kb", must=10, stretch=10, at_most=True),
    ),
    measure=measure,
)
