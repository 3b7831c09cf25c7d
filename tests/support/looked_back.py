"""One child's story, told once: each step of it, and what every role read of the child after it.

Two nights of Oregon's file, a merge with California's child, what came meanwhile, the reversal, its own reversal, and a
split.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from typing import Any

import httpx2

from support.bodies import ENROLLMENT
from support.outsider import COURSE, ENROLLED, Office, child
from support.town import Child, Town

SECTIONS = ("core", "contacts", "health", "provenance")
READERS = (
    ("auditor", ""),
    ("secondary_user", "OR"),
    ("eligibility_reviewer", "CA"),
    ("state_data_administrator", "TX"),
)
HOSTILE = "=HYPERLINK(0) según la señora"


@dataclass
class Story:
    """steps: name to the position at which the step ended; kept: what each role read there, of each of the two ids."""

    town: Town
    office: Office
    ana: str = ""
    beto: Child = field(default_factory=lambda: Child("", "", ""))
    steps: dict[str, int] = field(default_factory=dict)
    kept: dict[str, dict[tuple[str, str, str], Any]] = field(default_factory=dict)
    acts: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, role: str = "auditor", of: str = "", /, **params: Any) -> httpx2.Response:
        token = self.town.service.house.token(role, of)
        headers = {"Authorization": f"Bearer {token}"}
        return self.town.service.client.get(path, headers=headers, params=params)

    def get(self, path: str, role: str = "auditor", of: str = "", /, **params: Any) -> Any:
        answer = self.ask(path, role, of, **params)
        assert answer.status_code == 200, (path, params, answer.text)
        return answer.json()

    def at(self, step: str, student: str = "", **params: Any) -> Any:
        return self.get(f"/v1/students/{student or self.ana}", as_of=self.steps[step], **params)

    def diff(self, one: Any, other: Any = None, student: str = "") -> Any:
        to = {} if other is None else {"to": self.steps.get(other, other)}
        return self.get(f"/v1/students/{student or self.ana}/diff", **{"from": self.steps.get(one, one)}, **to)

    def history(self, student: str = "", **params: Any) -> list[dict[str, Any]]:
        path = f"/v1/students/{student or self.ana}/history"
        return self.get(path, at_least=self.town.service.head(), limit=1000, **params)["history"]

    def ends(self, step: str) -> None:
        head = self.steps[step] = self.town.service.head()
        self.kept[step] = {
            (role, state, one): told_by(self.ask(f"/v1/students/{one}", role, state, at_least=head))
            for role, state in READERS
            for one in (self.ana, self.beto.id)
            if one
        }

    def exported(self, *words: str) -> str:
        """What the index of an evidence bundle says of Ana's student."""
        file = self.office.folder / f"{len(list(self.office.folder.iterdir()))}.zip"
        self.town.command.run("export", file, "--student", self.ana, *words)
        with zipfile.ZipFile(file) as bundle:
            return bundle.read("index.txt").decode()


def told_by(answer: httpx2.Response) -> Any:
    """What an answer says of the child; of a refusal its kind."""
    told = answer.json()
    if not answer.is_success:
        return answer.status_code, told["type"]
    return {key: told.get(key) for key in ("student_id", "position", *SECTIONS)}


def tell(story: Story) -> None:
    """All of it, once."""
    town, office = story.town, story.office
    first = office.send("OR", child("ANA", ENROLLED.but(grade="07"), COURSE))
    story.ana = first.student("ANA")
    story.ends("first night")
    story.beto = town.child("CA", enrollments=[{**ENROLLMENT, "school_or_project_name": "Escuela Ñandú"}])
    story.ends("both")
    office.send("OR", child("ANA", ENROLLED.but(grade="07", withdrawn="20250613"), COURSE))
    story.ends("second night")
    story.acts["merge"] = town.merged(story.ana, story.beto.id)
    story.ends("merged")
    town.fact(story.beto, "immunizations", {"cvx_code": "115", "administration_date": "2024-08-16"})
    town.fact(story.beto, "corrections", {"fact": 3, "elements": {"enrollment_date": "2025-05-05"}})
    story.ends("corrected")
    story.acts["reversal"] = town.reverses(story.acts["merge"])["act"]
    story.ends("reversed")
    story.acts["again"] = town.reverses(story.acts["reversal"], "second OR")["act"]
    story.ends("joined again")
    case = town.does(
        "primary OR",
        "POST",
        "/v1/splits",
        {"student_id": story.ana, "apart": [[story.beto.named]], "reason": HOSTILE},
    )["case"]
    story.acts["split"] = town.settled(case)["act"]
    story.ends("split")
