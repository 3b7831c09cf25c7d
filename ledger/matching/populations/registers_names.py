"""How the name of a child of the population ``registers`` gets into four columns: rightly, by habit, or by a fault.

The invariant: what is said here is said in words of the true name, moved, left out or exchanged for another form;
letters go wrong in ``registers_faults``. It must not know who writes, nor how often.
"""

from __future__ import annotations

from typing import Final

from ledger.matching.populations.registers_chance import Chance
from ledger.matching.populations.registers_people import Child
from ledger.matching.populations.registers_words import ABBREVIATED, CLANS, ENGLISH, NICKNAMES

Columns = list[str]
"""First Name, Middle Name, Last Name 1, Last Name 2."""

NEEDS_SECOND: Final = frozenset({"second lost", "only second", "initial"})
NEEDS_MATERNAL: Final = frozenset(
    {
        "surnames turned",
        "maternal lost",
        "paternal lost",
        "one field",
        "hyphen",
        "maternal in middle",
        "surname in given",
    }
)
FORMS: Final = {"nickname": NICKNAMES, "english": ENGLISH, "abbreviated": ABBREVIATED}
_PARTICLES: Final = frozenset({"de", "del", "la", "los", "las"})


def has_form(child: Child, fault: str) -> bool:
    forms = FORMS[fault]
    return any(name in forms for name in child.given)


def has_particle(child: Child) -> bool:
    """Surnames of several words, or of one that may be cut in two."""
    return any(sign in surname for surname in (child.paternal, child.maternal) for sign in (" ", "-", "'", "Mc"))


def given_columns(given: tuple[str, ...], form: str, second: str, habit: str, chance: Chance) -> tuple[str, str]:
    """First and middle name. form: a key of FORMS or empty; second: what becomes of the second name, or empty."""
    names = list(given)
    if form:
        forms = FORMS[form]
        index = next(n for n, name in enumerate(names) if name in forms)
        names[index] = chance.pick(forms[names[index]])
    if len(names) == 1:
        return names[0], ""
    if second == "second lost":
        return names[0], ""
    if second == "only second":
        return names[-1], ""
    first, rest = names[0], " ".join(names[1:])
    if second == "initial" or (habit == "initial" and not form):
        return first, rest[0] + ("." if chance.of(0.3) else "")
    return (f"{first} {rest}", "") if habit == "together" else (first, rest)


def surname_columns(columns: Columns, layout: str) -> None:
    """Puts paternal and maternal surname, columns 3 and 4, where the layout says. ``apart`` leaves them."""
    first, middle, paternal, maternal = columns
    if layout == "names exchanged":
        columns[0], columns[2] = paternal, first
    elif not maternal or layout == "apart":
        return
    elif layout == "surnames turned":
        columns[2:] = maternal, paternal
    elif layout == "maternal lost":
        columns[3] = ""
    elif layout == "paternal lost":
        columns[2:] = maternal, ""
    elif layout == "one field":
        columns[2:] = f"{paternal} {maternal}", ""
    elif layout == "hyphen":
        columns[2:] = f"{paternal}-{maternal}", ""
    elif layout == "maternal in middle":
        columns[1:] = f"{middle} {maternal}".strip(), paternal, ""
    elif layout == "surname in given":
        columns[0], columns[2], columns[3] = f"{first} {paternal}", maternal, ""


def respell_particle(columns: Columns, chance: Chance) -> None:
    """Drops what is small in a surname of several words, or writes it as one word, or as two."""
    index = 2 if any(sign in columns[2] for sign in (" ", "-", "'", "Mc")) else 3
    name = columns[index]
    if "'" in name:
        name = name.replace("'", " " if chance.of(0.3) else "")
    elif name.startswith("Mc"):
        name = f"Mc {name[2:]}"
    elif "-" in name:
        left, right = name.split("-", 1)
        name = chance.pick((f"{left} {right}", right, left + right.lower(), left))
    elif chance.of(0.5):
        name = " ".join(word for word in name.split() if word.lower() not in _PARTICLES)
    else:
        name = name.replace(" ", "").capitalize()
    columns[index] = name


def other_clan_spelling(surname: str, chance: Chance) -> str | None:
    """Of a Hmong clan, which has no one spelling in Latin letters."""
    return chance.pick(CLANS[surname]) if surname in CLANS else None
