"""``sojourn matching explain``: why two records are one student's or are not, and whether a link can be found again.

Nothing is written but the disclosure: that two records agree in a birth date is said of a child too. What is told are
levels and codes, and no name.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli.talk import As, Json, opened, operator, print_json
from ledger.errors import NotOfStudent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api.bootstrap import Store
    from ledger.application import Ledger
    from ledger.events.linkage import Decision
    from ledger.explaining import Explained, Named, Near, Whole
    from ledger.facts import RecordState
    from ledger.matching.explain import Explanation, Language

VIEW = "matching-explain"


def explain(
    records: Annotated[
        list[str] | None, typer.Argument(metavar="RECORD", help="Two, each as STATE:STATE-STUDENT-ID or by its uuid.")
    ] = None,
    act: Annotated[str | None, typer.Option("--act", metavar="ACT", help="Find the decision of a link again.")] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="Find the decision of a near match again.")
    ] = None,
    policy: Annotated[str | None, typer.Option("--policy", metavar="VERSION", help="By another policy.")] = None,
    as_of: Annotated[
        int | None, typer.Option("--as-of", metavar="POSITION", min=1, help="As they stood at a position.")
    ] = None,
    spanish: Annotated[bool, typer.Option("--es", help="In Spanish.")] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Print why two records are one student's or are not, bit by bit. The reading is recorded first."""
    again: tuple[tuple[Literal["act", "case"], str | None], ...] = (("act", act), ("case", case))
    for kind, named in again:
        if named is None:
            continue
        if records or policy is not None or as_of is not None or (act and case):
            raise typer.BadParameter(
                f"The {kind} says itself of whom, by which policy and as of when.", param_hint=f"--{kind}"
            )
        _explain_again(kind, named, "es" if spanish else "en", as_name, as_json=as_json)
        return
    if records is None or len(records) != 2:
        raise typer.BadParameter("Name two records, or an act: --act ACT", param_hint="RECORD")
    from ledger.explaining import explained

    with opened() as store, store.ledger() as ledger:
        one, other = (record_of(ledger, named) for named in records)
        found = explained(ledger.log, ledger.policies, one, other, version=policy, position=as_of)
        _disclose(store, ledger, as_name, found.named(), found.position)
    if as_json:
        print_json(told(found))
        return
    for line in lines(found, "es" if spanish else "en"):
        print(line)


def record_of(ledger: Ledger, named: str) -> str:
    """The uuid of a record by either name. Raises NotFound, NotOfStudent for what can be neither."""
    from api.named import record_named

    try:
        return str(uuid.UUID(named))
    except ValueError:
        state, _, ssid = named.strip().partition(":")
    if not ssid:
        raise NotOfStudent(
            "A record is not named as STATE:STATE-STUDENT-ID, nor by its uuid.", remedy="For instance OR:OR5540012."
        )
    return record_named(ledger, state, ssid)


# -- as people read it


def lines(found: Explained, language: Language = "en") -> list[str]:
    """Two records explained, in words."""
    from ledger.matching.explain import headline, waterfall, word

    said = [
        word("word.by", language).format(policy=found.policy, position=found.position, size=f"{found.size:,}"),
        *map(_known_as, found.records),
        "",
        word("word.alone", language),
    ]
    if found.students is None:
        said += [*waterfall(found.alone, language), ""]
        return [*said, word("word.together", language).format(acts=", ".join(found.together))]
    whole = found.students
    if len(whole.left) == len(whole.right) == 1:
        return [*said, *waterfall(found.alone, language), "", *_outcome(whole, found, language)]
    said += [headline(found.alone, language), *waterfall(found.alone, language), ""]
    said += [word("word.students", language), *waterfall(whole.explanation, language)]
    return [*said, "", *_outcome(whole, found, language)]


def _known_as(one: Named) -> str:
    return f"{one.state}:{one.state_student_id}  {one.student_id}  {one.record}"


def _outcome(whole: Whole, found: Explained, language: Language) -> list[str]:
    """What is done with two students, and what kept it from being more."""
    from ledger.matching.explain import headline, number, word

    said: list[str] = []
    if len(whole.left) + len(whole.right) > 2 or whole.number:
        said += _counts(whole, language)
    if whole.declared:
        said.append(word("word.declared", language).format(declared=", ".join(whole.declared)))
    if whole.held:
        said.append(word("word.held", language))
    if whole.declared or whole.held:
        said += [word(f"guard.{guard}", language) for guard in whole.explanation.guards]
    if not whole.declared and not whole.held:
        if whole.hopeless and whole.weight >= min(whole.explanation.review, whole.explanation.link):
            weight, review = (number(bits, language) for bits in (whole.weight, whole.explanation.review))
            said.append(word("word.hopeless", language).format(weight=weight, review=review))
        elif whole.close and whole.weight >= whole.explanation.link and not whole.explanation.guards:
            said.append(word("word.close", language).format(margin=number(whole.margin, language)))
        else:
            said.append(headline(_as_it_counts(whole), language))
    said += [f"{number(one.weight, language):>6}  {_known_as(one)}" for one in whole.others]
    if found.seen is None:
        said.append(word("word.blind", language).format(position=found.position))
    else:
        said.append(word("word.beside", language).format(twins=len(whole.twins), rivals=len(whole.rivals)))
        if found.seen < found.position:
            said.append(word("word.behind", language).format(seen=found.seen, position=found.position))
    return said


def _as_it_counts(whole: Whole) -> Explanation:
    """With the weight that is held against the thresholds, instead of that of all put together."""
    import msgspec

    return msgspec.structs.replace(whole.explanation, verdict=whole.verdict, weight=whole.weight)


# -- as programs read it


def told(found: Explained) -> dict[str, Any]:
    """Two records explained, as JSON. Weights in bits."""
    import msgspec

    from api.policies import in_bits

    whole = found.students
    students = None
    if whole is not None:
        students = {
            "verdict": whole.verdict,
            "weight": in_bits(whole.weight),
            "pair": in_bits(whole.pair),
            "whole": in_bits(whole.whole),
            "left": whole.left,
            "right": whole.right,
            "record": whole.record,
            "member": whole.member,
            "guards": whole.explanation.guards,
            "twins": whole.twins,
            "rivals": whole.rivals,
            "others": [_near_told(one) for one in whole.others],
            "declared": whole.declared,
            "held": whole.held,
            "within_margin": whole.close,
            "hopeless": whole.hopeless,
            "explanation": explanation_told(whole.explanation),
        }
    return {
        "policy": found.policy,
        "position": found.position,
        "records_reckoned_with": found.size,
        "records": [msgspec.to_builtins(one) for one in found.records],
        "alone": explanation_told(found.alone),
        "together": found.together,
        "students": students,
        "twins_and_rivals_as_of": found.seen,
    }


def _near_told(one: Near) -> dict[str, Any]:
    from api.policies import in_bits

    return {
        "member": one.record,
        "state": one.state,
        "state_student_id": one.state_student_id,
        "student_id": one.student_id,
        "weight": in_bits(one.weight),
    }


def explanation_told(explanation: Explanation) -> dict[str, Any]:
    """A waterfall as JSON. Weights in bits."""
    from api.policies import in_bits

    return {
        "verdict": explanation.verdict,
        "weight": in_bits(explanation.weight),
        "against": explanation.against,
        "steps": [
            {"name": one.name, "level": one.level or None, "bits": in_bits(one.bits)} for one in explanation.steps
        ],
        "would_help": [
            {"field": one.field, "level": one.level, "bits": in_bits(one.bits)} for one in explanation.would
        ],
        "link": in_bits(explanation.link),
        "review": in_bits(explanation.review),
    }


# -- an act, or a case


def _explain_again(
    kind: Literal["act", "case"], name: str, language: Language, as_name: str | None, *, as_json: bool
) -> None:
    import msgspec

    from api.named import act_named, case_named
    from ledger.identities import states_of
    from ledger.matching.explain import word
    from ledger.redeciding import decided_again, decision_of_act, decision_of_case, first_difference

    with opened() as store, store.ledger() as ledger:
        if kind == "act":
            decision = decision_of_act(ledger.log, act_named(name))
        else:
            decision = decision_of_case(ledger.log, case_named(name))
        again = decided_again(ledger.log, ledger.policies, decision)
        named = {*decision.left, *decision.right, *decision.twins, *decision.rivals}
        named |= {one.member for one in decision.others}
        others = states_of(ledger.log, [one.member for one in decision.others])
        _disclose(store, ledger, as_name, sorted(named), decision.read)
    differs = first_difference(decision, again)
    if as_json:
        written = msgspec.to_builtins(decision)
        print_json({kind: name, "found_again": differs is None, "differs": differs, "decision": written})
    else:
        title = word(f"word.{kind}", language).format(name=name)
        print("\n".join(_decision_lines(title, decision, others, language)))
        print(word("word.again" if differs is None else "word.otherwise", language).format(field=differs))
    if differs is not None:
        raise typer.Exit(1)


def _counts(told: Whole | Decision, language: Language) -> list[str]:
    """What counts, and of that what no comparison says."""
    from ledger.matching.explain import number, word

    mean = word("word.mean", language)
    both = mean.format(pair=number(told.pair, language), whole=number(told.whole, language))
    said = [f"{number(told.weight, language):>6}  {both}"]
    if told.number:
        said.append(f"{number(told.number, language):>6}  {word('word.number', language)}")
    return said


def _decision_lines(title: str, decision: Decision, others: Mapping[str, RecordState], language: Language) -> list[str]:
    """others: those that came near too, and can still be read."""
    from ledger.matching.explain import number, word

    by = word("word.by", language).format(policy=decision.policy, position=decision.read, size=f"{decision.size:,}")
    said = [title, by]
    for name, weight in decision.steps:
        level = decision.levels.get(name)
        if level is None:
            step = word(f"word.{name}", language).partition(",")[0]
        else:
            step = f"{word(f'field.{name}', language)}: {word(f'{name}.{level}', language)}"
        said.append(f"{number(weight, language):>6}  {step}")
    said.append(f"{number(decision.whole, language):>6}  {word('word.sum', language)}")
    said += _counts(decision, language)
    said += [word(f"guard.{guard}", language) for guard in decision.guards]
    for one in decision.others:
        known = others.get(one.member)
        name = "" if known is None else f"{known.state}:{known.state_student_id}  "
        said.append(f"{number(one.weight, language):>6}  {name}{one.member}")
    return said


def _disclose(store: Store, ledger: Ledger, as_name: str | None, records: Sequence[str], position: int) -> None:
    """Durable before anything is printed."""
    from api.cli.students import PURPOSE
    from api.show import FoundMany, show_many

    class View:
        action = "student.read"
        name = VIEW
        fields: Sequence[str] = ("record",)

        async def read(self) -> FoundMany:
            return FoundMany(records, position)

        def render(self) -> bytes:
            return b""

    principal = operator(store, as_name)
    asyncio.run(show_many(principal, PURPOSE, View(), access=ledger.access, request_id=str(uuid.uuid4())))
