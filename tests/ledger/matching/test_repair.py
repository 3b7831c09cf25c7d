"""A letter that an encoding spoilt is read as it was; one that is lost is like every letter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.matching.names import folded
from ledger.matching.repair import ANY, mended

NAMES = ("Muñoz", "José", "García", "Agüero", "Ibáñez", "Ramón Núñez", "Ángel", "Ñáñez", "Úrsula", "MUÑOZ", "JOSÉ")
SPOILT = (
    ("utf-8", "cp1252"),
    ("utf-8", "latin-1"),
    ("utf-8", "cp850"),
    ("cp1252", "cp850"),
    ("cp850", "cp1252"),
    ("cp850", "latin-1"),
)


UNTELLABLE = {("Úrsula", "cp850")}
"""Ú became é, which names have."""


def spoilt_names() -> Iterator[tuple[str, str]]:
    for name in NAMES:
        for written, read in SPOILT:
            if (name, written) not in UNTELLABLE:
                with suppress(UnicodeDecodeError):  # a byte that the encoding does not have: nobody can have read it so
                    yield name, name.encode(written).decode(read)


@pytest.mark.parametrize(("name", "spoilt"), list(spoilt_names()))
def test_a_name_written_in_one_encoding_and_read_in_another_is_mended(name: str, spoilt: str) -> None:
    assert mended(spoilt) == name


def test_every_way_to_spoil_is_tried_on_most_names() -> None:
    assert len(list(spoilt_names())) > 55


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Mu?oz", f"Mu{ANY}oz"),
        ("Mu??oz", f"Mu{ANY}oz"),
        ("Mu\ufffdoz", f"Mu{ANY}oz"),
        ("Mu\ufffd\ufffdoz", f"Mu{ANY}oz"),
        ("?lvarez", f"{ANY}lvarez"),
        ("Jos?", f"Jos{ANY}"),
        ("Jos? Ib??ez", f"Jos{ANY} Ib{ANY}ez"),
    ],
)
def test_a_lost_letter_is_marked_once_however_many_signs_stand_for_it(sent: str, read: str) -> None:
    assert mended(sent) == read


def test_a_question_mark_beside_no_letter_is_left() -> None:
    assert mended("?") == "?"
    assert mended("Ana ? Cruz") == "Ana ? Cruz"


@pytest.mark.parametrize(
    "name",
    [
        "José",
        "MUÑOZ",
        "Zoë",
        "François",
        "Renée",
        "Strauß",
        "O´Brien",
        "Mª José",
        "Łukasz",
        "İbrahim",
        "Þórr",
        "Nguyễn",
        "李小龙",
        "Ba'tz",
        "María\xa0José",
        "MARIA\xa0JOSE",
    ],
)
def test_a_name_that_is_whole_stays_as_it_is(name: str) -> None:
    assert mended(name) == name


def test_two_spoilt_letters_side_by_side_are_not_taken_for_another_script() -> None:
    assert mended("Ibáñez".encode("cp1252").decode("cp850")) == "Ibáñez"
    assert mended("Íñiguez".encode("cp850").decode("latin-1")) != "\u05a4iguez"


@given(st.text(alphabet="abcdefghijklmnñopqrstuvwxyzáéíóúü ", max_size=20))
def test_spanish_in_small_letters_comes_back_from_utf8_read_as_latin(text: str) -> None:
    assert mended(text.encode().decode("latin-1")) == text
    assert mended(text) == text


@given(st.text(max_size=20))
def test_mending_never_fails_and_the_mark_of_a_lost_letter_is_itself_a_letter(text: str) -> None:
    assert isinstance(mended(text), str)
    assert folded(ANY) == ANY
