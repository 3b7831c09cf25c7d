"""States and territories by name, in both languages, for who types one and who reads one. Pure.

Invariant: every code of the layout has a name here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.console.words import LANGUAGES, N_
from ledger.matching.names import folded

NAMES: Final[Mapping[str, str]] = {
    "AL": N_("Alabama"),
    "AK": N_("Alaska"),
    "AZ": N_("Arizona"),
    "AR": N_("Arkansas"),
    "CA": N_("California"),
    "CO": N_("Colorado"),
    "CT": N_("Connecticut"),
    "DE": N_("Delaware"),
    "DC": N_("District of Columbia"),
    "FL": N_("Florida"),
    "GA": N_("Georgia"),
    "HI": N_("Hawaii"),
    "ID": N_("Idaho"),
    "IL": N_("Illinois"),
    "IN": N_("Indiana"),
    "IA": N_("Iowa"),
    "KS": N_("Kansas"),
    "KY": N_("Kentucky"),
    "LA": N_("Louisiana"),
    "ME": N_("Maine"),
    "MD": N_("Maryland"),
    "MA": N_("Massachusetts"),
    "MI": N_("Michigan"),
    "MN": N_("Minnesota"),
    "MS": N_("Mississippi"),
    "MO": N_("Missouri"),
    "MT": N_("Montana"),
    "NE": N_("Nebraska"),
    "NV": N_("Nevada"),
    "NH": N_("New Hampshire"),
    "NJ": N_("New Jersey"),
    "NM": N_("New Mexico"),
    "NY": N_("New York"),
    "NC": N_("North Carolina"),
    "ND": N_("North Dakota"),
    "OH": N_("Ohio"),
    "OK": N_("Oklahoma"),
    "OR": N_("Oregon"),
    "PA": N_("Pennsylvania"),
    "RI": N_("Rhode Island"),
    "SC": N_("South Carolina"),
    "SD": N_("South Dakota"),
    "TN": N_("Tennessee"),
    "TX": N_("Texas"),
    "UT": N_("Utah"),
    "VT": N_("Vermont"),
    "VA": N_("Virginia"),
    "WA": N_("Washington"),
    "WV": N_("West Virginia"),
    "WI": N_("Wisconsin"),
    "WY": N_("Wyoming"),
    "AS": N_("American Samoa"),
    "FM": N_("Micronesia"),
    "GU": N_("Guam"),
    "MH": N_("Marshall Islands"),
    "MP": N_("Northern Mariana Islands"),
    "PW": N_("Palau"),
    "PR": N_("Puerto Rico"),
    "VI": N_("Virgin Islands"),
}
"""USPS code to the English name, which is the key of the Spanish one."""

CODES: Final[Mapping[str, str]] = {
    folded(words.gettext(name)): code for words in LANGUAGES.values() for code, name in NAMES.items()
}
"""Name, without accents and capitals, in either language to the code."""


def choices(language: str) -> list[tuple[str, str]]:
    """For a form: code and name, in the order of the names."""
    said = LANGUAGES[language].gettext
    return sorted(((code, said(name)) for code, name in NAMES.items()), key=lambda one: folded(one[1]))
