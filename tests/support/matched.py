"""Records whose demographics say enough to be matched."""

from __future__ import annotations

from support.files import child, student

WILBER = {
    "first_name": "Wilber",
    "middle_name": "Antonio",
    "last_name_1": "Xicale",
    "last_name_2": "Tepoxtle",
    "sex": "Male",
    "birth_date": "20081102",
    "male_parent_first_name": "Evaristo",
    "male_parent_last_name": "Xicale",
    "female_parent_first_name": "Obdulia",
    "female_parent_last_name": "Tepoxtle",
    "birth_city": "Tlaxiaco",
    "birth_state": "MX-OAX",
    "birth_country": "MX",
}
"""A child of rare names, of whom everything is told."""


def said(number: int, *rows: str, state: str = "OR", **elements: str) -> list[str]:
    """The nth student of a state with these demographics, and further rows as ``support.files.student`` has them."""
    made = student(number, *rows, state=state)
    demographics = child("D", "001", **elements)
    made[1] = f"D|{number:07d}{demographics[1:]}"
    return made
