"""What happened in a case, in words, for the audit trail: one sentence for each of its events.

Invariant: a sentence names students by the ids that their records minted, offices by their codes, and nobody by name;
what people wrote stands beside it, for those who may read it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ledger.events.case import (
    CaseAnswered,
    CaseAssigned,
    CaseClosed,
    CaseEscalated,
    CaseEvent,
    CaseOpened,
    Changed,
    Doubtful,
    Link,
    Merge,
    Place,
    Residue,
    Reversal,
    Split,
)
from ledger.events.linkage import Anchor


def case_told(event: CaseEvent, case: str, language: str = "en") -> str:
    """An event of a case as a sentence. case: its id. language: en or es."""
    words = _SENTENCES[language]
    match event:
        case CaseOpened():
            kind = words.get(f"kind {event.kind}", event.kind)
            asked = ", ".join(asked.state for asked in event.asked) or words["nobody"]
            said = words["opened"].format(kind=kind, question=_question(event, language), asked=asked)
        case CaseAssigned():
            said = words["assigned"].format(state=event.state, place=_place(event.place, language))
        case CaseEscalated():
            key = "overdue" if event.overdue else "escalated"
            said = words[key].format(state=event.state, place=_place(event.place, language))
        case CaseAnswered():
            answer = words["yes" if event.yes else "no"]
            said = words["answered"].format(answer=answer, states=", ".join(event.states) or words["nobody"])
        case CaseClosed():
            outcome = words.get(f"outcome {event.outcome}", event.outcome)
            said = words["closed"].format(outcome=outcome)
            said += words["automatic"] if event.automatic else ""
            said += words["came with"].format(act=event.act) if event.act else ""
            said += words["goes on"].format(case=event.next) if event.next else ""
        case _:
            said = event.topic
    return f"{words['case'].format(case=case)}: {said}."


def _question(event: CaseOpened, language: str) -> str:
    words, proposal = _SENTENCES[language], event.proposal
    match proposal:
        case Link():
            others = ", ".join(candidate.member.student_id for candidate in proposal.candidates)
            return words["link"].format(one=proposal.record.student_id, others=others)
        case Merge():
            return words["merge"].format(left=proposal.left.student_id, right=proposal.right.student_id)
        case Split():
            return words["split"].format(groups=" | ".join(_minted(group) for group in proposal.groups))
        case Reversal():
            return words["reversal"].format(act=proposal.act, reverses=proposal.reverses)
        case Residue():
            return words["residue"].format(act=proposal.act, reversal=proposal.reversal)
        case Doubtful():
            return words["doubtful"].format(act=proposal.act)
        case Changed():
            return words["changed"].format(position=proposal.position)


def _minted(anchors: Sequence[Anchor]) -> str:
    return ", ".join(anchor.student_id for anchor in anchors)


def _place(place: Place, language: str) -> str:
    words = _SENTENCES[language]
    if place.district is not None:
        return words["district"].format(code=place.district)
    return words["state office"] if place.region is None else words["region"].format(code=place.region)


_SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "case": "Case {case}",
        "nobody": "nobody",
        "opened": "{kind} was opened: {question}; asked: {asked}",
        "assigned": "{state} put it before {place}",
        "escalated": "nobody answered in time, so in {state} it went up to {place}",
        "overdue": "nobody answered in time, and the days of {state} are over; it lies with {place}",
        "answered": "the answer was {answer}, for {states}",
        "yes": "yes",
        "no": "no",
        "closed": "it was closed, {outcome}",
        "outcome settled": "settled with yes",
        "outcome rejected": "settled with no",
        "outcome overtaken": "since there was nothing left to ask",
        "automatic": ", by the end of the time for answers",
        "came with": "; act {act} came with it",
        "goes on": "; it goes on in case {case}",
        "district": "district {code}",
        "region": "region {code}",
        "state office": "the state's office",
        "link": "is the record of {one} the child of {others}",
        "merge": "are {left} and {right} one child",
        "split": "are these several children: {groups}",
        "reversal": "was it right that act {act} took back act {reverses}",
        "residue": "does act {act} still stand after act {reversal}",
        "doubtful": "does act {act} still stand",
        "changed": "is what was said at position {position} right",
        "kind near-match": "a near match",
        "kind validate-near-match": "the validation of a near match",
        "kind validate-merge": "the validation of a merge",
        "kind validate-split": "the validation of a split",
        "kind validate-reversal": "the validation of a reversal",
        "kind residue": "a residue",
        "kind doubtful-link": "a doubtful link",
        "kind different-child": "the question whether it is a different child",
        "kind correction-comes-back": "a correction that came back",
        "kind blind-check": "a blind check",
    },
    "es": {
        "case": "Caso {case}",
        "nobody": "nadie",
        "opened": "se abrió {kind}: {question}; se preguntó a: {asked}",
        "assigned": "{state} lo puso ante {place}",
        "escalated": "nadie respondió a tiempo; en {state} subió a {place}",
        "overdue": "nadie respondió a tiempo y los días de {state} se acabaron; está ante {place}",
        "answered": "la respuesta fue {answer}, por {states}",
        "yes": "sí",
        "no": "no",
        "closed": "se cerró, {outcome}",
        "outcome settled": "resuelto con un sí",
        "outcome rejected": "resuelto con un no",
        "outcome overtaken": "porque ya no había nada que preguntar",
        "automatic": ", por haber terminado el plazo para responder",
        "came with": "; con él vino el acto {act}",
        "goes on": "; sigue en el caso {case}",
        "district": "el distrito {code}",
        "region": "la región {code}",
        "state office": "la oficina del estado",
        "link": "¿es el expediente de {one} de la misma persona que {others}?",
        "merge": "¿son {left} y {right} la misma persona?",
        "split": "¿son varias personas: {groups}?",
        "reversal": "¿fue correcto que el acto {act} revirtiera el acto {reverses}?",
        "residue": "¿sigue en pie el acto {act} después del acto {reversal}?",
        "doubtful": "¿sigue en pie el acto {act}?",
        "changed": "¿es correcto lo que se dijo en la posición {position}?",
        "kind near-match": "una coincidencia aproximada",
        "kind validate-near-match": "la validación de una coincidencia aproximada",
        "kind validate-merge": "la validación de una unión",
        "kind validate-split": "la validación de una separación",
        "kind validate-reversal": "la validación de una reversión",
        "kind residue": "un residuo",
        "kind doubtful-link": "un vínculo dudoso",
        "kind different-child": "la pregunta de si es otra persona",
        "kind correction-comes-back": "una corrección que volvió atrás",
        "kind blind-check": "una revisión a ciegas",
    },
}
"""Language to the sentences, and the words within them."""
