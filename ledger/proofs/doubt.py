"""What is raised where a proof, a note or a bundle cannot be accepted. There is no error between accepted and not."""

from __future__ import annotations


class Doubt(Exception):
    """Something is not proven. what: a plain sentence. position, event: of the event concerned, where there is one.

    expected, found: hashes, numbers or names, as text. Nothing of a child stands in any of them.
    """

    def __init__(
        self,
        what: str,
        *,
        position: int | None = None,
        event: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.position = position
        self.event = event
        self.expected = expected
        self.found = found


class Malformed(Doubt):
    """Bytes or text that are not of the form that they must have."""
