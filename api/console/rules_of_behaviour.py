"""The rules of behaviour: what everybody accepts before the first access, and yearly after it.

Whoever changes their sense changes their edition (``ledger.accounts.RULES_EDITION``): then everybody reads them anew.
"""

from __future__ import annotations

from typing import Final

from api.console.words import N_

DISCLAIMER: Final = N_(
    "A read-only user of a state sees what schools have sent, as they sent it, and changes none of it. It is used for"
    " the child's placement and services alone, is passed on to nobody, and is no transcript: whoever needs one asks"
    " the school."
)
"""What a read-only user of a state accepts when he applies (``ledger.applications.DISCLAIMER_EDITION``)."""

RULES: Final = (
    N_("Open a child's record only where your work for that child, or for the program, needs it."),
    N_("Tell nobody what is in a record who has no right to it, on paper, by voice or on a screen that others see."),
    N_("Sign in as yourself. Your password, your second factor and your session are yours alone."),
    N_("Send records by this system, or by a way that your state has approved, and never by ordinary mail or message."),
    N_("Print only what is needed, keep it locked away, and shred it afterwards."),
    N_("Lock or leave the session when you go away from the screen."),
    N_("Say at once when something was seen by, sent to or taken by somebody who should not have it."),
    N_("Tell your user administrator when you change your work and need this access no longer."),
    N_("Complete the training each year, and read these rules again with it."),
    N_("What you do here is recorded, reviewed, and told to families and auditors who ask."),
    N_("Misuse ends access, and may be punished by law."),
)
