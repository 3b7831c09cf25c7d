"""Certificates of disposal out of the log: what one says, the events that prove it, and where a host keeps them.

Invariant: nothing is certified that the log does not say; what is kept on a host is that, without proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from ledger.errors import DisposalIsClosed, NotFound
from ledger.events.retention import DisposalApproved, DisposalProposed, KeyDestroyed, ScheduleSet
from ledger.keeping import Keeping
from ledger.proofs.writing import Shown
from ledger.retention import schedules
from ledger.retention.certificate import Certificate, certificate
from ledger.store.certificate_files import CertificateFiles
from ledger.store.copied_out import shown, stored
from ledger.store.log import Log


class Certificates:
    """Safe for threads."""

    def __init__(self, log: Log, keeping: Keeping) -> None:
        self._log = log
        self._keeping = keeping
        self._files: CertificateFiles | None = None

    def of(self, disposal: str) -> Certificate:
        """What went by a disposal, as the log has it: without proofs of inclusion, which come with the first checkpoint
        behind its last event. Raises NotFound, DisposalIsClosed unless it was done, LogBroken."""
        recorded = self._log.read_stream(f"retention/{disposal}")
        if not recorded or not isinstance(proposed := recorded[0].event, DisposalProposed):
            raise NotFound("There is no such disposal.", remedy="See the list of disposals.")
        if not isinstance(recorded[-1].event, DisposalApproved):
            raise DisposalIsClosed(
                "By this disposal nothing went.", remedy="A certificate is of one that was approved."
            )
        went = [
            one
            for one in self._log.read_streams([f"retention/{item.scope.subject}" for item in proposed.items])
            if isinstance(one.event, KeyDestroyed) and one.event.disposal == disposal
        ]
        set_at = {
            schedules.name_of(one.event): one.position
            for one in self._log.read_stream(schedules.STREAM)
            if isinstance(one.event, ScheduleSet)
        }
        return certificate(recorded[0], recorded[-1], went, self._keeping.schedules(), set_at)

    def evidence(self, known: Certificate) -> dict[int, Shown]:
        """Of each event that a certificate rests on, by position: what the log holds of it, and the key that opens it.
        Raises StoreUnavailable, LogBroken."""
        wanted = set(known.positions)
        with self._log.connection() as conn:
            with closing(stored(conn, self._log.log_name, last=max(wanted), streams=known.streams)) as rows:
                events = [one for one in rows if one[0] in wanted]
            told = shown(conn, self._log.vault, events)
        return {event[0]: one for event, one in zip(events, told, strict=True)}

    # -- on this host

    def keep_in(self, files: CertificateFiles | None) -> None:
        """Where they are kept outside the database; None: nowhere."""
        self._files = files

    def shut(self) -> None:
        """As ``CertificateFiles.shut``."""
        if self._files is not None:
            self._files.shut()

    def keep(self, disposals: Sequence[str]) -> int:
        """Write those of these, which were done, that are not kept on this host; how many. Raises Misconfigured where
        the folder cannot be used, and as ``of``."""
        lacking = self._files.lacks(disposals) if self._files is not None else []
        for disposal in lacking:
            assert self._files is not None
            self._files.keep(self.of(disposal))
        return len(lacking)
