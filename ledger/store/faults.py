"""Named points at which a test may kill the process. Unarmed, a point costs one comparison.

Armed by ``SOJOURN_FAULT=NAME[:N]`` through the settings: the Nth passing of point NAME ends the process as SIGKILL
would, so that nothing is flushed, closed or answered. Each point stands where a comment says what is durable.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "sequencer.before-lock",
    "sequencer.in-copy",
    "sequencer.before-commit",
    "sequencer.after-commit",
    "projector.in-transaction",
    "rebuild.in-swap",
    "intake.in-pass-one",
    "intake.after-pass-one",
    "intake.received",
    "intake.before-chunk",
    "intake.between-chunks",
    "intake.before-completed",
    "intake.completed",
    "uploads.sealed",
    "uploads.enqueued",
    "uploads.applied",
    "uploads.settled",
    "disclosure.before-entry",
    "disclosure.entry-durable",
    "edge.answer-begun",
    "disposal.decided",
    "disposal.told",
    "notary.before-signed",
    "notary.signed",
    "notary.committed",
)

_armed: str | None = None
_left = 0


def arm(setting: str | None) -> None:
    """Arm ``NAME`` or ``NAME:N`` (the Nth passing kills); None disarms. Raises ValueError on an unknown name."""
    global _armed, _left
    if not setting:
        _armed = None
        return
    name, _, count = setting.partition(":")
    if name not in POINTS:
        raise ValueError(f"unknown fault point {name!r}; known: {', '.join(POINTS)}")
    _armed, _left = name, int(count or 1)


def armed(name: str) -> bool:
    """Whether this point would do something: asked where standing at it costs a round trip."""
    return _armed == name


def point(name: str) -> None:
    """Pass a named point; here the process may end."""
    global _left
    if _armed != name:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
