"""What follows the ledger and answers it: each reactor a module, all of them listed here.

Their machinery came first; the matcher, the timekeeper, the notary and the sender each come with the part that they
serve.
"""

from __future__ import annotations

from ledger.reactors.reactor import Reactor

REACTORS: tuple[Reactor, ...] = ()
"""Every reactor that ``sojourn serve`` keeps running."""
