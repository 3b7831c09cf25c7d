"""What each certificate of disposal says beside the facts of it: sentences that are part of its format.

They stand where both see them, who writes a certificate and who verifies one; whoever changes one begins a new format,
or certificates that were handed out before would be called wrong.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

CERTIFICATE_FORMAT: Final = "sojourn-certificate/1"

ALL_OF_IT: Final = "The keys listed are all that this disposal deleted."
PROVES: Final[tuple[str, ...]] = (
    "Each key listed was deleted in the transaction that wrote the event listed beside it.",
    "What it sealed cannot be opened by anybody, in this ledger or in a copy of it that comes without the key.",
    ALL_OF_IT,
    "Each sealed the events counted here, and what people wrote of the same record, account or case in other events.",
    "The events stay in the log, sealed, with positions and hashes: every proof over the log holds as it did before.",
)
HANDED_OUT: Final = (
    "What was handed out before stays with whoever has it: printed records, exports, and evidence bundles with the keys"
    " of the events that they show."
)
SENT_AGAIN: Final = (
    "A state may send the child again: that is a new record under a new key and a new student id. By design the ledger"
    " cannot know that the child was here before."
)
HASHES_STAY: Final = (
    "The record stays, and keeps a keyed hash of each move that went, so that none is taken in again. As long as it"
    " stays, whoever holds the master key can test with it whether a move was one of them."
)
ADDRESS_STAYS: Final = (
    "The address of each account is retired for good: a keyed hash of it stays, so that nobody else is given an account"
    " by it. Whoever holds the master key can test with it whether an address was one of them."
)
_OF_CLASSES: Final = (("education", SENT_AGAIN), ("eligibility", HASHES_STAY), ("access", ADDRESS_STAYS))


def proven_by(*, all_of_it: bool) -> list[str]:
    """What a certificate proves. all_of_it: whether it is of a whole disposal, and not of one state's part alone."""
    return [text for text in PROVES if all_of_it or text != ALL_OF_IT]


def not_proven_of(classes: Collection[str]) -> list[str]:
    """What it does not prove where these classes of record went."""
    return [HANDED_OUT, *(text for record_class, text in _OF_CLASSES if record_class in classes)]
