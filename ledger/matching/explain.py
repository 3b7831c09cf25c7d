"""Why two records were linked, put before a person, or kept apart: every bit of the weight, in words.

The invariant: the steps add up to the weight exactly, since they are the numbers that the decision was made of; nothing
is computed for the explanation alone. It holds levels and codes, no names and no dates, so it may stand beside a case.
Pure.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from ledger.matching import bits
from ledger.matching.comparison import FIELDS, Levels, Shared
from ledger.matching.policy import CHANCE, KINDS, SAME, Policy, Scale, Weight

Language = Literal["en", "es"]
Verdict = Literal["link", "review", "apart"]

_WOULD_MIN: Final = 500
"""Bits, in thousandths, from which on it is worth saying what would help."""


class Step(msgspec.Struct, frozen=True):
    """One part of a weight. name: a field, ``prior``, ``rarity`` or ``others``. level: of the field. bits: thousandths,
    for the same child and against the likeliest else."""

    name: str
    bits: int
    level: str = ""


class Would(msgspec.Struct, frozen=True):
    """What would help. field: of which a record says nothing. level: what both would have to say. bits: thousandths
    that it would bring."""

    field: str
    level: str
    bits: int


class Explanation(msgspec.Struct, frozen=True):
    """verdict: what the policy does. weight: thousandths of a bit. against: the kind that the pair would else likeliest
    be. steps: add up to ``weight``. guards: codes. link, review: the thresholds."""

    verdict: Verdict
    weight: int
    against: str
    steps: list[Step]
    guards: list[str]
    would: list[Would]
    link: int
    review: int


def verdict(policy: Policy, weight: int, guards: Sequence[str]) -> Verdict:
    """What a policy does with a weight."""
    if weight >= policy.thresholds.link and not guards:
        return "link"
    return "review" if weight >= policy.thresholds.review else "apart"


def explain(scale: Scale, levels: Levels, shared: Shared, guards: Sequence[str] = ()) -> Explanation:
    """A pair's weight, taken apart."""
    policy, weight = scale.policy, scale.weigh(levels, shared)
    against = weight.against
    steps = [Step("prior", scale.prior(SAME) - scale.prior(against))]
    for field, level in zip(FIELDS, levels, strict=True):
        row = policy.levels[field][level]
        steps.append(Step(field, row[SAME] - row[against], FIELDS[field][level]))
    rarity = -_surprise(policy, shared, against)
    if rarity:
        steps.append(Step("rarity", rarity))
    rest = weight.bits - sum(step.bits for step in steps)
    if rest:
        steps.append(Step("others", rest))
    return Explanation(
        verdict=verdict(policy, weight.bits, guards),
        weight=weight.bits,
        against=KINDS[against],
        steps=steps,
        guards=list(guards),
        would=_would(scale, levels, shared, weight),
        link=policy.thresholds.link,
        review=policy.thresholds.review,
    )


def told(explanation: Explanation, language: Language = "en") -> list[str]:
    """The explanation in lines for people: the verdict, each step with its bits, what would help."""
    return [headline(explanation, language), *waterfall(explanation, language)]


def waterfall(explanation: Explanation, language: Language = "en") -> list[str]:
    """The explanation without its verdict."""
    lines: list[str] = []
    kind = word(f"kind.{explanation.against}", language)
    for step in explanation.steps:
        if step.level:
            said = f"{word(f'field.{step.name}', language)}: {word(f'{step.name}.{step.level}', language)}"
        else:
            said = word(f"word.{step.name}", language).format(kind=kind)
        lines.append(f"{number(step.bits, language):>6}  {said}")
    lines.append(f"{number(explanation.weight, language):>6}  {word('word.sum', language)}")
    lines += [word(f"guard.{guard}", language) for guard in explanation.guards]
    for one in explanation.would:
        level = word(f"{one.field}.{one.level}", language)
        field = word(f"field.{one.field}", language)
        lines.append(word("word.would", language).format(field=field, bits=number(one.bits, language), level=level))
    return lines


@cache
def _words() -> dict[str, tuple[str, str]]:
    text = resources.files("ledger.matching").joinpath("wording.csv").read_text("utf-8")
    return {row["key"]: (row["en"], row["es"]) for row in csv.DictReader(text.splitlines())}


def word(key: str, language: Language = "en") -> str:
    """What a field, a level, a kind or a guard is called. Raises KeyError for one that there is not."""
    return _words()[key][language == "es"]


def headline(explanation: Explanation, language: Language = "en") -> str:
    """The verdict, in a line for people."""
    numbers = {
        "weight": number(explanation.weight, language),
        "threshold": number(explanation.link, language),
        "review": number(explanation.review, language),
    }
    if explanation.verdict == "review" and explanation.weight >= explanation.link:
        guards = "; ".join(word(f"guard.{guard}", language) for guard in explanation.guards)
        return word("word.guarded", language).format(guards=guards)
    return word(f"word.{explanation.verdict}", language).format(**numbers)


def number(thousandths: int, language: Language = "en") -> str:
    """A weight in bits, for people."""
    text = f"{thousandths / bits.ONE:+.1f}"
    return text.replace(".", ",") if language == "es" else text


def _surprise(policy: Policy, shared: Shared, kind: int) -> int:
    return sum(
        policy.words[field].surprise(getattr(shared, field))
        for field in ("given", "surnames", "parents", "place")
        if kind in CHANCE[field]
    )


def _would(scale: Scale, levels: Levels, shared: Shared, weight: Weight) -> list[Would]:
    """What a field that one record leaves open could bring at most."""
    found: list[Would] = []
    for field, level in zip(FIELDS, levels, strict=True):
        if level != 0 or field == "flags":
            continue
        best = max(
            range(1, len(FIELDS[field])),
            key=lambda other, field=field: scale.weigh(levels._replace(**{field: other}), shared).bits,
        )
        gained = scale.weigh(levels._replace(**{field: best}), shared).bits - weight.bits
        if gained >= _WOULD_MIN:
            found.append(Would(field, FIELDS[field][best], gained))
    return found
