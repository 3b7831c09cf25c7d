"""A night of Oregon and one of Texas: families that share nothing with each other, each with a question of its own.

Of every child who is to be known everything is told; where one must not be linked by itself, it is for a guard that the
page on matching names, not for a weight.
"""

from __future__ import annotations

import re

from support.matching_watch import UNTOLD, kid
from support.outsider import ENROLLED, Child, Row, row

YEAR = ENROLLED.but(on="20240820", withdrawn="20250520", type="01", grade="05")
"""A whole school year: of one child in Oregon and in Texas, that cannot be."""

GIRL = {"sex": "Female"}
TWIN = {**GIRL, "twin": "Yes"}
ELSEWHERE = {"city": "Morelia", "state": "MIC"}
OTHERS = {"father": "Bonifacio", "mother": "Itzel"}

SPELT = {
    "accents that are gone": ("José Ángel/Muñoz/Peñaloza", "20120107", "JOSE ANGEL/MUNOZ/PENALOZA", "20120107"),
    "Ma. for María": ("María Aurelia/Tecuanhuey/Xolalpa", "20120208", "Ma. Aurelia/Tecuanhuey/Xolalpa", "20120208"),
    "particles": ("Rosalindo/de la Cruz/Ixtepan", "20120309", "Rosalindo/Cruz/Ixtepan", "20120309"),
    "a surname among the given names": (
        "Anastasio/Cuamatzi/Tzompantzi",
        "20120410",
        "Anastasio Cuamatzi/Tzompantzi/",
        "20120410",
    ),
    "surnames in the other order": ("Nicandro/Ahuatzi/Cocoletzi", "20120511", "Nicandro/Cocoletzi/Ahuatzi", "20120511"),
    "UTF-8 read as Latin-1": ("Jesús Fermín/Peña/Zecua", "20120612", "JesÃºs FermÃ\xadn/PeÃ±a/Zecua", "20120612"),
    "a nickname": ("Francisco/Quiahua/Zempoalteca", "20120713", "Paco/Quiahua/Zempoalteca", "20120713"),
    "day and month exchanged": ("Leobardo/Texis/Papalotzi", "20120803", "Leobardo/Texis/Papalotzi", "20120308"),
}
"""One child as Oregon tells of it and as Texas does; all else is the same."""


def of_oregon() -> list[Child]:
    spelt = [kid(f"SPELT{n}", told[0], told[1]) for n, told in enumerate(SPELT.values())]
    return [
        *spelt,
        kid("SURE", "Wilber Antonio/Xicale/Tepoxtle", "20121102"),
        kid("TWIN-A", "Yaretzi Noemí/Zitlalpopoca/Meneses", "20140506", **TWIN),
        kid("TWIN-B", "Marisol Itzel/Zitlalpopoca/Meneses", "20140506", **TWIN),
        kid("ELDER", "Fidencia/Coyotl/Tecuapetla", "20130817", **GIRL),
        kid("NAMESAKE", "Hilario/Juárez/Mendoza", "20131224", **OTHERS),
        kid("PLACES", "Eleuterio/Huamantla/Quechol", "20130305", YEAR.but(state="OR", school="Valor Middle")),
        kid("HALF-A", "Ana Isabel/Cuecuecha/Sarmiento", "20110911", **TWIN),
        kid("HALF-B", "Ana Lucía/Cuecuecha/Sarmiento", "20110911", **TWIN),
        kid("LONE-A", "Gumaro/Popocatl/Lara", "20100728", **OTHERS),
        kid("LONE-B", "Gumaro/Popocatl/Lara", "20100728", **ELSEWHERE),
    ]


def of_texas() -> list[Child]:
    spelt = [
        kid(f"SPELT{n}", told[2], told[3], father_last="", mother_last="") for n, told in enumerate(SPELT.values())
    ]
    return [
        *spelt,
        kid("SURE", "Wilber Antonio/Xicale/Tepoxtle", "20121102"),
        kid("TWIN-A", "Yaretzi Noemí/Zitlalpopoca/Meneses", "20140506", **TWIN),
        kid("TWIN-B", "Marisol Itzel/Zitlalpopoca/Meneses", "20140506", **TWIN),
        kid("YOUNGER", "Itzayana/Coyotl/Tecuapetla", "20170412", **GIRL),
        kid("NAMESAKE", "Hilario/Juárez/Mendoza", "20131224", **ELSEWHERE),
        kid("PLACES", "Eleuterio/Huamantla/Quechol", "20130305", YEAR.but(state="TX", school="Crockett Elementary")),
        kid("HALF", "Ana/Cuecuecha/Sarmiento", "20110911", **GIRL, **UNTOLD),
        kid("LONE", "Gumaro/Popocatl/Lara", "20100728", **UNTOLD),
        kid("IDS-A", "Casimiro/Atonal/Tlapale", "20120121"),
        kid("IDS-B", "Casimiro/Atonal/Tlapale", "20120121"),
        kid("WORD-A", "Brígida/Netzahual/Cuatepitzi", "20130101", **GIRL),
        kid("WORD-B", "Sol/Netzahual/", "20140909", row("K", id="WORD-A", type="01"), **GIRL, **UNTOLD),
    ]


WORDS = sorted(
    {
        word
        for child in (*of_oregon(), *of_texas())
        for one in child.rows[:1]
        if isinstance(one, Row)
        for value in (*one.values[1:5], one.values[10], one.values[12])
        for word in re.findall(r"\w{4,}", value)
    }
)
"""Names of these children and their parents: nothing that is told of matching has one."""
