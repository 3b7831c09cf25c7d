"""Birth places made comparable: a city as words, a state and a country as codes, however a state writes them.

The table (``places.csv``) is our own: the countries that these children are born in, and the first subdivisions of the
commonest, with the names that forms have for them. Codes are ISO 3166-1 alpha-2 and the second part of ISO 3166-2.
Pure.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib import resources
from typing import Final

from ledger.matching.names import folded
from ledger.matching.repair import ANY

_SMALL: Final = frozenset(["de", "del", "la", "las", "los", "el", "y", "the", "of"])


NEIGHBOURS: Final[Mapping[str, frozenset[str]]] = {
    state: frozenset(others.split())
    for state, others in {
        "AL": "FL GA MS TN",
        "AR": "LA MO MS OK TN TX",
        "AZ": "CA CO NM NV UT",
        "CA": "AZ NV OR",
        "CO": "AZ KS NE NM OK UT WY",
        "CT": "MA NY RI",
        "DC": "MD VA",
        "DE": "MD NJ PA",
        "FL": "AL GA",
        "GA": "AL FL NC SC TN",
        "IA": "IL MN MO NE SD WI",
        "ID": "MT NV OR UT WA WY",
        "IL": "IA IN KY MO WI",
        "IN": "IL KY MI OH",
        "KS": "CO MO NE OK",
        "KY": "IL IN MO OH TN VA WV",
        "LA": "AR MS TX",
        "MA": "CT NH NY RI VT",
        "MD": "DC DE PA VA WV",
        "ME": "NH",
        "MI": "IN OH WI",
        "MN": "IA ND SD WI",
        "MO": "AR IA IL KS KY NE OK TN",
        "MS": "AL AR LA TN",
        "MT": "ID ND SD WY",
        "NC": "GA SC TN VA",
        "ND": "MN MT SD",
        "NE": "CO IA KS MO SD WY",
        "NH": "MA ME VT",
        "NJ": "DE NY PA",
        "NM": "AZ CO OK TX UT",
        "NV": "AZ CA ID OR UT",
        "NY": "CT MA NJ PA VT",
        "OH": "IN KY MI PA WV",
        "OK": "AR CO KS MO NM TX",
        "OR": "CA ID NV WA",
        "PA": "DE MD NJ NY OH WV",
        "RI": "CT MA",
        "SC": "GA NC",
        "SD": "IA MN MT ND NE WY",
        "TN": "AL AR GA KY MO MS NC VA",
        "TX": "AR LA NM OK",
        "UT": "AZ CO ID NM NV WY",
        "VA": "DC KY MD NC TN WV",
        "VT": "MA NH NY",
        "WA": "ID OR",
        "WI": "IA IL MI MN",
        "WV": "KY MD OH PA VA",
        "WY": "CO ID MT NE SD UT",
    }.items()
}
"""States that touch: a child may live in the one and go to school in the other."""


@lru_cache(maxsize=50_000)
def place(city: str, state: str, country: str) -> tuple[str, str, str]:
    """City, state and country of birth; each empty where it was not sent. A name that the table does not have stays a
    folded name, so that it is still equal to itself."""
    land = _country(folded(country))
    land, part = _state(folded(state), land)
    where = " ".join(word for word in folded(city).split() if word not in _SMALL)
    return where, part, land


def _country(name: str) -> str:
    known = _CODES.get(name) or _COUNTRIES.get(name)
    return known or _COUNTRIES.get(_with_letters(name, _COUNTRIES), name)


def _with_letters(name: str, known: Collection[str]) -> str:
    """The one known name that this is, whatever letters it has lost; itself where there is none, or several."""
    if ANY not in name:
        return name
    pattern = re.compile(re.escape(name).replace(ANY, ".?"))
    found = [one for one in known if pattern.fullmatch(one)]
    return found[0] if len(found) == 1 else name


def _state(name: str, country: str) -> tuple[str, str]:
    """Country and state: a state that only one country has tells the country too."""
    if not name:
        return country, ""
    name = _with_letters(name, _LANDS)
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
