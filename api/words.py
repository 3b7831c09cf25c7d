"""What happened to a student, in words: one sentence for each event of the audit trail, in English or Spanish.

Invariant: a sentence says what the event says, and no more; who and when stand beside it. Pure, but for the names of
elements in Spanish, which are read once, when this is imported.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any, Final

from api.words_of_cases import case_told
from ledger.events import Erased, Event
from ledger.events.case import CaseEvent
from ledger.events.linkage import (
    ActReversed,
    Anchor,
    DeclarationWithdrawn,
    DeclaredNotSame,
    RecordLinked,
    RecordsSplit,
    StudentsMerged,
)
from ledger.events.record import (
    FactCorrected,
    FactRetracted,
    FactStated,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.events.retention import KeyDestroyed
from ledger.mde import TABLES
from ledger.retention.schedules import EDUCATION


def told(event: Event, record: str | None = None, language: str = "en", case: str = "") -> str:
    """An event as a sentence. record: as a person knows it (``OR 123``), where the event is a record's. case: its id,
    where it is a case's. language: en or es."""
    words = _SENTENCES[language]
    if isinstance(event, Erased):
        return words["erased"].format(was=event.was)
    if isinstance(event, CaseEvent):
        return case_told(event, case, language)
    for kind, (key, say) in _SAYINGS.items():
        if isinstance(event, kind):
            return words[key].format(record=record or words["the record"], **say(event, language))
    return f"{event.topic}."


def element_name(letter: str, element: str, language: str = "en") -> str:
    """What the layout calls an element; in Spanish our own name for it. The element's key where it has neither."""
    if language == "es" and element in _SPANISH_NAMES:
        return _SPANISH_NAMES[element]
    known = TABLES[letter].by_key.get(element)
    return element if known is None else known.name


# -- inside


def _opened(event: RecordOpened, _: str) -> dict[str, object]:
    return {"student": event.student_id}


def _stated(event: FactStated, language: str) -> dict[str, object]:
    noun, said = _SENTENCES[language][event.letter], _listed(event.letter, event.elements, language)
    return {"noun": noun, "fact": event.fact, "said": said}


def _withdrawn(event: Withdrawn, _: str) -> dict[str, object]:
    return {"day": event.elements.get("withdrawal_date", "?"), "enrollment": event.enrollment}


def _resides(event: ResidencyChanged, language: str) -> dict[str, object]:
    return {"enrollment": event.enrollment, "said": _listed("E", event.elements, language)}


def _corrected(event: FactCorrected, language: str) -> dict[str, object]:
    words = _SENTENCES[language]
    changes = (
        words["change"].format(
            name=element_name(event.letter, key, language),
            before=before or words["nothing"],
            after=after or words["nothing"],
        )
        for key, (before, after) in event.elements.items()
    )
    return {"noun": words[event.letter], "fact": event.fact, "changes": "; ".join(changes)}


def _retracted(event: FactRetracted, language: str) -> dict[str, object]:
    return {"noun": _SENTENCES[language][event.letter], "fact": event.fact}


def _nothing_more(_: Event, __: str) -> dict[str, object]:
    return {}


def _linked(event: RecordLinked, language: str) -> dict[str, object]:
    return {
        "act": event.act,
        "one": event.record.student_id,
        "other": event.member.student_id,
        "why": _SENTENCES[language].get(f"why {event.why}", event.why),
        "master": event.master.student_id,
    }


def _merged(event: StudentsMerged, _: str) -> dict[str, object]:
    return {
        "act": event.act,
        "left": event.left_anchor.student_id,
        "right": event.right_anchor.student_id,
        "lefts": len(event.left),
        "rights": len(event.right),
        "master": event.master.student_id,
    }


def _split(event: RecordsSplit, language: str) -> dict[str, object]:
    part = _SENTENCES[language]["part"]
    parts = (part.format(student=one.master.student_id, n=len(one.records)) for one in event.parts)
    return {"act": event.act, "parts": ", ".join(parts)}


def _reversed(event: ActReversed, _: str) -> dict[str, object]:
    return {"act": event.act, "reverses": event.reverses}


def _declared(event: DeclaredNotSame, language: str) -> dict[str, object]:
    by = _SENTENCES[language]["by act"].format(act=event.by) if event.by else ""
    return {
        "declaration": event.declaration,
        "by": by,
        "left": _minted(event.left),
        "right": _minted(event.right),
    }


def _declaration_withdrawn(event: DeclarationWithdrawn, _: str) -> dict[str, object]:
    return {"declaration": event.declaration}


def _destroyed(event: KeyDestroyed, language: str) -> dict[str, object]:
    what = _SENTENCES[language]["all of it" if event.record_class == EDUCATION else "its eligibility"]
    return {"what": what.format(state=event.state), "schedule": event.schedule, "disposal": event.disposal}


def _minted(anchors: Iterable[Anchor]) -> str:
    return ", ".join(anchor.student_id for anchor in anchors)


def _listed(letter: str, elements: Mapping[str, str], language: str) -> str:
    said = "; ".join(f"{element_name(letter, key, language)}: {value}" for key, value in elements.items())
    return said or _SENTENCES[language]["empty"]


def _spanish_names() -> dict[str, str]:
    text = resources.files("api").joinpath("elements.csv").read_text("utf-8")
    return {row["key"]: row["es"] for row in csv.DictReader(text.splitlines())}


_SPANISH_NAMES: Final = _spanish_names()

# The narrow before the wide: a withdrawal and a residency are stated facts too.
_SAYINGS: Final[dict[type[Event], tuple[str, Callable[[Any, str], dict[str, object]]]]] = {
    RecordOpened: ("opened", _opened),
    Withdrawn: ("withdrawn", _withdrawn),
    ResidencyChanged: ("resides", _resides),
    FactStated: ("stated", _stated),
    FactCorrected: ("corrected", _corrected),
    FactRetracted: ("retracted", _retracted),
    RecordRetracted: ("record retracted", _nothing_more),
    RecordReinstated: ("record reinstated", _nothing_more),
    RecordLinked: ("linked", _linked),
    StudentsMerged: ("merged", _merged),
    RecordsSplit: ("split", _split),
    ActReversed: ("reversed", _reversed),
    DeclaredNotSame: ("declared", _declared),
    DeclarationWithdrawn: ("declaration withdrawn", _declaration_withdrawn),
    KeyDestroyed: ("destroyed", _destroyed),
}

_SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "the record": "The record",
        "S": "the student's own row",
        "D": "demographics",
        "K": "an alternate id",
        "Q": "a qualifying move",
        "E": "an enrollment",
        "C": "a course",
        "A": "an assessment",
        "I": "an immunization",
        "nothing": "nothing",
        "empty": "empty",
        "change": "{name} from {before} to {after}",
        "erased": "What was said here ({was}) was destroyed and cannot be read any more.",
        "opened": "{record} was opened; its student id is {student}.",
        "stated": "{record}: stated {noun} (fact {fact}): {said}.",
        "withdrawn": "{record}: withdrawn on {day} from enrollment {enrollment}.",
        "resides": "{record}: residency with enrollment {enrollment}: {said}.",
        "corrected": "{record}: corrected {noun} (fact {fact}): {changes}.",
        "retracted": "{record}: took back {noun} (fact {fact}).",
        "record retracted": "{record} was taken back by its state.",
        "record reinstated": "{record} was sent again by its state.",
        "linked": "Act {act}: the record of student {one} was linked to the record of student {other}, because {why};"
        " shown as {master}.",
        "why answered": "a person answered that they are the same child",
        "why policy": "the matching policy found them to be the same child",
        "why state-says-same": "the state says that they are the same child",
        "merged": "Act {act}: students {left} and {right} were merged, with {lefts} and {rights} records; shown as"
        " {master}.",
        "split": "Act {act}: the records of one student were split: {parts}.",
        "part": "{student} with {n}",
        "reversed": "Act {act}: act {reverses} was reversed.",
        "declared": "Declaration {declaration}{by}: records of {left} are not the same child as those of {right}.",
        "by act": ", by act {act}",
        "declaration withdrawn": "Declaration {declaration} was withdrawn.",
        "destroyed": "{record}: {what} was destroyed, as schedule {schedule} says; disposal {disposal}.",
        "all of it": "all that {state} kept",
        "its eligibility": "what it said of eligibility",
    },
    "es": {
        "the record": "El expediente",
        "S": "la fila del propio estudiante",
        "D": "datos personales",
        "K": "un identificador alterno",
        "Q": "una mudanza que califica",
        "E": "una inscripción",
        "C": "un curso",
        "A": "un examen",
        "I": "una vacuna",
        "nothing": "nada",
        "empty": "vacío",
        "change": "{name}, de {before} a {after}",
        "erased": "Lo que se dijo aquí ({was}) fue destruido y ya no se puede leer.",
        "opened": "{record} se abrió; su identificador de estudiante es {student}.",
        "stated": "{record}: comunicó {noun} (dato {fact}): {said}.",
        "withdrawn": "{record}: baja el {day} de la inscripción {enrollment}.",
        "resides": "{record}: residencia con la inscripción {enrollment}: {said}.",
        "corrected": "{record}: corrigió {noun} (dato {fact}): {changes}.",
        "retracted": "{record}: retiró {noun} (dato {fact}).",
        "record retracted": "{record} fue retirado por su estado.",
        "record reinstated": "{record} fue enviado de nuevo por su estado.",
        "linked": "Acto {act}: el expediente del estudiante {one} se vinculó con el del estudiante {other}, porque"
        " {why}; se muestra como {master}.",
        "why answered": "una persona respondió que son la misma persona",
        "why policy": "la política de emparejamiento halló que son la misma persona",
        "why state-says-same": "el estado dice que son la misma persona",
        "merged": "Acto {act}: los estudiantes {left} y {right} se unieron, con {lefts} y {rights} expedientes; se"
        " muestran como {master}.",
        "split": "Acto {act}: los expedientes de un estudiante se separaron: {parts}.",
        "part": "{student} con {n}",
        "reversed": "Acto {act}: el acto {reverses} se revirtió.",
        "declared": "Declaración {declaration}{by}: los expedientes de {left} no son de la misma persona que los de"
        " {right}.",
        "by act": ", por el acto {act}",
        "declaration withdrawn": "La declaración {declaration} fue retirada.",
        "destroyed": "{record}: se destruyó {what}, como dispone el plazo {schedule}; eliminación {disposal}.",
        "all of it": "todo lo que guardaba {state}",
        "its eligibility": "lo que decía de la elegibilidad",
    },
}
"""Language to the sentences, and the words within them."""
