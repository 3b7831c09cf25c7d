"""Birth places made comparable: a city as words, a state and a country as codes, however a state writes them.

The table (``places.csv``) is our own: the countries that these children are born in, and the first subdivisions of the
commonest, with the names that forms have for them. Codes are ISO 3166-1 alpha-2 and the second part of ISO 3166-2.
Pure.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib import resources
from typing import Final

from ledger.matching.names import folded

_SMALL: Final = frozenset(["de", "del", "la", "las", "los", "el", "y", "the", "of"])


@lru_cache(maxsize=50_000)
def place(city: str, state: str, country: str) -> tuple[str, str, str]:
    """City, state and country of birth; each empty where it was not sent. A name that the table does not have stays a
    folded name, so that it is still equal to itself."""
    land = _country(folded(country))
    land, part = _state(folded(state), land)
    where = " ".join(word for word in folded(city).split() if word not in _SMALL)
    return where, part, land


def _country(name: str) -> str:
    return _CODES.get(name) or _COUNTRIES.get(name, name)


def _state(name: str, country: str) -> tuple[str, str]:
    """Country and state: a state that only one country has tells the country too."""
    if not name:
        return country, ""
    head, _, tail = name.partition(" ")
    if tail and _CODES.get(head) and (_CODES[head], tail) in _STATES:  # MX-OAX
        return country or _CODES[head], _STATES[_CODES[head], tail]
    if country:
        return country, _STATES.get((country, name), name)
    lands = _LANDS.get(name, ())
    for land in ("US", "MX", *lands[:1]):  # where several have the name, the commoner birth place
        if land in lands:
            return land, _STATES[land, name]
    return "", name


def _read() -> tuple[dict[str, str], dict[tuple[str, str], str], dict[str, tuple[str, ...]]]:
    countries: dict[str, str] = {}
    states: dict[tuple[str, str], str] = {}
    lands: dict[str, tuple[str, ...]] = {}
    text = resources.files("ledger.matching").joinpath("places.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        land, code = row["country"], row["code"]
        if not code:
            countries.update(dict.fromkeys(row["names"].split("|"), land))
            continue
        for name in (code.casefold(), *row["names"].split("|")):
            states.setdefault((land, name), code)
            if land not in lands.get(name, ()):
                lands[name] = (*lands.get(name, ()), land)
    return countries, states, lands


def _codes() -> dict[str, str]:
    """Either code of a country, folded, to its alpha-2."""
    text = resources.files("ledger").joinpath("countries.csv").read_text("utf-8")
    found: dict[str, str] = {}
    for row in csv.DictReader(text.splitlines()):
        found[row["alpha_2"].casefold()] = found[row["alpha_3"].casefold()] = row["alpha_2"]
    return found


_COUNTRIES, _STATES, _LANDS = _read()
_CODES: Final = _codes()
