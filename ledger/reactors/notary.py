"""The notary of a log: signs checkpoints, and never one that does not go on from every one that it knows of.

A round is one transaction under the log's lock: what stands behind the last checkpoint is read in position order, the
tiles and the heads' tree grow by it, and the new checkpoint is signed and stored with them. So whatever is stored is as
of the last checkpoint, and of two notaries the second finds what the first has done. It writes no event.

Before it signs, the last checkpoint must bear its own signature, the stored edge of the tree must have the signed root,
the heads' tree the signed root of heads, and the new tree must begin with the old one, and with the one that this host
signed last (``ledger.store.signed_file``) or that somebody kept (receipts). Else it refuses: it signs nothing, says so
loudly, and looks again now and then. It cannot know of checkpoints that neither database nor host nor receipt remember;
witnesses and receipts elsewhere do.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

import psycopg
import structlog
from psycopg import sql

from ledger import telemetry
from ledger.errors import LedgerError, LogBroken, Misconfigured
from ledger.proofs.checked_pages import CheckedPages
from ledger.proofs.doubt import Doubt
from ledger.proofs.growing import Growing, edge_of
from ledger.proofs.head_pages import HeadTree
from ledger.proofs.log_keys import LogKeys
from ledger.proofs.note import Checkpoint, heads_line, must_tell_the_same, open_checkpoint, sign_checkpoint
from ledger.proofs.sparse import EMPTY, Head, key_of
from ledger.proofs.tiles import Tiles
from ledger.proofs.tree import consistency_proof, root_at, verify_consistency
from ledger.store import faults
from ledger.store.database import Database, Role, translated
from ledger.store.following import Interruption, connected, is_passing, lock_key
from ledger.store.proof_store import Kept, ProofTables
from ledger.store.signed_file import SignedFile

READ_EVENTS: Final = 10_000
"""Leaves that are read at once."""
HEADS_AT_ONCE: Final = 20_000
"""Heads that are set at once: their pages are in memory, some 2 kB for each."""
CHECKPOINT_EVENTS_MAX: Final = 200_000
"""Events by which one checkpoint goes beyond the one before while there are more: a round is one transaction."""
EVERY_S: Final = 5.0
_BACKOFF_S: Final = (0.1, 5.0)
REFUSED_PAUSE_S: Final = 60.0
KEEP: Final = (
    "Keep database, keys and this host's files as they are. Compare the log with a receipt or a witness's checkpoint:"
    " `sojourn verify`."
)
_log = structlog.get_logger(__name__)


class Notary:
    """Signs one log. keys: of that log. signed: what this host signed last, outside the database; None: it keeps none.
    receipts: notes from elsewhere that the log must go on from. every_s: between two checkpoints, at least.

    state: ``starting``, ``live``, ``waiting`` for PostgreSQL, ``refusing``, ``stopped``.
    """

    def __init__(
        self,
        database: Database,
        log: str,
        keys: LogKeys,
        signed: SignedFile | None = None,
        *,
        receipts: Sequence[bytes] = (),
        every_s: float = EVERY_S,
        checkpoint_events_max: int = CHECKPOINT_EVENTS_MAX,
    ) -> None:
        self.log = log
        self.keys = keys
        self.state = "starting"
        self._database = database
        self._signed = signed
        self._receipts = list(receipts)
        self._every_s = every_s
        self._events_max = checkpoint_events_max

    def sign(self) -> Kept:
        """Sign whatever is there now, and end; the last checkpoint. Waits while another notary is at it.

        Raises LogBroken and Misconfigured where it must not sign, StoreUnavailable.
        """
        with connected(self._database, self._name, role=Role.WRITER, kind="reactor", durable=True) as conn:
            upto = ProofTables(conn, self.log).head()
            while True:
                kept = self._round(conn)
                if kept.size >= upto:
                    return kept

    def follow(self, stop: threading.Event) -> None:
        """Sign whatever comes, not more often than every so many seconds, until told to stop.

        What it refuses it tells, and looks again later. When PostgreSQL is away it tries anew with growing pauses.
        """
        pause_s = _BACKOFF_S[0]
        with Interruption(stop) as interruption:
            while not stop.is_set():
                try:
                    with (
                        connected(self._database, self._name, role=Role.WRITER, kind="reactor", durable=True) as conn,
                        interruption.of(conn),
                    ):
                        # It listens before it looks: an event that the look does not find announces itself afterwards.
                        conn.execute(sql.SQL("listen {}").format(sql.Identifier(f"{self.log}_events")))
                        while not stop.is_set():
                            kept = self._round(conn)
                            self._tell(refusing=False)
                            pause_s = _BACKOFF_S[0]
                            if kept.size >= ProofTables(conn, self.log).head():
                                interruption.wait_for_news(conn)
                                stop.wait(self._every_s)
                except Exception as error:
                    if stop.is_set():
                        break
                    if is_passing(error):
                        self.state = "waiting"
                        _log.warning("notary waits", log=self.log, exc_info=error)
                        stop.wait(pause_s)
                        pause_s = min(pause_s * 2, _BACKOFF_S[1])
                    else:
                        # Whatever it is, nothing is signed until it is mended; the log goes on without.
                        self._tell(refusing=True)
                        told = {"what": error.what, "remedy": error.remedy} if isinstance(error, LedgerError) else {}
                        _log.error("notary refuses to sign", log=self.log, exc_info=error, **told)
                        stop.wait(REFUSED_PAUSE_S)
        self.state = "stopped"

    # -- a round

    @property
    def _name(self) -> str:
        return f"notary {self.log}"

    def _tell(self, *, refusing: bool) -> None:
        self.state = "refusing" if refusing else "live"
        telemetry.NOTARY_REFUSING.labels(self.log).set(refusing)

    def _round(self, conn: psycopg.Connection[Any]) -> Kept:
        """Sign once, if there is something new; the last checkpoint. Raises LogBroken, Misconfigured."""
        try:
            with translated(), conn.transaction():
                conn.execute("select pg_advisory_xact_lock(%s)", (lock_key(f"reactor {self._name}"),))
                signed = self._sign_next(ProofTables(conn, self.log))
            # Durable: tiles, pages and checkpoint; from here on it may be shown. The receipts hold for ever now, since
            # each later tree must go on from this one.
            self._receipts.clear()
            if signed:
                faults.point("notary.committed")
        except Doubt as doubt:
            raise LogBroken(f"The {self.log} log is not what was signed. {doubt.what}", remedy=KEEP) from doubt
        with translated():
            kept = ProofTables(conn, self.log).latest()
        assert kept is not None, "an empty log has a checkpoint too"
        return kept

    def _sign_next(self, tables: ProofTables) -> bool:
        """Whether a checkpoint was signed; the transaction has yet to be committed."""
        last, before = self._last(tables)
        tree, heads = self._edge(tables, before), self._heads(tables, before)
        head, floors = tables.head(), self._floors()
        most = max((floor.size for floor in floors), default=0)
        if head < max(before.size, most):
            raise Doubt(f"It has {head} events, and {max(before.size, most)} were signed: the last ones are gone.")
        signs = last is None or head > before.size
        # Up to exactly what was signed elsewhere, where that is ahead: so that all that it tells can be compared.
        upto = most if most > before.size else min(head, before.size + self._events_max)
        after = self._grown(tables, tree, heads, upto) if signs else before
        self._must_go_on(tables, before, after)
        for floor in floors:
            self._must_go_on(tables, floor, after)
            must_tell_the_same(floor, before)
            must_tell_the_same(floor, after)
        if not signs:
            return False
        note = sign_checkpoint(after, self.keys.signer)
        tables.add_checkpoint(after.size, note)
        # Everything is with the server, and nothing is durable: a restart finds the last checkpoint and all as of it.
        faults.point("notary.before-signed")
        if self._signed is not None:
            self._signed.write(note)
        # Durable beside the key, not in the database: a restart must come to the same root at this size.
        faults.point("notary.signed")
        return True

    def _last(self, tables: ProofTables) -> tuple[Kept | None, Checkpoint]:
        """The last checkpoint, whose signature is ours; that of nothing where none was signed."""
        kept = tables.latest()
        if kept is None:
            name = self.keys.signer.verifier.name
            return None, Checkpoint(name, 0, Growing().root(), (heads_line(EMPTY),))
        checkpoint = self._opened(kept.note, "The last checkpoint in the database")
        if checkpoint.size != kept.size:
            raise Doubt(f"The checkpoint of {kept.size} events in the database says {checkpoint.size}.")
        return kept, checkpoint

    def _opened(self, note: bytes, what: str) -> Checkpoint:
        """Raises Misconfigured where it is by none of our keys, Doubt where it is changed."""
        verifier = self.keys.signed_by(note)
        if verifier is not None:
            return open_checkpoint(note, verifier)[0]
        raise Misconfigured(
            f"{what} of the {self.log} log was not signed by the key at hand, {self.keys.signer.verifier.text()}.",
            remedy="Give the key that the log was begun with. Where it was changed on purpose, name the former one in"
            " SOJOURN_SIGNING_KEY too, after the new one.",
        )

    def _floors(self) -> list[Checkpoint]:
        """What the new tree must go on from, beside the last checkpoint in the database."""
        kept = self._signed.read() if self._signed is not None else None
        floors = [self._opened(note, "A receipt") for note in self._receipts]
        if kept is not None:
            floors.append(self._opened(kept, "What this host signed last"))
        return floors

    def _edge(self, tables: ProofTables, before: Checkpoint) -> Growing:
        """The tree to go on with, as stored: it must be the one that was signed."""
        edge = edge_of(before.size)
        hashes = iter(tables.fetch([tile for tile in edge if tile is not None]))
        tree = Growing(before.size, [b"" if tile is None else next(hashes) for tile in edge])
        if tree.root() != before.root:
            raise Doubt("The stored tiles are not those of the last checkpoint.", expected=before.root.hex())
        return tree

    @staticmethod
    def _heads(tables: ProofTables, before: Checkpoint) -> HeadTree:
        root = before.heads()
        if root is None:
            raise Doubt("The last checkpoint tells no root of stream heads.")
        heads = HeadTree(CheckedPages(tables.pages, root))
        heads.root()
        return heads

    def _grown(self, tables: ProofTables, tree: Growing, heads: HeadTree, upto: int) -> Checkpoint:
        """Tiles and heads up to a position, and what is to be signed of them."""
        waiting: dict[bytes, Head] = {}
        while tree.size < upto:
            leaves = tables.leaves(tree.size, min(READ_EVENTS, upto - tree.size))
            for expected, leaf in enumerate(leaves, tree.size + 1):
                if leaf.position != expected:
                    raise Doubt(f"There is no event at position {expected}.", position=expected)
            if not leaves:
                raise Doubt(f"There is no event at position {tree.size + 1}.", position=tree.size + 1)
            tables.put_tiles(tree.extend(b"".join([leaf.leaf for leaf in leaves])))
            waiting.update((key_of(leaf.stream), Head(leaf.version, leaf.leaf)) for leaf in leaves)
            if len(waiting) >= HEADS_AT_ONCE or tree.size == upto:
                heads.update(waiting)
                waiting.clear()
        name = self.keys.signer.verifier.name
        return Checkpoint(name, tree.size, tree.root(), (heads_line(heads.root()),))

    @staticmethod
    def _must_go_on(tables: ProofTables, before: Checkpoint, after: Checkpoint) -> None:
        """Out of the tiles as they are stored, by the same proof that anybody else is given. Raises Doubt."""
        if (before.size, before.root) == (after.size, after.root):
            return
        if before.size == after.size:
            what = f"The log no longer begins with its first {before.size} events."
            raise Doubt(what, expected=before.root.hex(), found=after.root.hex())
        tiles = Tiles(after.size, tables.fetch)
        if root_at(after.size, tiles.read) != after.root:
            raise Doubt("The stored tiles are not those of the last checkpoint.", expected=after.root.hex())
        proof = consistency_proof(before.size, after.size, tiles.read)
        verify_consistency(before.size, after.size, before.root, after.root, proof)


class Notaries:
    """The notaries of one process, a thread each; start once, stop once."""

    def __init__(self, notaries: Sequence[Notary]) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=notary.follow, args=(self._stop,), name=f"notary {notary.log}", daemon=True)
            for notary in notaries
        ]

    def start(self) -> None:
        """Sign whatever is there, and whatever comes."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End each; a round that it was at is rolled back."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)
