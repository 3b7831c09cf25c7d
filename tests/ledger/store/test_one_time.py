"""How a one-time code is written and read: however somebody types it, and not one bit beside."""

from __future__ import annotations

import os

import pytest

from ledger.store.one_time import ALPHABET, digest, drawn, read, shown

CODE = "K7QF2M9TXW4RPV3C01ND"


def test_a_code_is_shown_in_groups_of_four() -> None:
    assert shown(CODE) == "K7QF-2M9T-XW4R-PV3C-01ND"


@pytest.mark.parametrize(
    "typed",
    [
        "K7QF-2M9T-XW4R-PV3C-01ND",
        "k7qf-2m9t-xw4r-pv3c-01nd",
        "K7QF 2M9T XW4R PV3C OIND",
        "k7qf2m9txw4rpv3colnd",
        "  K7QF–2M9T—XW4R‑PV3C - o1nd\n",
        "K7QF\u00a02M9T\u2003XW4R\u200bPV3C\u00ad01ND",
        "Ｋ７ＱＦ－２Ｍ９Ｔ－ＸＷ４Ｒ－ＰＶ３Ｃ－０１ＮＤ",
    ],
)
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert read(typed, len(CODE)) == CODE


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        CODE[:-1],
        CODE + "0",
        CODE[:-1] + "U",
        CODE[:-1] + "ñ",
        CODE[:-1] + "٣",
        "\ud800" * 20,
        " " * 300 + CODE,
    ],
    ids=ascii,
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read(typed, len(CODE)) is None


def test_every_character_is_drawn_and_none_that_looks_like_another() -> None:
    seen = set(drawn(4_000, os.urandom))
    assert seen == set(ALPHABET)
    assert seen.isdisjoint("ILOU")
    assert len(ALPHABET) == 32


@pytest.mark.parametrize("characters", [1, 5, 15, 16])
def test_each_character_is_five_bits_of_what_was_drawn(characters: int) -> None:
    assert drawn(characters, lambda n: b"\xff" * n) == "Z" * characters
    assert drawn(characters, bytes) == "0" * characters
    every = {drawn(1, lambda n, b=b: bytes([b]) * n) for b in range(32)}
    assert every == set(ALPHABET)


def test_a_digest_is_of_the_code_and_not_of_how_it_was_typed() -> None:
    assert digest(read("o1nd", 4) or "") == digest("01ND")
    assert digest("01ND") != digest("01NE")
