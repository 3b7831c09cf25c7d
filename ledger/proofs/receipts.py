"""A receipt for the drawer: a checkpoint on a sheet that a person can print, keep, and hold against the log later.

The checkpoint stands in it to the byte, between two lines that no checkpoint holds; everything around it is for
reading, and proves nothing.
"""

from __future__ import annotations

from datetime import datetime

from ledger.proofs.doubt import Malformed
from ledger.proofs.note import Checkpoint, Verifier, split

_SHEET_BEGIN = b"-----BEGIN CHECKPOINT-----\n"
_SHEET_END = b"-----END CHECKPOINT-----\n"
RECEIPT_BYTES_MAX = 1 << 21


def receipt(note: bytes, key: Verifier, at: datetime) -> bytes:
    """The sheet. note: a checkpoint that was verified. at: when it was taken, UTC.

    Raises Malformed where the note is no checkpoint.
    """
    checkpoint = Checkpoint.parse(split(note)[0])
    head = _SHEET.format(
        origin=checkpoint.origin,
        at=at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        size=f"{checkpoint.size:,}",
        root=checkpoint.root.hex(),
        key=key.text(),
    )
    return head.encode() + _SHEET_BEGIN + note + _SHEET_END


def checkpoint_in(data: bytes) -> bytes:
    """The checkpoint out of a receipt, or what was given where that is no receipt. Raises Malformed for half of one."""
    if len(data) > RECEIPT_BYTES_MAX:
        raise Malformed("This is too long for a receipt.")
    # Whoever keeps a receipt may have opened it in an editor that ends its lines otherwise.
    data = data.replace(b"\r\n", b"\n").removeprefix(b"\xef\xbb\xbf")
    before, begin, rest = data.partition(_SHEET_BEGIN)
    if not begin:
        return data
    note, end, _ = rest.partition(_SHEET_END)
    if not end or (before and not before.endswith(b"\n")):
        raise Malformed("This receipt is cut off: the checkpoint in it has no end.")
    return note


def origin_of(data: bytes) -> str:
    """Which log a checkpoint or receipt says that it is of; nothing is verified. Raises Malformed."""
    return split(checkpoint_in(data))[0].decode().split("\n", 1)[0]


_SHEET = """\
RECEIPT OF PROOF
================

Log             {origin}
Taken           {at}
Events          {size}
Root            {root}
Key of the log  {key}

What this is. Below stands a signed checkpoint: 32 bytes that follow from every
event that the log held then, in its order, to the byte. It says nothing of any
child.

What it is good for. Whoever keeps this sheet can prove later whether anything
of what it covers was changed, left out, put in or moved, by anybody: also by
those who keep the log, its database and its keys. Keep it where they cannot
reach it: in a drawer, printed. A picture of the printed sheet is enough.

How to check. With this file, on a machine of your own:

    sojourn verify --receipt THIS-FILE BUNDLE.zip

where BUNDLE.zip is an evidence bundle of the log (`sojourn export`), or without
a bundle against the live log:

    sojourn witness URL --key {key} \\
        --receipt THIS-FILE

If the log does not go on from this checkpoint, the answer is WRONG. Then the
log was changed, and this sheet is the proof: keep it, and show it to somebody
who does not work for those who keep the log.

"""
