"""The rules of behaviour: what everybody accepts before the first access, and yearly after it.

Whoever changes their sense changes their edition (``ledger.accounts.RULES_EDITION``): then everybody reads them anew.
"""

from __future__ import annotations

from typing import Final

RULES: Final = (
    "Open a child's record only where your work for that child, or for the program, needs it.",
    "Tell nobody what is in a record who has no right to it, on paper, by voice or on a screen that others see.",
    "Sign in as yourself. Your password, your second factor and your session are yours alone.",
    "Send records by this system, or by a way that your state has approved, and never by ordinary mail or message.",
    "Print only what is needed, keep it locked away, and shred it afterwards.",
    "Lock or leave the session when you go away from the screen.",
    "Say at once when something was seen by, sent to or taken by somebody who should not have it.",
    "Tell your user administrator when you change your work and need this access no longer.",
    "Complete the training each year, and read these rules again with it.",
    "What you do here is recorded, reviewed, and told to families and auditors who ask.",
    "Misuse ends access, and may be punished by law.",
)
