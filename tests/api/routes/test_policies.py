"""Matching policies over HTTP: read by whoever answers for them, published by nobody there."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from starlette.testclient import TestClient

from ledger.access import ROLES
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.policy import CheckOutcome
from ledger.matching.comparison import FIELDS
from ledger.matching.policy import Thresholds
from ledger.matching.shipped import shipped

MakeToken = Callable[..., str]
META = Meta(actor="operator anna", reason="Fewer questions.")
READ = {
    "district_data_administrator",
    "regional_data_administrator",
    "state_data_administrator",
    "region_administrator",
    "government_user",
    "auditor",
    "operator",
}
OURS = shipped().version


@pytest.fixture
def auditor(client: TestClient, make_token: MakeToken) -> TestClient:
    client.headers["Authorization"] = f"Bearer {make_token('auditor', None)}"
    return client


def test_the_list_tells_how_each_was_trained_and_published(auditor: TestClient, ledger: Ledger) -> None:
    [alone] = auditor.get("/v1/policies").json()["policies"]
    assert (alone["version"], alone["trained"], alone["in_effect"], alone["published"]) == (OURS, None, False, [])
    check = CheckOutcome(name="same child, same birth date", value=0.9, low=0.85, high=1.0)
    autumn = msgspec.structs.replace(shipped(), version="autumn")
    ledger.policies.record(autumn, META, records=2000, upto=0, checks=[check])
    ledger.policies.publish("autumn", META, thresholds=Thresholds(9000, -2000, 500), guards=["co-twin"])
    answer = auditor.get("/v1/policies")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    ours, theirs = answer.json()["policies"]
    assert (ours["version"], theirs["version"]) == ("autumn", OURS)
    assert (ours["in_effect"], theirs["in_effect"]) == (True, False)
    assert (ours["trained"]["by"], ours["trained"]["records"], ours["trained"]["upto"]) == ("operator anna", 2000, 0)
    assert ours["trained"]["checks"] == [msgspec.to_builtins(check)]
    [published] = ours["published"]
    assert published["position"] == answer.json()["position"] == ledger.log.head()
    assert {name: published[name] for name in ("by", "reason", "link", "review", "margin", "guards")} == {
        "by": "operator anna",
        "reason": "Fewer questions.",
        "link": 9,
        "review": -2,
        "margin": 0.5,
        "guards": ["co-twin"],
    }
    assert published["expected_wrong_one_in"] == 513


def test_one_policy_has_its_levels_and_no_word_of_a_name(auditor: TestClient) -> None:
    answer = auditor.get(f"/v1/policies/{OURS}")
    told = answer.json()
    assert {field: [one["level"] for one in rows] for field, rows in told["levels"].items()} == {
        field: list(levels) for field, levels in FIELDS.items()
    }
    assert told["levels"]["birth"][1]["same"] == shipped().levels["birth"][1][0] / 1000
    assert list(told["rates"]) == ["same", "twin", "sibling", "kin", "namesake"]
    words = max(shipped().words["given"].common, key=len), max(shipped().roles.surname, key=len)
    assert not [word for word in words if word in answer.text]


def test_who_holds_what_is_current_is_told_so_until_another_is_published(auditor: TestClient, ledger: Ledger) -> None:
    for path in ("/v1/policies", f"/v1/policies/{OURS}"):
        etag = auditor.get(path).headers["ETag"]
        held = auditor.get(path, headers={"If-None-Match": etag})
        assert (held.status_code, held.content, held.headers["ETag"]) == (304, b"", etag)
        position = ledger.policies.publish(OURS, META).position
        anew = auditor.get(path, headers={"If-None-Match": etag}, params={"at_least": position})
        assert (anew.status_code, anew.headers["ETag"] == etag) == (200, False)
    assert auditor.get("/v1/policies", params={"at_least": ledger.log.head() + 10}).status_code == 503


def test_a_policy_that_there_is_not_is_not_found_and_not_told_back(auditor: TestClient) -> None:
    for version in ("winter", "%00", "x" * 300, "a%20b"):
        answer = auditor.get(f"/v1/policies/{version}")
        assert answer.status_code == 404
        assert "winter" not in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_it_is_read_by_whoever_answers_for_who_is_linked(client: TestClient, make_token: MakeToken, role: str) -> None:
    client.headers["Authorization"] = f"Bearer {make_token(role)}"
    for path in ("/v1/policies", f"/v1/policies/{OURS}"):
        assert client.get(path).status_code == (200 if role in READ else 403)
    assert client.post("/v1/policies", json={}).status_code == 405


def test_no_token_reads_nothing(client: TestClient) -> None:
    assert client.get("/v1/policies").status_code == 401
