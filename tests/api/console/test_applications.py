"""Applications for access on pages: from the form to the first sign-in, in the hands of those whom they concern."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from ledger.application import Ledger
from ledger.store.database import Database
from support.admitting import LUIS, ROSA, applied, applying, ready
from support.desks import Desk, at, desk
from support.signing_in import Official, People

ANA: Final = "ana@ode.example.org"
FORM: Final = {
    "kind": "exchange",
    "email": ROSA,
    "name": "Rosa <b>Núñez</b>",
    "title": "Registrar",
    "address": "1 School Road, Hood River, OR 97031",
    "phone": "503-555-0101",
    "role": "secondary_user",
    "organisation": "Hood River School",
    "state": "OR",
    "supervisor": "Luis Ortega",
    "supervisor_email": LUIS,
}


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def helper(people: People) -> Desk:
    return desk(people, "hilda@help.example.org", "help_desk")


@pytest.fixture
def luis(people: People) -> Desk:
    return desk(people, LUIS, "primary_user", "OR")


@pytest.fixture
def ana(people: People) -> Desk:
    return desk(people, ANA, "user_administrator", "OR")


def test_an_application_goes_from_the_form_to_the_first_sign_in(
    people: People, helper: Desk, luis: Desk, ana: Desk
) -> None:
    path = at(helper.presses("/apply", "/apply", **FORM))
    position = people.ledger.log.head()
    assert path in luis.get(f"/applications?at_least={position}").text
    assert "Rosa &lt;b&gt;Núñez&lt;/b&gt;" in luis.get(path).text
    verified = luis.presses(path, f"{path}/verification", identity="passport", need="enrols children")
    assert at(verified) == path
    assert "For you to decide" in ana.get(f"/applications?at_least={people.ledger.log.head()}").text
    assert '<span class="figure">1</span>' in ana.get("/").text
    assert "must be recorded" in ana.get(path).text
    today = people.ledger.admissions.today("OR").isoformat()
    assert at(ana.presses(path, f"{path}/training", course="Security", completed_on=today)) == path
    approved = ana.presses(path, f"{path}/approval")
    assert approved.headers["Location"] == f"{path}?done=approved"
    [account] = set(re.findall(r"/accounts/([0-9a-f-]{36})/sign-in-code", ana.get(path).text))
    shown = ana.presses(path, f"/accounts/{account}/sign-in-code", reason="seen at the office")
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    code = re.findall(r"<code>([0-9A-Z-]+)</code>", shown.text)
    rosa = Official(people.client, people.clock, ROSA, account)
    assert at(rosa.begins(code[0])) == "/second-factor"
    assert rosa.adds_second_factor().status_code == 200
    assert rosa.accepts_rules().headers["Location"] == "/"
    assert rosa.get("/v1/me").json()["role"] == "secondary_user"


def test_a_form_that_cannot_be_used_comes_back_as_it_was_typed_with_the_fault_beside_its_field(helper: Desk) -> None:
    helper.language = "es"
    wrong = helper.presses("/apply", "/apply", **FORM | {"phone": "555-01010", "supervisor": ""})
    assert wrong.status_code == 422
    assert '<html lang="es">' in wrong.text
    assert 'id="phone-fault">Esto no es un número' not in wrong.text, "the shape is looked at first"
    assert 'id="supervisor-fault">Hace falta este dato.' in wrong.text
    assert 'value="Rosa &lt;b&gt;Núñez&lt;/b&gt;"' in wrong.text
    wrong = helper.presses("/apply", "/apply", **FORM | {"phone": "555-01010"})
    assert 'id="phone-fault">Esto no es un número de teléfono.' in wrong.text
    assert 'aria-invalid="true"' in wrong.text


def test_whoever_applies_for_the_nation_names_no_state(people: People, helper: Desk) -> None:
    path = at(helper.presses("/apply", "/apply", **FORM | {"role": "auditor", "state": "none"}))
    known = people.ledger.admissions.application(path.rpartition("/")[2])
    assert (known.applied.asked.role, known.applied.asked.state) == ("auditor", None)


def test_a_form_that_is_sent_twice_is_one_application(people: People, helper: Desk) -> None:
    sent = helper.hidden("/apply", "/apply") | FORM
    first = at(helper.posts("/apply", **sent))
    head = people.ledger.log.head()
    assert at(helper.posts("/apply", **sent)) == first
    assert people.ledger.log.head() == head


def test_what_waits_is_read_page_by_page_the_oldest_first_and_all_of_it_is_counted(
    people: People, ana: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.applications.SHOWN", 2)
    admissions = people.ledger.admissions
    waits = [ready(admissions, applying(f"a{n}@school.example.org"))[0] for n in range(3)]
    newer = [applied(admissions, applying(f"b{n}@school.example.org"))[0] for n in range(3)]
    ready(admissions, applying("carla@school.example.org", state="CA"))
    first = ana.get(f"/applications?at_least={people.ledger.log.head()}").text
    assert listed(first, "For you to decide") == waits[:2]
    assert listed(first, "Others") == [newer[2], newer[1]]
    assert '<span class="figure">3</span>' in ana.get("/").text
    assert listed(ana.get(links(first, "after")).text, "For you to decide") == waits[2:]
    second = ana.get(links(first, "cursor")).text
    assert listed(second, "Others") == [newer[0], waits[2]]
    assert "cursor=" not in ana.get(links(second, "cursor")).text


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=" + "9" * 40, "after=%C2%B2"])
def test_a_page_of_what_waits_that_cannot_be_is_the_first_one(people: People, ana: Desk, query: str) -> None:
    path = ready(people.ledger.admissions, applying())[0]
    page = ana.get(f"/applications?at_least={people.ledger.log.head()}&{query}").text
    assert listed(page, "For you to decide") == [path]


def test_for_a_supervisor_waits_what_he_is_named_in_and_nothing_that_others_decide(people: People, luis: Desk) -> None:
    mine = applied(people.ledger.admissions, applying())[0]
    ready(people.ledger.admissions, applying("eva@school.example.org"))
    page = luis.get(f"/applications?at_least={people.ledger.log.head()}").text
    assert listed(page, "For you to verify") == [mine]
    assert "For you to decide" not in page
    assert '<span class="figure">1</span>' in luis.get("/").text


def listed(page: str, heading: str) -> list[str]:
    """Applications under a heading of the page, in order."""
    under = page.partition(f"<h2>{heading}</h2>")[2].partition("<h2>")[0]
    return re.findall(r'href="/applications/([0-9a-f-]{36})"', under)


def links(page: str, to: str) -> str:
    [address] = re.findall(rf'href="(/applications\?{to}=[^"]+)"', page)
    return address.replace("&amp;", "&")


def test_whoever_verified_it_is_offered_no_approval_and_is_refused_one(people: People) -> None:
    luis = desk(people, LUIS, "user_administrator", "OR")
    path = f"/applications/{ready(people.ledger.admissions, applying())[0]}"
    assert not luis.offers(path, f"{path}/approval")
    refused = luis.posts(f"{path}/approval", csrf=luis.hidden(path, f"{path}/refusal")["csrf"])
    assert refused.status_code == 422
    assert "Whoever verified it does not approve it." in refused.text
    assert people.ledger.admissions.application(path.rpartition("/")[2]).status == "verified"


def test_the_signed_form_is_chosen_by_who_records_for_a_supervisor(people: People, ana: Desk) -> None:
    path = f"/applications/{applied(people.ledger.admissions, applying())[0]}"
    assert "No signed form is among the papers yet." in ana.get(path).text
    told = ana.presses(path, f"{path}/verification", identity="passport", need="enrols")
    assert (told.status_code, "Add the signed form to the papers" in told.text) == (422, True)


def test_a_refusal_has_a_reason_which_the_applicant_reads(people: People, ana: Desk) -> None:
    path = f"/applications/{applied(people.ledger.admissions, applying())[0]}"
    assert ana.presses(path, f"{path}/refusal", reason=" ").status_code == 422
    assert at(ana.presses(path, f"{path}/refusal", reason="Not of our school.")) == path
    rosa = desk(people, ROSA, "recruiter", "OR")
    assert "Not of our school." in rosa.get(path).text
    assert not ana.offers(path, f"{path}/refusal"), "it is closed"


@pytest.mark.parametrize(("role", "state"), [("user_administrator", "CA"), ("secondary_user", "OR")])
def test_an_application_is_nobodys_who_has_nothing_to_do_with_it(people: People, role: str, state: str) -> None:
    path = f"/applications/{applied(people.ledger.admissions, applying())[0]}"
    other = desk(people, "otto@school.example.org", role, state)
    assert path not in other.get(f"/applications?at_least={people.ledger.log.head()}").text
    page = other.get(path)
    assert (page.status_code, ROSA in page.text) == (403, False)
    for deed in ("verification", "approval", "refusal", "withdrawal", "training"):
        token = other.hidden("/explain", "/explain")["csrf"]
        typed = {"reason": "x", "identity": "x", "need": "x", "course": "x", "completed_on": "2025-09-01"}
        assert other.posts(f"{path}/{deed}", csrf=token, **typed).status_code == 403, deed


def test_whoever_made_it_takes_it_back(people: People, helper: Desk) -> None:
    path = at(helper.presses("/apply", "/apply", **FORM))
    assert at(helper.presses(path, f"{path}/withdrawal")) == path
    assert "taken back" in helper.get(path).text
