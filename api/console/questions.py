"""The kinds of case in words: what is asked, what yes and no mean, what follows from each, and reasons to begin with.

Invariant: every kind has its words, and they say what ``docs/explanation/cases.md`` says. Marked, and said in the
reader's language where they are shown. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from api.console.words import N_
from ledger import cases
from ledger.cases import KINDS


class Answer(NamedTuple):
    """One of two. button: what it says. then: what follows, said before. done: what followed, said after. because:
    reasons, the first of which is taken if nobody chooses another."""

    button: str
    then: str
    done: str
    because: tuple[str, ...]


class Question(NamedTuple):
    """A kind of case. name: in a list. asks: as a question. says: what stands behind it, in a sentence or two."""

    name: str
    asks: str
    says: str
    yes: Answer
    no: Answer


ALIKE: Final = (
    N_("Compared the two records: they are one child's."),
    N_("Compared the two records: what differs is a slip or another spelling."),
    N_("The family or the school confirmed it."),
)
"""Reasons for one child."""
UNLIKE: Final = (
    N_("Compared the two records: they are two children's."),
    N_("They are brothers, sisters or twins."),
    N_("The family or the school confirmed that they are two children."),
)
"""Reasons for several children."""
_APART: Final = N_("They are declared not to be the same child, and nobody is asked about them again.")
_KEPT_APART: Final = N_("Kept apart: they are declared not to be the same child.")

QUESTIONS: Final[Mapping[str, Question]] = {
    cases.NEAR_MATCH: Question(
        N_("Near match"),
        N_("Are these two records one child's?"),
        N_("They come near each other, and not near enough to be linked without somebody looking."),
        Answer(
            N_("Yes, one child"),
            N_("The two are linked at once. It can be taken back."),
            N_("Linked now: the two records show as one child."),
            ALIKE,
        ),
        Answer(N_("No, two children"), _APART, _KEPT_APART, UNLIKE),
    ),
    cases.VALIDATE_NEAR_MATCH: Question(
        N_("Near match, second person"),
        N_("Are these two records one child's?"),
        N_("Somebody has said yes. Your state wants a second person to look before they are linked."),
        Answer(
            N_("Yes, one child"),
            N_("The two are linked as soon as every state that is asked has said yes. It can be taken back."),
            N_("Linked now: the two records show as one child."),
            ALIKE,
        ),
        Answer(N_("No, two children"), _APART, _KEPT_APART, UNLIKE),
    ),
    cases.VALIDATE_MERGE: Question(
        N_("Merge to validate"),
        N_("Are these two students one child?"),
        N_("Somebody has proposed to merge them. Nothing that a reader sees has changed yet."),
        Answer(
            N_("Yes, merge them"),
            N_("They are merged as soon as every state that is asked has said yes. It can be taken back."),
            N_("Merged now: the two students show as one."),
            ALIKE,
        ),
        Answer(
            N_("No, two children"),
            N_("They are not merged, and nothing changes."),
            N_("Not merged: nothing has changed."),
            UNLIKE,
        ),
    ),
    cases.VALIDATE_SPLIT: Question(
        N_("Split to validate"),
        N_("Are these records several children's?"),
        N_("Somebody has proposed to part the records of one student. Nothing that a reader sees has changed yet."),
        Answer(
            N_("Yes, part them"),
            N_("They are parted as soon as every state that is asked has said yes. It can be taken back."),
            N_("Parted now: each part shows as a child of its own."),
            UNLIKE,
        ),
        Answer(
            N_("No, one child"),
            N_("They stay together, and nothing changes."),
            N_("Not parted: nothing has changed."),
            ALIKE,
        ),
    ),
    cases.VALIDATE_REVERSAL: Question(
        N_("Reversal to validate"),
        N_("Was it right to take this back?"),
        N_("An act that joined or parted records was taken back, which is in effect already."),
        Answer(
            N_("Yes, it was right"),
            N_("Nothing more happens: it stays taken back."),
            N_("It stays taken back."),
            UNLIKE,
        ),
        Answer(
            N_("No, bring it back"),
            N_("The reversal is taken back: what it parted is joined again, or what it joined is parted."),
            N_("Brought back: the act is in effect again."),
            ALIKE,
        ),
    ),
    cases.RESIDUE: Question(
        N_("Left over from a reversal"),
        N_("Does this act still stand?"),
        N_("It was made while records were joined that have been parted since."),
        Answer(
            N_("Yes, it stands"),
            N_("Nothing changes: the act stays in effect."),
            N_("It stands."),
            ALIKE,
        ),
        Answer(
            N_("No, take it back"),
            N_("The act is taken back at once, and another person validates that."),
            N_("Taken back. Another person validates it."),
            UNLIKE,
        ),
    ),
    cases.DOUBTFUL_LINK: Question(
        N_("Doubtful link"),
        N_("Are these records still one child's?"),
        N_("A state has corrected its record, and what it says now speaks against the link. The link holds meanwhile."),
        Answer(
            N_("Yes, one child"),
            N_("Nothing changes: the link stays in effect."),
            N_("It stands: the records stay linked."),
            ALIKE,
        ),
        Answer(
            N_("No, two children"),
            N_("The link is taken back at once, and another person validates that."),
            N_("Taken back. Another person validates it."),
            UNLIKE,
        ),
    ),
    cases.DIFFERENT_CHILD: Question(
        N_("A different child?"),
        N_("Is this record still the same child's?"),
        N_("Your state changed names and birth date of this record at once. What it sent is in effect."),
        Answer(
            N_("Yes, the same child"),
            N_("Nothing more happens: your state corrected itself."),
            N_("It stays as it is: your state corrected itself."),
            (N_("Our office corrected the record of the same child."), ALIKE[2]),
        ),
        Answer(
            N_("No, another child"),
            N_("Where the record is one of several of a student, a case goes on that parts it from the others."),
            N_("Another child's: where it was one of several records, a case goes on that parts it."),
            (N_("The record was used again for another child."), UNLIKE[2]),
        ),
    ),
    cases.CORRECTION_COMES_BACK: Question(
        N_("Correction that came back"),
        N_("Is what your state sent right?"),
        N_("Your state has sent again what it had corrected before. What it sent is in effect."),
        Answer(
            N_("Yes, it is right"),
            N_("Nothing more happens."),
            N_("Noted: it is right."),
            (N_("Checked in our own system: it is right."),),
        ),
        Answer(
            N_("No, it is wrong"),
            N_("Nothing more happens here: correct it in your own system, and send it again."),
            N_("Noted: it is wrong. Correct it in your own system, and send it again."),
            (N_("Checked in our own system: it is wrong."),),
        ),
    ),
    cases.BLIND_CHECK: Question(
        N_("Check of two records"),
        N_("Are these two records one child's?"),
        N_("A check of how well records are joined. Answer from what stands here; nothing else is told till then."),
        Answer(
            N_("Yes, one child"),
            N_("Your answer is kept, and takes effect where it changes anything."),
            N_("Your answer is kept."),
            ALIKE,
        ),
        Answer(
            N_("No, two children"),
            N_("Your answer is kept, and takes effect where it changes anything."),
            N_("Your answer is kept."),
            UNLIKE,
        ),
    ),
}
"""Kind to its words."""

MOOT: Final[Mapping[str, str]] = {
    "same-student": N_("The two are one student already."),
    "not-of-student": N_("The records are no longer one student's."),
    "bound-by-not-same": N_("Somebody has declared them not to be the same child."),
    "act-already-reversed": N_("The act has been taken back already."),
    "record-destroyed": N_("A record was destroyed."),
    "not-asked": N_("Another state holds a record of it now, and was not asked. Propose it again."),
}
"""Why an answer could not take effect, by the code of a case that was overtaken."""

OUTCOMES: Final[Mapping[str, str]] = {
    "settled": N_("Settled: yes"),
    "rejected": N_("Settled: no"),
    "overtaken": N_("Overtaken"),
}
"""How a case ended."""

LEVELS: Final[Mapping[str, str]] = {
    "district": N_("district office"),
    "region": N_("regional office"),
    "state": N_("state office"),
}
"""Before whom a part of a case lies."""

REFUSALS: Final = (
    N_("A reason is wanted."),
    N_("Whoever proposed this does not validate it."),
    N_("Another person must answer."),
    N_("No student has this id."),
    N_("Compare it with where it was read, or search."),
)
"""What the ledger says where these pages ask it for something that it refuses, so that it is said in Spanish too."""

assert set(QUESTIONS) == set(KINDS), "every kind has its words"
