"""The two kinds of id that the ledger mints: student ids for people, version 7 UUIDs for streams and events.

A *student id* is 12 digits that a person can read over the telephone: a number from a sequence, sent through a fixed
permutation so that neighbours do not look alike, and a check digit that catches every single wrong digit. The
permutation hides nothing (it stands here); it must only never change, since every id ever shown has to resolve.

A *uuid7* sorts by the time of its making. Clock and randomness are handed in; this module reads neither by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from ledger.errors import BadValue

NUMBERS: Final = 10**11
"""How many student ids there are: the numbers 0 to NUMBERS - 1."""

_HALF: Final = 316_228
"""Smallest whole number whose square is at least NUMBERS: the permutation works on pairs of numbers below it."""

_ROUND_KEYS: Final = (
    0x9E3779B97F4A7C15,
    0xBF58476D1CE4E5B9,
    0x94D049BB133111EB,
    0xD6E8FEB86659FD93,
    0xA0761D6478BD642F,
    0xE7037ED1A0B428DB,
)
"""Odd constants, one a round. Never to be changed: a golden test holds the permutation."""

_MASK: Final = (1 << 64) - 1


def student_id(number: int) -> str:
    """The student id of a sequence number: 11 permuted digits and an ISO 7064 MOD 11,10 check digit.

    Raises ValueError when the number is outside 0 to 99,999,999,999: the sequence is used up or was misread.
    """
    if not 0 <= number < NUMBERS:
        raise ValueError(f"a student number lies between 0 and {NUMBERS - 1}, not at {number}")
    body = f"{_permuted(number):011d}"
    return body + _check_digit(body)


def student_number(student_id: str) -> int:
    """The sequence number behind a student id: the inverse of :func:`student_id`.

    Raises BadValue (rule ``student-id``) when the text is no student id.
    """
    if not is_student_id(student_id):
        raise BadValue(
            "This is not a student id.",
            rule="student-id",
            remedy="A student id is 12 digits, the last of them a check digit. Compare it with where it was read.",
            element="student_id",
        )
    return _unpermuted(int(student_id[:11]))


def is_student_id(text: str) -> bool:
    """Whether the text has the form of a student id: 12 ASCII digits whose check digit is right, and in range."""
    return len(text) == 12 and text.isascii() and text.isdigit() and _check_digit(text[:11]) == text[11]


class Uuid7Source:
    """Version 7 UUIDs of one process, each greater than the one before (RFC 9562, section 5.7 and 6.2 method 3).

    clock_ns: nanoseconds since 1970 (``time.time_ns``). random_bytes: gives that many random bytes
    (``os.urandom``); it is asked for a few kilobytes at a time. The 12 bits behind the milliseconds hold the part
    of a millisecond; when the clock stands still or steps back they count on, so order never breaks. Safe to share
    between threads.
    """

    _BATCH = 512

    def __init__(self, clock_ns: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._clock_ns = clock_ns
        self._random_bytes = random_bytes
        self._lock = threading.Lock()
        self._last = 0
        self._pool: bytes = b""
        self._used = 0

    def next(self) -> bytes:
        """The next id: 16 bytes, big-endian."""
        return self._next_int().to_bytes(16, "big")

    def next_text(self) -> str:
        """The next id in the usual form with hyphens, lower case, 36 characters."""
        digits = f"{self._next_int():032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _next_int(self) -> int:
        now = self._clock_ns()
        # 60 bits of time: 48 of milliseconds, then 12 that part a millisecond into 4096.
        milliseconds, rest = divmod(now, 1_000_000)
        time_bits = (milliseconds << 12) | (rest * 4096 // 1_000_000)
        with self._lock:
            if time_bits <= self._last:
                time_bits = self._last + 1
            self._last = time_bits
            if self._used == len(self._pool):
                self._pool = self._random_bytes(8 * self._BATCH)
                self._used = 0
            noise = self._pool[self._used : self._used + 8]
            self._used += 8
        random_bits = int.from_bytes(noise, "big") & 0x3FFF_FFFF_FFFF_FFFF
        return (
            ((time_bits >> 12) & 0xFFFF_FFFF_FFFF) << 80
            | 0x7 << 76
            | (time_bits & 0xFFF) << 64
            | 0b10 << 62
            | random_bits
        )


def _scramble(value: int, key: int) -> int:
    mixed = ((value + 1) * key) & _MASK
    mixed = ((mixed ^ (mixed >> 29)) * key) & _MASK
    return (mixed ^ (mixed >> 32)) % _HALF


def _permuted(number: int) -> int:
    while True:
        left, right = divmod(number, _HALF)
        for key in _ROUND_KEYS:
            left, right = right, (left + _scramble(right, key)) % _HALF
        number = left * _HALF + right
        # _HALF squared is a little more than NUMBERS: what falls outside walks on until it is inside again.
        if number < NUMBERS:
            return number


def _unpermuted(number: int) -> int:
    while True:
        left, right = divmod(number, _HALF)
        for key in reversed(_ROUND_KEYS):
            left, right = (right - _scramble(left, key)) % _HALF, left
        number = left * _HALF + right
        if number < NUMBERS:
            return number


def _steps() -> dict[int, dict[str, int]]:
    steps: dict[int, dict[str, int]] = {}
    for product in range(1, 11):
        steps[product] = {str(digit): (((product + digit) % 10 or 10) * 2) % 11 for digit in range(10)}
    return steps


_STEPS: Final = _steps()
"""ISO 7064 MOD 11,10: the running product after one more digit."""


def _check_digit(body: str) -> str:
    product = 10
    for digit in body:
        product = _STEPS[product][digit]
    return str((11 - product) % 10)
