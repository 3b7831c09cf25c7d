"""What stands beside the log of what may go: counted, so that whoever proposes sees how far it reaches."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """rows: read model to how many of its rows name what would go; they follow. bundles: exports of which it was a
    part; those stay with whoever has them."""

    rows: Mapping[str, int]
    bundles: int
