"""Every event of a trail has a code of ISO/TS 21089, and the page says which, under which name, and which are ours."""

from __future__ import annotations

import re

from ledger.events import case, linkage, record
from ledger.events.retention import KeyDestroyed
from projections.life_cycle import CODES, NAMES, OPPOSITE
from support.sources import ROOT

PAGE = (ROOT / "docs" / "reference" / "audit-trail.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z-]+\.v\d+)` \| `([a-z]+)` \| ([^|]+) \| (ours)? ?\| ([^|]+) \|$", re.MULTILINE)
STANDARD = {
    "access", "amend", "archive", "attest", "decrypt", "deidentify", "deprecate", "destroy", "disclose", "encrypt",
    "extract", "hold", "link", "merge", "originate", "pseudonymize", "reactivate", "receive", "reidentify", "report",
    "restore", "transform", "transmit", "unhold", "unlink", "unmerge", "verify",
}  # fmt: skip
"""The 27 codes that HL7 publishes for the standard's record life-cycle events."""


def test_every_event_that_a_trail_tells_has_a_code_of_the_standard() -> None:
    told = {event.topic for page in (record, linkage, case) for event in page.EVENTS}
    assert set(CODES) == told | {KeyDestroyed.topic}
    assert {one.code for one in CODES.values()} | set(OPPOSITE.values()) == set(NAMES)
    assert set(NAMES) <= STANDARD


def test_what_takes_back_is_the_opposite_of_what_it_takes_back() -> None:
    assert all(OPPOSITE[OPPOSITE[code]] == code for code in OPPOSITE)


def test_the_page_says_the_code_of_every_event_its_name_and_whether_it_is_ours() -> None:
    rows = {
        topic: (code, name.strip(), ours == "ours", why.strip()) for topic, code, name, ours, why in ROW.findall(PAGE)
    }
    assert set(rows) == set(CODES)
    for topic, known in CODES.items():
        code, name, ours, why = rows[topic]
        assert (code, name, ours) == (known.code, NAMES[known.code], known.ours), topic
        assert why
