"""One thing that states say of a child, ready for a page: its values in words, who says it and since when, and where
they differ. Pure.

Invariant: nothing that a state said is left out or changed: a code that has no words, and a day that cannot be read as
one, are shown as they came; and a value is shown with every state that says it, and that alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from api.console.codes import WORDS, word
from ledger.matching.names import folded
from ledger.mde import TABLES

Kind = Literal["text", "code", "date", "month", "vaccine"]
Entry = Mapping[str, Any]

_KINDS: Final[Mapping[str, Kind]] = {"date": "date", "month": "month"}
_SPOKEN_OF_ELSEWHERE: Final = frozenset({"sources", "withdrawals", "residencies", "eligibility"})


class Value(NamedTuple):
    """text: of a code its English words, which are the key of the Spanish; of a date ISO 8601."""

    text: str
    kind: Kind = "text"


class Source(NamedTuple):
    """A state, and the day (UTC, ISO 8601) on which it said so."""

    state: str
    day: str


class Ways(NamedTuple):
    """What is said differently of one element. ways: each value with who says it, the one that is shown first."""

    letter: str
    element: str
    ways: tuple[tuple[Value, tuple[Source, ...]], ...]


class Row(NamedTuple):
    """letter: of its table. entry: elements as they were said. sources: who says it. differs: where they do not agree.
    ended: who says its withdrawal."""

    letter: str
    entry: Entry
    sources: tuple[Source, ...]
    differs: tuple[Ways, ...] = ()
    ended: tuple[Source, ...] = ()

    def get(self, element: str) -> str:
        """As it was said; empty where it was not."""
        return self.entry.get(element) or ""

    def value(self, element: str) -> Value:
        """In words; empty where it was not said."""
        return value_of(self.letter, element, self.get(element))

    def rest(self, *shown: str) -> list[tuple[str, Value]]:
        """Every element beside those that are shown already, with its value."""
        return [
            (element, value_of(self.letter, element, said))
            for element, said in self.entry.items()
            if element not in shown and element not in _SPOKEN_OF_ELSEWHERE and isinstance(said, str)
        ]


def value_of(letter: str, element: str, said: str) -> Value:
    """A value as a page shows it."""
    if element == "cvx_code":
        return Value(said, "vaccine")
    if element in WORDS:
        return Value(word(element, said), "code")
    known = TABLES[letter].by_key.get(element)
    return Value(said, _KINDS.get(known.type, "text") if known is not None else "text")


def row_of(letter: str, entry: Entry) -> Row:
    """A row of a section's list."""
    sources = sources_of(entry.get("sources", ()))
    differs = tuple(_differing(letter, entry))
    withdrawals: Sequence[Entry] = entry.get("withdrawals", ())
    said = [one for one in withdrawals if one.get("withdrawal_date") == entry.get("withdrawal_date")]
    ended = sources_of(source for one in said for source in one.get("sources", ()))
    others = {source.state for source in ended}
    if len(withdrawals) > len(said) and any(
        source["state"] not in others for one in withdrawals if one not in said for source in one.get("sources", ())
    ):
        ways = ((value_of(letter, "withdrawal_date", entry["withdrawal_date"]), ended),)
        ways += tuple(
            (value_of(letter, "withdrawal_date", one["withdrawal_date"]), sources_of(one.get("sources", ())))
            for one in withdrawals
            if one not in said and "withdrawal_date" in one
        )
        differs += (Ways(letter, "withdrawal_date", ways),)
    return Row(letter, entry, sources, differs, ended)


def sources_of(sources: Iterable[Entry]) -> tuple[Source, ...]:
    """Who, each once."""
    return tuple(dict.fromkeys(Source(source["state"], source["recorded_at"][:10]) for source in sources))


def compared(letter: str, element: str, said: Iterable[tuple[str, Entry]], shown: str) -> Ways | None:
    """What entries say of one thing, where they say it in more than one way; what differs in capitals or accents alone
    is one. said: text, and the entry that says so. shown: the text that is believed. None where all say the same."""
    ways: dict[str, tuple[str, list[Entry]]] = {}
    if shown:
        ways[folded(shown)] = shown, []
    for text, entry in said:
        if text:
            ways.setdefault(folded(text), (text, []))[1].extend(entry.get("sources", ()))
    if len(ways) < 2:
        return None
    each = ((value_of(letter, element, text), sources_of(sources)) for text, sources in ways.values())
    return Ways(letter, element, tuple(each))


def _differing(letter: str, entry: Entry) -> Iterable[Ways]:
    sources: Sequence[Entry] = entry.get("sources", ())
    elements = dict.fromkeys(element for source in sources for element in source.get("differs", ()))
    for element in elements:
        shown: str = entry[element]
        own = sources_of(s for s in sources if element not in s.get("differs", {}))
        ways: dict[str, list[Entry]] = {}
        for source in sources:
            if element in source.get("differs", {}):
                ways.setdefault(source["differs"][element], []).append(source)
        others = tuple((value_of(letter, element, text), sources_of(said)) for text, said in ways.items())
        yield Ways(letter, element, ((value_of(letter, element, shown), own), *others))
