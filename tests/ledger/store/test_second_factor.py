"""Codes by time: RFC 6238's own examples, a step of drift and no more, and a secret that opens in its own row only."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ledger.errors import Misconfigured
from ledger.store.second_factor import STEP_S, opened, sealed, shown, step_of, uri
from ledger.store.vault import Vault

SECRET = b"12345678901234567890"
STEP = timedelta(seconds=STEP_S)
ANNA, BEN = uuid.UUID(int=1), uuid.UUID(int=2)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"),
     (20000000000, "353130")],
)  # fmt: skip
def test_the_examples_of_the_standard_hold(seconds: int, code: str) -> None:
    # RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    assert step_of(SECRET, code, at(seconds)) == seconds // STEP_S


def test_a_code_is_taken_a_step_early_or_late_and_no_more() -> None:
    code, begins = "081804", at(1111111109 // STEP_S * STEP_S)
    step = 1111111109 // STEP_S
    last = timedelta(microseconds=1)
    taken = [begins - STEP, begins, begins + STEP - last, begins + 2 * STEP - last]
    assert [step_of(SECRET, code, now) for now in taken] == [step] * 4
    assert [step_of(SECRET, code, now) for now in (begins - STEP - last, begins + 2 * STEP)] == [None, None]


def test_a_code_of_a_leap_day_is_as_any_other() -> None:
    eve = datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)
    code = f"{_code_at(eve):06}"
    assert step_of(SECRET, code, eve) == step_of(SECRET, code, eve + timedelta(seconds=1))


@pytest.mark.parametrize("typed", [" 081 804 ", "081\u00a0804", "０８１８０４", "081804\n"])
def test_a_code_is_read_with_blanks_in_between(typed: str) -> None:
    assert step_of(SECRET, typed, at(1111111109)) is not None


@pytest.mark.parametrize(
    "typed", ["", "81804", "0818040", "٠٨١٨٠٤", "08180a", "\ud800", "-81804", "9" * 10_000], ids=ascii
)
def test_what_is_no_code_is_of_no_step(typed: str) -> None:
    assert step_of(SECRET, typed, at(1111111109)) is None


def test_an_app_is_told_who_it_is_for() -> None:
    told = urlsplit(uri(SECRET, name="maría@example.org", issuer="Sojourn"))
    assert (told.scheme, told.netloc) == ("otpauth", "totp")
    assert unquote(told.path) == "/Sojourn:maría@example.org"
    assert parse_qs(told.query)["secret"] == [shown(SECRET)]


def test_a_sealed_secret_opens_in_its_own_row_under_its_own_key_only(vault: Vault) -> None:
    key, other = vault.make(("a", "access")).key, vault.make(("b", "access")).key
    stored = sealed(key, ANNA, SECRET, os.urandom)
    assert opened(key, ANNA, stored) == SECRET
    assert SECRET not in stored
    assert sealed(key, ANNA, SECRET, os.urandom) != stored, "no key seals twice"
    for wrong in ((other, ANNA, stored), (key, BEN, stored), (key, ANNA, stored[:-1] + bytes([stored[-1] ^ 1]))):
        with pytest.raises(Misconfigured, match="does not open"):
            opened(*wrong)


def _code_at(now: datetime) -> int:
    """The standard's own way (RFC 4226 5.3), written from it."""
    import hashlib
    import hmac

    counter = int(now.timestamp()) // STEP_S
    mac = hmac.new(SECRET, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    start = mac[-1] & 15
    return (int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF) % 10**6
