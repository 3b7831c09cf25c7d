"""Verifies a certificate of disposal, with nothing but the standard library and ``cryptography``, and no database.

A certificate brings the events that it speaks of, as they stand in the log, each with the key that opens this one
event. So everything that it says is computed again from what was signed, and compared field by field; nothing that it
says is believed. An excerpt of one state keeps the proposal shut, for that names other states' records; what therefore
cannot be told stands under what is not proven.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.proofs.certificate_events import Said, entries_of, parsed_certificate, proven_event
from ledger.proofs.certificate_statements import APPROVED, PROPOSED, must_say, statements
from ledger.proofs.certificate_words import CERTIFICATE_FORMAT
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.note import ED25519, Checkpoint, Verifier, must_tell_the_same, open_checkpoint, signed_by
from ledger.proofs.receipts import checkpoint_in
from ledger.proofs.tree import verify_consistency
from ledger.proofs.verdict import Verdict, witnessed


def is_certificate(beginning: bytes) -> bool:
    """Whether a file that begins so is to be read as a certificate, and not as a bundle."""
    return beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def verify_certificate(
    data: bytes,
    *,
    key: str | None = None,
    former: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    receipts: Sequence[bytes] = (),
    consistency: Mapping[int, Sequence[bytes]] | None = None,
) -> Verdict:
    """The verdict on a certificate, as JSON; it raises nothing for what may be in it. key: of the log, as it was handed
    out; a certificate names none. The others as of a bundle (``ledger.proofs.verify.verify``)."""
    try:
        return _Certified(data, key, former, witnesses, consistency or {}).verdict(receipts)
    except Doubt as doubt:
        return Verdict((), (), doubt)
    except Exception as e:
        # Everything: whatever a hostile file, or a mistake of ours, still brings about is a doubt, never a stack trace.
        return Verdict((), (), Doubt(f"The certificate cannot be read to its end ({type(e).__name__})."))


class _Certified:
    """The state of one verification, in the order in which things are looked at."""

    def __init__(
        self,
        data: bytes,
        key: str | None,
        former: Sequence[str],
        witnesses: Sequence[str],
        consistency: Mapping[int, Sequence[bytes]],
    ) -> None:
        self.told = parsed_certificate(data)
        if key is None:
            raise Doubt("A certificate names no key: give the log's, as its keeper hands it out.")
        self.keys = [Verifier.parse(text) for text in (key, *former)]
        if any(one.kind != ED25519 for one in self.keys):
            raise Doubt("The key is a witness's, not a log's.")
        self.witnesses = [Verifier.parse(text) for text in witnesses]
        self.consistency = consistency
        self.proven: list[str] = []
        self.unproven: list[str] = []

    def verdict(self, receipts: Sequence[bytes]) -> Verdict:
        told = self.told
        if told.get("format") != CERTIFICATE_FORMAT:
            raise Malformed("This is no certificate of a disposal, or of another format.", expected=CERTIFICATE_FORMAT)
        checkpoint = self._checkpoint()
        for receipt in receipts:
            self._receipt(receipt, checkpoint)
        events = self._events(checkpoint)
        self.proven.append(f"Each of the {len(events)} events is in the log at its position, as it was signed.")
        must_say("", told, statements(told, events))
        self._tell(events)
        return Verdict(tuple(self.proven), tuple(self.unproven))

    # -- who signed it

    def _checkpoint(self) -> Checkpoint:
        text = self.told.get("checkpoint")
        if text is None and self.told.get("inclusions") == []:
            raise Doubt(
                "This certificate has no proofs yet: it was made before a checkpoint covered what it says. Ask for it"
                " again."
            )
        if not isinstance(text, str):
            raise Malformed("checkpoint is not of the form that it must have.")
        note = text.encode()
        try:
            key = signed_by(note, self.keys)
            checkpoint, opened = open_checkpoint(note, key, self.witnesses)
        except Doubt as doubt:
            raise Doubt(f"checkpoint: {doubt.what}", expected=doubt.expected, found=doubt.found) from None
        whose = "the key that was named" if key == self.keys[0] else "a former key that was named"
        self.proven.append(f"The checkpoint of {checkpoint.origin} at {checkpoint.size} events is signed by {whose}.")
        self.proven += witnessed(opened)
        return checkpoint

    def _receipt(self, receipt: bytes, checkpoint: Checkpoint) -> None:
        note = checkpoint_in(receipt)
        kept, _ = open_checkpoint(note, signed_by(note, self.keys))
        old, new = sorted((kept, checkpoint), key=lambda one: one.size)
        proof = self.consistency.get(kept.size)
        if proof is None and old.size in (0, new.size):
            proof = []
        if proof is None:
            raise Doubt(
                f"The receipt is of {kept.size} events, the certificate's checkpoint of {checkpoint.size}: a proof"
                " between is missing."
            )
        verify_consistency(old.size, new.size, old.root, new.root, proof)
        must_tell_the_same(kept, checkpoint)
        self.proven.append(
            f"The log goes on from the receipt at {kept.size} events: nothing before it was changed."
            if kept is old
            else f"The receipt at {kept.size} events goes on from this certificate's checkpoint."
        )

    # -- its events

    def _events(self, checkpoint: Checkpoint) -> list[Said]:
        found: list[Said] = []
        for number, one in enumerate(entries_of("inclusions", self.told.get("inclusions"))):
            where = f"inclusions[{number}]"
            said = proven_event(where, one, checkpoint)
            if found and said.position <= found[-1].position:
                raise Doubt(f"{where}.position is out of order.", position=said.position)
            found.append(said)
        return found

    # -- the verdict

    def _tell(self, events: Sequence[Said]) -> None:
        told, counts = self.told, self.told["counts"]
        shut = [one for one in events if one.event is None]
        what = ", ".join(f"{counts[name]} {name}" for name in ("records", "accounts", "keys"))
        self.proven.append(
            f"What it says of disposal {told['disposal']} follows from them, field by field: {what}"
            + (
                f"; proposed by {told['proposed_by']}, approved by {told['approved_by']}."
                if not shut
                else f", of {told['state']} alone."
            )
        )
        if any(one.topic == PROPOSED for one in shut):
            self.unproven.append(
                "Who proposed it, how many events and papers it counts, and lines of what had gone before: this is"
                " one state's excerpt, which does not open the proposal."
            )
        if any(one.topic == APPROVED for one in shut):
            self.unproven.append("Who approved it, and how long backups are kept: an excerpt does not open that.")
        elif told["backups_until"] is not None:
            self.unproven.append(
                f"That no backup holds the keys after {told['backups_until']}: the operator's setting said so when it"
                " was approved."
            )
        self.unproven.append("That whoever kept the keys deleted them: the log says so, and was signed.")
