"""Which passwords are taken: by length and by what is guessed first, and never by which signs they are made of."""

from __future__ import annotations

import unicodedata

import pytest

from ledger.errors import PasswordRefused
from ledger.store.passwords import BYTES_MAX, CHARACTERS_MIN, COMMON, chosen, prepared

OWN = ("maria.garcia@office.example.org", "María José", "García Ñúñez")


def why(typed: str) -> str:
    with pytest.raises(PasswordRefused) as told:
        chosen(typed, OWN)
    assert told.value.element == "password"
    assert told.value.remedy
    if len(typed) >= 6:
        assert typed not in str(told.value)
    return told.value.what


@pytest.mark.parametrize(
    "typed",
    [
        "tejado lluvia caballo azul",
        "lluvia de ñandúes",
        "839201748265",
        "zq8#kTw2pL!v",
        "пароль и вода",
        "雨の日の屋根の上の猫と犬と",
        "🐎🔋📎🌧️🏠🌵🪁🥑🧶🚲🎻🪴",
        "A maria horse walks home",
        "correct horse battery staple",
    ],
)
def test_what_nobody_guesses_first_is_taken_whatever_it_is_made_of(typed: str) -> None:
    assert chosen(typed, OWN) == prepared(typed)


@pytest.mark.parametrize("typed", ["", "x", "zq8#kTw2pL!", "ñ" * 11])
def test_what_is_too_short_is_refused(typed: str) -> None:
    assert f"fewer than {CHARACTERS_MIN}" in why(typed)


def test_a_character_counts_once_however_many_bytes_or_parts_it_has() -> None:
    eleven = "ñóáéú-lluvia"[:11]
    assert "fewer" in why(unicodedata.normalize("NFD", eleven))
    assert len(unicodedata.normalize("NFD", eleven)) > CHARACTERS_MIN
    assert chosen(unicodedata.normalize("NFD", eleven + "z"), OWN) == eleven + "z"


def test_a_long_one_is_taken_whole_up_to_a_thousand_bytes() -> None:
    words = "lluvia tejado caballo azul " * 100
    assert len(prepared(words[:BYTES_MAX])) == BYTES_MAX
    for typed in (words[: BYTES_MAX + 1], "ñ" * 501, "\ufdfa" * 60, "x" * 10_000_000):
        with pytest.raises(PasswordRefused, match="1,000 bytes"):
            prepared(typed)


@pytest.mark.parametrize(
    "typed", ["lluvia\ttejado", "lluvia tejado\n", "lluvia\x00tejado", "lluvia\ud800tejado", "\ue000" * 12]
)
def test_what_nobody_types_is_refused(typed: str) -> None:
    with pytest.raises(PasswordRefused, match="no text"):
        prepared(typed)


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("man\u0303ana lluvia", "mañana lluvia"),
        ("lluvia\u00a0tejado", "lluvia tejado"),
        ("lluvia\u3000tejado", "lluvia tejado"),
        ("ｌｌｕｖｉａ tejado", "lluvia tejado"),
        ("ﬁnca del tejado", "finca del tejado"),
    ],
)
def test_two_ways_to_type_a_password_are_one(typed: str, same: str) -> None:
    assert prepared(typed) == prepared(same) == same


def test_capitals_accents_and_blanks_tell_passwords_apart() -> None:
    typed = ["lluvia tejado", "Lluvia tejado", "llúvia tejado", "lluvia  tejado", "lluvia tejado ", "lluviatejado"]
    assert len({prepared(one) for one in typed}) == len(typed)


@pytest.mark.parametrize(
    "typed",
    ["aaaaaaaaaaaa", "abcabcabcabc", "abcdefabcdef", "123456789012", "098765432109", "abcdef123456", "qwertyuiop12",
     "QWERTYASDFGH", "zyxwvutsrqponml", "١٢٣٤٥٦٧٨٩٠١٢", "ññññññññññññ"],
)  # fmt: skip
def test_a_run_or_a_repetition_is_refused(typed: str) -> None:
    assert "run or a repetition" in why(typed)


@pytest.mark.parametrize(
    "typed",
    ["password12345!", "P@ssw0rd2025!!", "PasswordPassword", "contraseña2027", "CONTRASEÑA-2027", "tequieromucho1",
     "Summer2027!!!", "verano-verano-99", "dragonmaster99", "iloveyou-iloveyou", "correcthorsebatterystaple",
     "sojourn-oregon-1"],
)  # fmt: skip
def test_what_is_made_of_common_words_is_refused(typed: str) -> None:
    assert "guessed first" in why(typed)


@pytest.mark.parametrize(
    "typed",
    ["maria.garcia@office.example.org", "MariaGarcia2025!", "garcía-nunez-1", "N\u0303u\u0301n\u0303ez.Jose.7",
     "office.example.1", "M4r1a-G4rc1a!!", "garciagarciagarcia"],
)  # fmt: skip
def test_what_is_made_of_ones_own_name_or_address_is_refused(typed: str) -> None:
    assert "guessed first" in why(typed)
    if "office" not in typed.lower():
        assert chosen(typed + " tejado azul", OWN), "with something else beside it is another matter"


def test_a_name_of_another_is_not_ones_own() -> None:
    assert chosen("MariaGarcia2025!", ("ben@example.org", "Ben", "Ó"))


def test_no_common_word_is_so_short_that_it_is_in_everything() -> None:
    assert min(map(len, COMMON)) >= 4
    assert len(COMMON) > 150
