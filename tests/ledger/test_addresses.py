"""E-mail addresses and telephone numbers: taken in one form, refused where nobody could be reached."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.addresses import email, phone


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("ana.ruiz@esd.example.org", "ana.ruiz@esd.example.org"),
        ("  Records@ESD.Example.ORG ", "Records@esd.example.org"),
        ("o'neil+msix@k12.or.example", "o'neil+msix@k12.or.example"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_an_address_that_can_be_written_to_is_taken(given: str, taken: str) -> None:
    assert email(given) == taken


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ana",
        "ana@",
        "@example.org",
        "ana@example",
        "ana@@example.org",
        "ana ruiz@example.org",
        ".ana@example.org",
        "ana.@example.org",
        "a..b@example.org",
        "ana@example..org",
        "ana@-example.org",
        "ana@example-.org",
        "ana@example.org.",
        "ana@example.1",
        "ana@[127.0.0.1]",
        '"ana ruiz"@example.org',
        "añá@example.org",
        "ana@exämple.org",
        "ana@example.org\nBcc: all@example.org",
        "Ana Ruiz <ana@example.org>",
        "mailto:ana@example.org",
        "ana@example.org, ben@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b" * 64 + ".example",
        "a@" + "b." * 130 + "example",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    assert email(given) is None


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("503-555-0101", "+15035550101"),
        ("(503) 555-0101", "+15035550101"),
        ("503.555.0101", "+15035550101"),
        ("1 503 555 0101", "+15035550101"),
        ("+1 (503) 555-0101", "+15035550101"),
        (" 5035550101 ext. 12", "+15035550101 x12"),
        ("503-555-0101, x12", "+15035550101 x12"),
        ("+680 488 1234", "+6804881234"),
        ("+52 55 5555 0101", "+525555550101"),
    ],
)
def test_a_number_that_can_be_dialled_is_taken_in_one_form(given: str, taken: str) -> None:
    assert phone(given) == taken


@pytest.mark.parametrize(
    "given",
    [
        "",
        "555-0101",
        "103-555-0101",
        "503-155-0101",
        "2 503 555 0101",
        "+1 503 555 010",
        "+0 488 1234 5678",
        "503-555-010a",
        "503-555-0101 x",
        "503-555-0101 x1234567",
        "50355501011234567",
        "+1234567890123456",
        "٥٠٣٥٥٥٠١٠١",
        "call the office",
        "503-555-0101 or 503-555-0102",
        "503-555\n-0101",
        "503-555-0101" + " " * 100_000 + "y",
    ],
)
def test_what_is_no_number_is_refused(given: str) -> None:
    assert phone(given) is None


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[a-z+.]{1,9}@[a-zA-Z0-9.-]{3,20}", fullmatch=True)))
def test_an_address_taken_again_stays_as_it_is(text: str) -> None:
    taken = email(text)
    assert taken is None or email(taken) == taken


@given(st.text(alphabet="+0123456789 ().-xet,", max_size=30))
def test_a_number_taken_again_stays_as_it_is(text: str) -> None:
    taken = phone(text)
    assert taken is None or phone(taken) == taken
