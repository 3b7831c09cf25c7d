"""A place is the same place however a form writes it."""

from __future__ import annotations

import pytest

from ledger.matching.places import NEIGHBOURS, place
from ledger.matching.repair import mended


@pytest.mark.parametrize(
    ("country", "code"),
    [
        *[
            (name, "MX")
            for name in ("MX", "MEX", "Mexico", "México", "MÉXICO", "Méjico", "M?xico", "Estados Unidos Mexicanos")
        ],
        *[
            (name, "US")
            for name in ("US", "USA", "U.S.A.", "United States", "Estados Unidos", "EE.UU.", "E.U.A.", "EUA")
        ],
        *[(name, "GT") for name in ("GT", "GTM", "Guatemala")],
        *[(name, "HT") for name in ("HT", "HTI", "Haiti", "Haïti", "Ayiti")],
        *[(name, "LA") for name in ("LAO", "Laos", "Lao PDR", "Lao People's Democratic Republic")],
        ("Atlantis", "atlantis"),
        ("", ""),
    ],
)
def test_a_country_has_one_code_by_whatever_name(country: str, code: str) -> None:
    assert place("", "", mended(country)) == ("", "", code)


@pytest.mark.parametrize(
    ("state", "country", "expected"),
    [
        *[(name, "MX", ("OAX", "MX")) for name in ("OAX", "Oax.", "Oaxaca", "OAXACA", "Oaxaca de Juárez", "MX-OAX")],
        *[(name, "", ("OAX", "MX")) for name in ("OAX", "Oax.", "Oaxaca", "MX-OAX")],
        *[(name, "MX", ("CMX", "MX")) for name in ("D.F.", "DF", "Distrito Federal", "CDMX", "Ciudad de México")],
        *[(name, "MX", ("MEX", "MX")) for name in ("Estado de México", "Edo. Mex.", "Edomex", "México")],
        *[(name, "", ("MIC", "MX")) for name in ("Michoacán", "Michoac?n", "Mich.", "Michoacán de Ocampo")],
        *[(name, "MX", ("ROO", "MX")) for name in ("Quintana Roo", "Q. Roo", "QRoo")],
        *[(name, "", ("TX", "US")) for name in ("TX", "Texas", "US-TX", "Tex.")],
        ("Guerrero", "", ("GRO", "MX")),
        ("Quiché", "", ("QC", "GT")),
        ("Artibonite", "", ("AR", "HT")),
        ("La Paz", "HN", ("LP", "HN")),
        ("La Paz", "SV", ("PA", "SV")),
        ("CA", "", ("CA", "US")),
        ("COL", "MX", ("COL", "MX")),
        ("Luang Prabang", "LA", ("luang prabang", "LA")),
        ("Luang Prabang", "", ("luang prabang", "")),
    ],
)
def test_a_state_has_one_code_and_tells_its_country_where_one_country_has_it(
    state: str, country: str, expected: tuple[str, str]
) -> None:
    assert place("", mended(state), country)[1:] == expected


@pytest.mark.parametrize(
    "city", ["San Pedro y San Pablo Ayutla", "SAN PEDRO Y SAN PABLO AYUTLA", "San Pedro, San Pablo (Ayutla)"]
)
def test_a_city_is_its_words_without_the_small_ones(city: str) -> None:
    assert place(city, "", "")[0] == "san pedro san pablo ayutla"


def test_states_that_touch_do_so_from_both_sides() -> None:
    assert all(one in NEIGHBOURS[other] for one, others in NEIGHBOURS.items() for other in others)
    assert all(one not in others for one, others in NEIGHBOURS.items())
    assert len(NEIGHBOURS) == 49  # the lower 48 and the District; Alaska and Hawaii touch none
