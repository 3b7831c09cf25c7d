"""Student ids and version 7 UUIDs."""

from __future__ import annotations

import hashlib
import random
import threading
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadValue
from ledger.ids import NUMBERS, Uuid7Source, is_student_id, student_id, student_number

numbers = st.integers(min_value=0, max_value=NUMBERS - 1)


def test_the_permutation_never_changes() -> None:
    assert [student_id(number) for number in (0, 1, 2, 3, 1_000_000, NUMBERS - 1)] == GOLDEN


def test_a_long_run_of_ids_never_changes() -> None:
    ids = "".join(student_id(number) for number in range(10_000))
    assert hashlib.sha256(ids.encode()).hexdigest() == GOLDEN_DIGEST


@given(numbers)
def test_every_number_comes_back_from_its_id(number: int) -> None:
    assert student_number(student_id(number)) == number


@given(st.integers(min_value=0, max_value=NUMBERS - 1))
def test_every_body_of_eleven_digits_is_the_id_of_one_number(body: int) -> None:
    text = next(f"{body:011d}{check}" for check in "0123456789" if is_student_id(f"{body:011d}{check}"))
    assert student_id(student_number(text)) == text


@given(numbers, st.integers(min_value=0, max_value=11), st.integers(min_value=1, max_value=9))
def test_every_single_wrong_digit_is_caught(number: int, place: int, shift: int) -> None:
    text = student_id(number)
    wrong = text[:place] + str((int(text[place]) + shift) % 10) + text[place + 1 :]
    assert not is_student_id(wrong)


def test_the_reference_agrees_with_the_standards_example() -> None:
    assert _iso_7064_mod_11_10("0794") == "5"  # the example of ISO/IEC 7064 for MOD 11,10


@given(numbers)
def test_the_check_digit_is_that_of_iso_7064(number: int) -> None:
    text = student_id(number)
    assert text[11] == _iso_7064_mod_11_10(text[:11])


@pytest.mark.parametrize(
    "text", ["", "1", "12345678901", "1234567890123", "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢", " 12345678901", "12345678901²"]
)
def test_what_is_not_twelve_digits_is_no_student_id(text: str) -> None:
    assert not is_student_id(text)
    with pytest.raises(BadValue) as caught:
        student_number(text)
    assert caught.value.rule == "student-id"


@pytest.mark.parametrize("number", [-1, NUMBERS])
def test_a_number_out_of_range_has_no_id(number: int) -> None:
    with pytest.raises(ValueError, match="between 0 and"):
        student_id(number)


def test_neighbouring_numbers_do_not_look_alike() -> None:
    leading = {student_id(number)[:3] for number in range(2_000)}
    assert len(leading) > 800


def _source(instants: list[int]) -> Uuid7Source:
    noise = random.Random(7)
    ticks = iter(instants)
    return Uuid7Source(lambda: next(ticks), noise.randbytes)


def test_an_id_has_version_variant_and_time_of_rfc_9562() -> None:
    made = uuid.UUID(bytes=_source([1_645_557_742_000_500_000]).next())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == 1_645_557_742_000
    assert (made.int >> 64) & 0xFFF == 2048  # half a millisecond


def test_the_text_is_the_usual_form() -> None:
    assert _source([10**18]).next_text() == str(uuid.UUID(bytes=_source([10**18]).next()))


@given(st.lists(st.integers(min_value=10**18, max_value=10**18 + 10**7), min_size=2, max_size=60))
def test_ids_grow_though_the_clock_stands_or_steps_back(instants: list[int]) -> None:
    source = _source(instants)
    made = [source.next() for _ in instants]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_threads_that_share_a_source_never_get_the_same_id() -> None:
    noise = random.Random(1)
    source = Uuid7Source(lambda: 10**18, noise.randbytes)
    made: list[list[bytes]] = [[] for _ in range(4)]

    def mint(into: list[bytes]) -> None:
        into.extend(source.next() for _ in range(2_000))

    threads = [threading.Thread(target=mint, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for into in made for one in into}) == 8_000
    assert all(into == sorted(into) for into in made)


def _iso_7064_mod_11_10(body: str) -> str:
    """The standard's own recursion, as it is written there."""
    product = 10
    for digit in body:
        total = (product + int(digit)) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


GOLDEN = ["310890258979", "965716045977", "289277507863", "433860044385", "658110337130", "334989946320"]
GOLDEN_DIGEST = "bd3cad1684292c97f40b1e10a6378dee58b96f30369fa4d4c8d24e5c7e4a0f99"
