"""Three states' offices over one running service and one command line, for tests of linkage from outside.

People are named by role and state (``admin OR``, ``second CA``, ``primary TX``, ``reader OR``); children are made by
their state and known by the id that they minted. Nothing of the source is asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2

from support.bodies import student
from support.outsider import Office

WHY = "La misma mamá, según la señora Núñez."
ROLES = {
    "admin": "state_data_administrator",
    "second": "state_data_administrator",
    "primary": "primary_user",
    "reader": "secondary_user",
    "batch": "state_batch_submitter",
    "auditor": "auditor",
}


class Child(NamedTuple):
    """id: the student id that the record minted."""

    state: str
    ssid: str
    id: str

    @property
    def named(self) -> dict[str, str]:
        """As a split names it."""
        return {"state": self.state, "state_student_id": self.ssid}


class Said(NamedTuple):
    """A refusal: what it is, in words, and what to do about it."""

    status: int
    code: str
    detail: str
    remedy: str


class Town:
    def __init__(self, opened: Office) -> None:
        self.service = opened.service
        self.command = opened.command
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)

    # -- asking

    def token(self, who: str) -> str:
        if who not in self._tokens:
            role, _, state = who.partition(" ")
            words = ["--state", state] if state else []
            made = self.command.run("token", "create", "--name", who, "--role", ROLES[role], *words)
            self._tokens[who] = made.stdout.strip()
        return self._tokens[who]

    def ask(self, who: str, method: str, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token(who)}", **more.pop("headers", {})}
        body = {} if json is None else {"json": json}
        return self.service.client.request(method, path, headers=headers, **body, **more)

    def does(self, who: str, method: str, path: str, json: Any = None, **more: Any) -> dict[str, Any]:
        """The body of an answer that it is done."""
        answer = self.ask(who, method, path, json, **more)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    def no(self, who: str, method: str, path: str, json: Any = None, **more: Any) -> Said:
        """A refusal that a person can act on: a problem with its words."""
        answer = self.ask(who, method, path, json, **more)
        assert answer.headers["Content-Type"] == "application/problem+json", (path, answer.status_code, answer.text)
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"], problem
        remedy = problem.get("remedy") or " ".join(one.get("remedy") or "" for one in problem.get("errors") or [])
        return Said(answer.status_code, problem["type"].removeprefix("/problems/"), problem["detail"], remedy)

    def told_no(self, *words: object, code: int = 1) -> list[str]:
        """The lines that a command says when it is refused; nothing on stdout."""
        done = self.command.run(*words, code=code)
        assert done.stdout == "", done.stdout
        return done.stderr.splitlines()

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        """The ledger ends where it did."""
        before = self.service.head()
        yield
        assert self.service.head() == before

    # -- children

    def child(self, state: str, ssid: str = "", **rows: Any) -> Child:
        """A new record of a state."""
        ssid = ssid or f"{state}{next(self._numbers):05}"
        path = f"/v1/records/{state}/{quote(ssid, safe='')}"
        made = self.does(f"batch {state}", "PUT", path, student(**rows))
        return Child(state, ssid, made["student_id"])

    def fact(self, child: Child, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """One fact of a child, as its state says it by day."""
        path = f"/v1/records/{child.state}/{child.ssid}/{kind}"
        return self.does(f"batch {child.state}", "POST", path, body)

    # -- reading

    def shown(self, student_id: str, who: str = "auditor") -> dict[str, Any]:
        """The consolidated record, as of now."""
        return self.read(who, f"/v1/students/{student_id}")

    def read(self, who: str, path: str, **params: Any) -> dict[str, Any]:
        return self.does(who, "GET", path, params={"at_least": self.service.head(), **params})

    def ids(self, *children: Child) -> list[str]:
        """What each child's own id shows now."""
        return [self.shown(one.id)["student_id"] for one in children]

    def case(self, case: str) -> dict[str, Any]:
        return self.read("auditor", f"/v1/cases/{case}")

    # -- acts

    def proposes(self, left: Child | str, right: Child | str, who: str = "", master: str = "") -> str:
        """The case of a merge; the left one's id would be shown."""
        who = who or (f"primary {left.state}" if isinstance(left, Child) else "primary OR")
        return self.does(who, "POST", "/v1/merges", merging(left, right, master))["case"]

    def splits(self, student_id: str, *apart: Sequence[Child], who: str = "primary OR") -> str:
        """The case of a split."""
        return self.does(who, "POST", "/v1/splits", splitting(student_id, *apart))["case"]

    def answers(self, who: str, case: str, answer: str = "yes") -> dict[str, Any]:
        return self.does(who, "POST", f"/v1/cases/{case}/answer", {"answer": answer, "reason": WHY})

    def settled(self, case: str, answer: str = "yes") -> dict[str, Any]:
        """The last answer, once a second administrator of each state asked has given the same; one no will do."""
        states = sorted(part["state"] for part in self.case(case)["asked"])
        for state in states:
            told = self.answers(f"second {state}", case, answer)
            if told["outcome"]:
                return told
        raise AssertionError(case)

    def merged(self, left: Child | str, right: Child | str) -> str:
        """The act of a merge that every state asked has answered yes."""
        told = self.settled(self.proposes(left, right))
        assert told["outcome"] == "settled", told
        return told["act"]

    def parted(self, student_id: str, *apart: Sequence[Child]) -> str:
        """The act of a split that every state asked has answered yes."""
        told = self.settled(self.splits(student_id, *apart))
        assert told["outcome"] == "settled", told
        return told["act"]

    def reverses(self, act: str, who: str = "admin OR") -> dict[str, Any]:
        return self.does(who, "POST", f"/v1/acts/{act}/reversal", {"reason": "Son primas."})

    def previews(self, act: str, who: str = "admin OR") -> dict[str, Any]:
        return self.does(who, "POST", f"/v1/acts/{act}/reversal?dry_run=true", {})


def merging(left: Child | str, right: Child | str, master: str = "") -> dict[str, str]:
    """The body that proposes a merge."""
    one, other = (child.id if isinstance(child, Child) else child for child in (left, right))
    return {"left": one, "right": other, "master": master or one, "reason": WHY}


def splitting(student_id: str, *apart: Sequence[Child]) -> dict[str, Any]:
    """The body that proposes a split."""
    return {"student_id": student_id, "apart": [[one.named for one in group] for group in apart], "reason": WHY}
