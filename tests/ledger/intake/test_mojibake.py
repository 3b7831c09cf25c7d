"""Text that was read in a wrong encoding before it came: what is mended, and what is left alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.intake.lines import is_suspect
from ledger.intake.mojibake import mended, mended_fields
from support.broken_texts import misread

NAMES = (
    "José",
    "Muñoz",
    "MUÑOZ",
    "Álvarez",
    "MARÍA ÍÑIGO",
    "Güemes",
    "Ñusta",
    "Voilà",
    "Zoë Brontë",
    "Chloé d’Angelo",
    "Escuela Peña – Norte",
    "Nguyễn",
    "M̧ajeḷ",
    "Kealiʻi",
    "Ñuu Ndꞌeyi",
    "Łukasz",
    "Œuvre",
    "Calle 5ª, Nº 12",
    unicodedata.normalize("NFD", "José Muñoz"),
)
LATIN_1 = {byte: byte for byte in range(256)}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_was_misread_is_as_it_was(name: str, times: int) -> None:
    assert mended(misread(name, times)) == name


@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_was_read_as_latin_1_is_as_it_was(name: str) -> None:
    assert mended(name.encode().decode("latin-1")) == name


@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_was_never_misread_is_left_alone(name: str) -> None:
    assert mended(name) is None


@pytest.mark.parametrize(
    "value",
    [
        "JOÃO",
        "CONCEIÇÃO",
        "SÃO PAULO",
        "Ã",
        "ÂNGELA",
        "ÅÄÖ",
        "“PELÉ”",
        "CAFÉ™",
        "PIÑA’S",
        "MAÇÃ’S",
        "IRMÃ\u00a0DULCE",
        "José and JosÃ©",
        "JosÃ© ☺",
        "Ã—",
        "",
        "Jose",
        "Уилбер",
    ],
)
def test_a_value_that_does_not_go_back_as_a_whole_is_left_alone(value: str) -> None:
    assert mended(value) is None


def test_what_was_misread_three_times_is_mended_as_far_as_twice_goes() -> None:
    assert mended(misread("Muñoz", 3)) == misread("Muñoz", 1)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F)) | st.text())
def test_mending_loses_nothing(value: str) -> None:
    text = mended(value)
    if text is not None:
        forward = {misread(text, times) for times in (1, 2)}
        latin = text.encode().decode("latin-1")
        assert value in forward | {
            latin,
            misread(latin),
            latin.encode().decode("latin-1"),
            misread(text).encode().decode("latin-1"),
        }


@given(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0xFF, exclude_characters="µ")))
def test_no_value_of_letters_alone_is_touched(value: str) -> None:
    assert mended(value) is None


@given(st.text(st.sampled_from("aeounAEOUN áéíóúüñÁÉÍÓÚÜÑ-.'")), st.integers(1, 2))
def test_every_spanish_name_is_as_it_was(name: str, times: int) -> None:
    assert mended(misread(name, times)) == (None if name.isascii() else name)


@given(st.text(), st.integers(1, 2))
def test_what_would_be_mended_is_always_suspected(text: str, times: int) -> None:
    value = misread(text, times)
    if mended(value) is not None:
        assert is_suspect(value.encode())


@pytest.mark.parametrize("name", ["Jose", "María José", "Muñoz", "JOÃO", "São João", "Nguyễn"])
def test_a_row_as_it_should_be_is_not_suspected(name: str) -> None:
    assert not is_suspect(f"D|0000001|001|{name}|x".encode())


def test_only_what_is_text_is_mended() -> None:
    fields = ["001", "JosÃ©", "", "MuÃ±oz", "", "", "MÃ¡le", "20120314"]
    whole, before = mended_fields("D", fields)
    assert whole == ["001", "José", "", "Muñoz", "", "", "MÃ¡le", "20120314"]
    assert before == {"first_name": "JosÃ©", "last_name_1": "MuÃ±oz"}


@pytest.mark.parametrize("letter", ["S", "K", "I"])
def test_an_id_is_never_mended(letter: str) -> None:
    fields = ["JosÃ©"] * 6
    assert mended_fields(letter, fields) == (fields, {})
