"""What a verifier says: all that is claimed is proven, or the first thing that is wrong. There is no third verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from ledger.proofs.bundle import plain
from ledger.proofs.doubt import Doubt
from ledger.proofs.note import Opened


class Verdict(NamedTuple):
    """proven: sentences, each of which holds. unproven: what was not asked, or cannot be told from this bundle.

    wrong: the first thing that is wrong; with it, nothing that the bundle says counts.
    """

    proven: tuple[str, ...]
    unproven: tuple[str, ...]
    wrong: Doubt | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return self.wrong is None

    def text(self) -> str:
        """For a person. What a hostile bundle names is told so that it moves no cursor."""
        if self.wrong is None:
            lines = ["PROVEN", *(f"  {line}" for line in self.proven)]
            lines += ["NOT PROVEN", *(f"  {line}" for line in self.unproven)] if self.unproven else []
        else:
            lines = ["WRONG", f"  {self.wrong.what}"]
            lines += [f"  {name}: {value}" for name, value in _details(self.wrong).items()]
        return "".join(f"{plain(line)}\n" for line in lines)

    def told(self) -> dict[str, object]:
        """For a program."""
        wrong = None if self.wrong is None else {"what": self.wrong.what, **_details(self.wrong)}
        return {"holds": self.holds, "proven": list(self.proven), "unproven": list(self.unproven), "wrong": wrong}


def _details(doubt: Doubt) -> dict[str, object]:
    told = {"position": doubt.position, "event": doubt.event, "expected": doubt.expected, "found": doubt.found}
    return {name: value for name, value in told.items() if value is not None}


def witnessed(opened: Opened) -> list[str]:
    """Who has cosigned a checkpoint, of those who were named, and when."""
    told: list[str] = []
    for signed in opened.signed:
        if signed.at is not None:
            told_at = datetime.fromtimestamp(signed.at, UTC).isoformat() if signed.at < 1 << 37 else str(signed.at)
            told.append(f"{signed.by.name} has cosigned it, by its own clock at {told_at}.")
    return told
