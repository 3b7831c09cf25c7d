"""People of state offices who settle linkage over HTTP, each with a token of her own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.testclient import TestClient

from support.bodies import student

WHY = "The same mother."
PEOPLE: dict[str, tuple[str, str]] = {
    "ana": ("state_data_administrator", "OR"),
    "olga": ("state_data_administrator", "OR"),
    "carl": ("state_data_administrator", "CA"),
    "tess": ("state_data_administrator", "TX"),
    "pia": ("primary_user", "OR"),
    "amy": ("secondary_user", "OR"),
    "bea": ("secondary_user", "CA"),
    "cid": ("secondary_user", "TX"),
    "dan": ("secondary_user", "OR"),
}


class Children(NamedTuple):
    """Students of one record each, by the ids that they minted."""

    oregon: str
    second: str
    california: str
    texas: str


class Office:
    """Requests in somebody's name."""

    def __init__(self, client: TestClient, make_token: Callable[..., str]) -> None:
        self.client = client
        self._make_token = make_token
        self._tokens: dict[str, str] = {}

    def ask(self, name: str, method: str, path: str, json: Any = None, **more: Any) -> Any:
        """The answer to somebody of ``PEOPLE``, or whose token was given. more: of the request."""
        if name not in self._tokens:
            role, state = PEOPLE[name]
            self.gives(name, role, state)
        headers = {"Authorization": f"Bearer {self._tokens[name]}", **more.pop("headers", {})}
        return self.client.request(method, path, json=json, headers=headers, **more)

    def gives(self, name: str, role: str, state: str | None, **narrowed: str) -> None:
        """A token for somebody."""
        self._tokens[name] = self._make_token(role, state, name=name, **narrowed)

    def does(self, name: str, method: str, path: str, json: Any = None, **more: Any) -> dict[str, Any]:
        """The body of an answer that it is done."""
        answer = self.ask(name, method, path, json, **more)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    def refused(self, name: str, method: str, path: str, json: Any = None, **more: Any) -> tuple[int, str]:
        """Status and problem type of an answer that it is not."""
        answer = self.ask(name, method, path, json, **more)
        assert answer.headers["Content-Type"] == "application/problem+json", (path, answer.text)
        return answer.status_code, answer.json()["type"].removeprefix("/problems/")

    def record(self, state: str, ssid: str, **rows: Any) -> str:
        """The student id of a new record."""
        submitter = f"{state} nightly"
        if submitter not in self._tokens:
            self.gives(submitter, "state_batch_submitter", state)
        return self.does(submitter, "PUT", f"/v1/records/{state}/{ssid}", student(**rows))["student_id"]

    def proposes(self, left: str, right: str, name: str = "pia") -> str:
        """The case of a merge; the left one's id would be shown."""
        return self.does(name, "POST", "/v1/merges", merge(left, right))["case"]

    def answers(self, name: str, case: str, answer: str = "yes") -> dict[str, Any]:
        return self.does(name, "POST", f"/v1/cases/{case}/answer", {"answer": answer, "reason": WHY})

    def merged(self, left: str, right: str, *by: str) -> dict[str, Any]:
        """The last answer to a merge that Pia proposes and these people settle."""
        case = self.proposes(left, right)
        *_, last = [self.answers(name, case) for name in by]
        assert last["outcome"] == "settled", last
        return last

    def reverses(self, name: str, act: str) -> dict[str, Any]:
        return self.does(name, "POST", f"/v1/acts/{act}/reversal", {"reason": "They are cousins."})

    def previews(self, name: str, act: str, **more: Any) -> dict[str, Any]:
        return self.does(name, "POST", f"/v1/acts/{act}/reversal?dry_run=true", {}, **more)

    def shown(self, name: str, student: str, position: int = 0) -> dict[str, Any]:
        """A student as somebody is shown it, once a position is reached."""
        return self.does(name, "GET", f"/v1/students/{student}?at_least={position}")


def merge(left: str, right: str, master: str = "") -> dict[str, str]:
    """The body that proposes it."""
    return {"left": left, "right": right, "master": master or left, "reason": WHY}


def split(student: str, *apart: list[tuple[str, str]]) -> dict[str, Any]:
    """The body that proposes it. apart: records of each other child, by state and state student id."""
    named = [[{"state": state, "state_student_id": ssid} for state, ssid in group] for group in apart]
    return {"student_id": student, "apart": named, "reason": WHY}
