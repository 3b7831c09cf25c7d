"""The code of a family's access is taken also while nearly every connection is in use."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

from api.given_codes import family_code, take_family
from api.services import Services
from ledger.events import Meta
from support.admitting import BY_HAND, family

POOL = 8
"""Connections that a log's pool has at most (``ledger.store.datastore``)."""
EMAIL = "elena@family.example.org"


def test_a_code_is_taken_with_one_connection_at_a_time(services: Services) -> None:
    admissions, log = services.ledger.admissions, services.ledger.log
    today = admissions.today("OR")
    grant = family(today, today + timedelta(days=30), state="OR")
    made = admissions.open(EMAIL, "Elena Ruiz", [grant], BY_HAND).ids
    account = str(made["account"])
    code = family_code(services, account, int(str(made["grant"]))).text
    with ExitStack() as others:
        for _ in range(POOL - 1):
            others.enter_context(log.connection())
        assert take_family(services, admissions.standing(account), code, Meta(actor=EMAIL))
    assert admissions.standing(account).families
