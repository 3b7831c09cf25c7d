"""What an act of linkage can touch: the students concerned, whole, and which record stands for an id.

The one invariant: a student id stands for whatever is left of its student, also where the record that minted it was
destroyed; for nobody, once nothing is. Pure: streams' versions and what there is of records are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ledger.errors import RetiredId, no_student
from ledger.events.base import Event
from ledger.events.linkage import Anchor
from ledger.linkage import Clusters, Linkage, clusters, fold


class Reach(msgspec.Struct, frozen=True, gc=False):
    """All that an act can touch: the students concerned, whole, and everything that was said of their linkage.

    records: that there are; one that was destroyed is missing. versions: student id to the version of its linkage
    stream. held: record to the pending case under which it is.
    """

    linkage: Linkage
    records: Mapping[str, Anchor]
    versions: Mapping[str, int] = {}
    held: Mapping[str, str] = {}

    def students(self) -> Clusters:
        """Who is who now."""
        return clusters(self.linkage, self.records.values())

    def minting(self, student_id: str) -> Anchor | None:
        """The record that minted an id: one that there is, or one that was destroyed of whose student another record is
        left, since it joins what it joined. None where nothing is left that the id stands for."""
        found = next((anchor for anchor in self.records.values() if anchor.student_id == student_id), None)
        if found is not None:
            return found
        for members in self.students().members.values():
            found = next((anchor for anchor in members if anchor.student_id == student_id), None)
            if found is not None:
                return found if any(anchor.record in self.records for anchor in members) else None
        return None

    def left_of(self, student_id: str) -> list[Anchor]:
        """The records, of those that there are, of the student that an id stands for; earliest opened first."""
        found = self.minting(student_id)
        if found is None:
            return []
        students = self.students()
        members = students.members[students.student_of[found.record]]
        return [anchor for anchor in members if anchor.record in self.records]

    def after(self, said: Iterable[Event]) -> Reach:
        """What there would be with these events."""
        order = 1 + max((order for order, _ in self.linkage.acts.values()), default=0)
        numbered = [(order + number, event) for number, event in enumerate(said)]
        return msgspec.structs.replace(self, linkage=fold(numbered, self.linkage))


def minting(reach: Reach, student_id: str) -> Anchor:
    """The record that minted the id of a student as it is shown now.

    It may have been destroyed, as long as another of the student's is left: the id stands for that.

    Raises RetiredId where another id is shown in its place, NotFound where it was never minted or nothing is left.
    """
    found = reach.minting(student_id)
    if found is None:
        raise no_student(student_id, f"There is no student {student_id}.")
    shown = reach.students().student_of[found.record]
    if shown != student_id:
        raise RetiredId(f"Student {student_id} is shown as {shown} now.", remedy=f"Name {shown}.")
    return found
