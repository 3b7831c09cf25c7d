"""Where the sample's families live and work: towns, school districts and schools of each state, and its school year.

The directory is made up and consistent: a school has one id, one name and one district, in whatever row it is named.
Ids have the form of the national ones (district: two digits of the state and five; school: the district's and five).
Every table here can be read for any state that the layout knows.
"""

from __future__ import annotations

from datetime import date
from functools import cache, lru_cache
from typing import Final, NamedTuple

from ledger.mde import FIPS


class District(NamedTuple):
    """number: among those of its state. nces_id: seven digits. zip: five. phone: ten, of the numbers kept for fiction.

    elementary, middle, high: id and name of each school; two elementary schools.
    """

    number: int
    state: str
    town: str
    nces_id: str
    name: str
    zip: str
    phone: str
    elementary: tuple[tuple[str, str], tuple[str, str]]
    middle: tuple[str, str]
    high: tuple[str, str]

    def school(self, grade: int, side: int) -> tuple[str, str]:
        """Id and name of the school for a grade (0: kindergarten). side: which half of town, 0 or 1."""
        if grade <= 5:
            return self.elementary[side]
        return self.middle if grade <= 8 else self.high


class Term(NamedTuple):
    """A school year or a summer program, first and last day as ordinals. half: last day of section A, if it has two."""

    kind: str
    first: int
    half: int
    last: int
    year: int


@cache
def districts(state: str) -> tuple[District, ...]:
    """The directory of a state. Raises KeyError for a state that the layout does not know."""
    fips, towns = FIPS[state], TOWNS.get(state, TOWNS_ELSEWHERE)
    found: list[District] = []
    for number, town in enumerate(towns):
        nces = f"{fips}{1_200 + 137 * number:05d}"
        found.append(
            District(
                number=number,
                state=state,
                town=town,
                nces_id=nces,
                name=f"{town} School District",
                zip=f"{_ZIPS.get(state, 50_000) + 13 * number:05d}",
                phone=f"{_AREAS.get(state, 700)}55501{10 + number:02d}",
                elementary=((f"{nces}00101", f"{town} Elementary School"), (f"{nces}00102", f"{_second(town)} School")),
                middle=(f"{nces}00201", f"{town} Middle School"),
                high=(f"{nces}00301", f"{town} High School"),
            )
        )
    return tuple(found)


@cache
def terms(state: str, year: int) -> tuple[Term, Term]:
    """The school year that begins in a calendar year, and the summer program before it, in time order."""
    first, last = (
        ((8, 12), (5, 27)) if state in _EARLY else ((8, 20), (6, 4)) if state in _MIDDLE else ((8, 28), (6, 12))
    )
    regular = Term("regular", _at(year, *first), _at(year + 1, 1, 16), _at(year + 1, *last), year)
    begins = _at(year, *last) + 12
    summer = Term("summer", begins, begins, begins + 40, year)
    return summer, regular


@lru_cache(maxsize=4096)
def next_term(state: str, day: int) -> Term:
    """The term that a day lies in, else the one that comes next. day: ordinal."""
    year = date.fromordinal(day).year
    for term in (*terms(state, year - 1), *terms(state, year), *terms(state, year + 1)):
        if day <= term.last:
            return term
    raise AssertionError("a year on there is always a term")


def routes(state: str) -> tuple[str, ...]:
    """States where families of this one go to work, the likeliest first; empty where we know of none."""
    return _ROUTES.get(state, ())


def _at(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal()


def _second(town: str) -> str:
    return f"{_SECONDS[sum(map(ord, town)) % len(_SECONDS)]} Elementary"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SECONDS: Final = ("Valor", "Lincoln", "Orchard", "César Chávez", "Riverside", "Sunrise", "Washington", "Valley View")

TOWNS: Final = {
    "OR": ("Woodburn", "Hood River", "Hermiston", "Ontario", "Nyssa", "Medford", "Forest Grove", "Independence"),
    "CA": ("Madera", "Salinas", "Watsonville", "Oxnard", "Delano", "Santa Maria", "Lodi", "Brawley"),
    "TX": ("Weslaco", "Edinburg", "Eagle Pass", "Hereford", "Pharr", "Laredo", "Rio Grande City", "Dimmitt"),
    "WA": ("Yakima", "Wenatchee", "Pasco", "Othello", "Mount Vernon", "Sunnyside", "Quincy", "Toppenish"),
    "FL": ("Immokalee", "Homestead", "Wauchula", "Plant City", "LaBelle", "Arcadia", "Belle Glade", "Clewiston"),
    "AZ": ("Yuma", "San Luis", "Somerton", "Willcox", "Eloy", "Gadsden"),
    "ID": ("Caldwell", "Wilder", "Burley", "Jerome", "Blackfoot", "Rupert"),
    "MI": ("Hart", "Bangor", "Shelby", "Traverse City", "Imlay City", "Fennville"),
    "MN": ("Willmar", "Moorhead", "Sleepy Eye", "Crookston", "Owatonna", "Glencoe"),
    "NC": ("Clinton", "Faison", "Snow Hill", "Newton Grove", "Hendersonville", "Kinston"),
    "GA": ("Tifton", "Moultrie", "Vidalia", "Bainbridge", "Lyons", "Fort Valley"),
    "NY": ("Batavia", "Brockport", "Goshen", "Geneva", "Albion", "Marlboro"),
    "PA": ("Gettysburg", "Kennett Square", "Reading", "Biglerville", "Chambersburg", "Erie"),
    "WI": ("Wautoma", "Beaver Dam", "Lake Mills", "Plainfield", "Sturgeon Bay", "Hancock"),
    "CO": ("Greeley", "Rocky Ford", "Center", "Fort Morgan", "Palisade", "Lamar"),
}
TOWNS_ELSEWHERE: Final = ("Riverton", "Fairview", "Oak Grove", "Cedar Valley", "Mill Creek", "Orchard Park")

_ROUTES: Final = {
    "TX": _words("CA OR WA MI MN CO ID WI ND NE OH IN IL NM"),
    "CA": _words("OR WA ID AZ NV UT"),
    "AZ": _words("CA CO ID WA OR"),
    "OR": _words("CA WA ID TX AZ"),
    "WA": _words("CA OR ID TX MT AK"),
    "ID": _words("CA TX OR WA UT"),
    "FL": _words("GA NC SC MI NY VA NJ PA TN DE MD"),
    "GA": _words("FL NC SC TN"),
    "NC": _words("FL GA SC VA NY"),
    "MI": _words("TX FL IN OH WI"),
    "MN": _words("TX ND WI IA"),
    "NY": _words("FL NC PA NJ"),
}
_EARLY: Final = frozenset(_words("AL AZ AR FL GA HI KY LA MS NM OK PR SC TN TX VI"))
_MIDDLE: Final = frozenset(_words("CA CO IA ID IL IN KS MO NC ND NE NV OH SD UT WV WY MT"))
"""When school begins: in the south in August already; elsewhere around Labor Day."""

_ZIPS: Final = {"OR": 97_011, "CA": 93_206, "TX": 78_500, "WA": 98_801, "FL": 33_801, "AZ": 85_311, "ID": 83_301}
_AREAS: Final = {"OR": 503, "CA": 559, "TX": 956, "WA": 509, "FL": 239, "AZ": 928, "ID": 208}
