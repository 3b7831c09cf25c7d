"""Daily lists as pages: an office sees its own, keeps what it asks for, and takes a list away on the record."""

from __future__ import annotations

import re

import httpx2
import pytest

from api import list_showing
from support.console_walk import practice, practice_app
from support.signing_in import Visitor

__all__ = ["practice", "practice_app"]


@pytest.fixture
def registrar(practice: httpx2.Client) -> Visitor:
    """Of one district."""
    visitor = Visitor(practice)
    assert visitor.posts("/practice/registrar").status_code == 303
    return visitor


def test_a_registrar_finds_her_lists_with_counts_and_the_children_on_them(registrar: Visitor) -> None:
    page = registrar.get("/lists").text
    assert len(re.findall(r'<a href="/lists/[a-z-]+"><span class="name">', page)) == 6
    assert re.search(r'href="/lists/ending\?days=90">in 90 days: \d+', page)
    children = registrar.get("/lists/children").text
    assert re.search(r'<th scope="row"><a href="/students/\d{12}">', children)
    assert "left" in children


def test_what_a_form_left_empty_is_not_asked_and_what_cannot_be_asked_is_told(registrar: Visitor) -> None:
    assert registrar.get("/lists/children?district=&school=&grade=").status_code == 200
    wrong = registrar.get("/lists/children?district=12")
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text


def test_a_list_is_kept_under_a_name_of_ones_own_and_removed_again(registrar: Visitor) -> None:
    page = registrar.get("/lists/ending?days=60").text
    token: str = re.findall(r'name="csrf" value="([^"]+)"', page)[-1]
    assert registrar.posts("/lists/ending/saved", csrf=token, days="60", name="Ending soon").status_code == 303
    kept = registrar.get("/lists").text
    assert '<a href="/lists/ending?days=60">Ending soon</a>' in kept
    (removal,) = re.findall(r'action="(/lists/saved/[^"]+/removal)"', kept)
    assert registrar.posts(removal, csrf=token).status_code == 303
    assert "Ending soon" not in registrar.get("/lists").text


def test_an_export_is_a_file_and_another_office_has_none_of_it(registrar: Visitor) -> None:
    export = registrar.get("/lists/children/export")
    assert export.headers["content-type"].startswith("text/csv")
    assert export.headers["content-disposition"].startswith('attachment; filename="children-')
    assert registrar.get("/lists/children?district=0600001").status_code == 403


def test_whatever_cannot_be_asked_is_told_beside_the_form(registrar: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_showing, "EXPORT_MAX", 0)
    for path, said in (
        ("children?state=ZZ", "No state or territory has this code."),
        ("new?since=2999-01-01", "The day is yet to come."),
        ("children?days=60", "The list children takes no such parameter."),
        ("children/export", "Name a district, a school or a grade, and export part by part"),
        ("children/export?cursor=x", "Leave the cursor out."),
        ("children?grade=99", "It is not a Grade Level of the layout."),
    ):
        answer = registrar.get(f"/lists/{path}")
        assert answer.status_code == 422, path
        assert 'role="alert"' in answer.text, path
        assert 'class="row filters"' in answer.text, "the form is there"
        assert said in answer.text, path
        assert "ZZ" not in answer.text, "no field of the form would mend it"
    assert 'id="since-fault"' in registrar.get("/lists/new?since=2999-01-01").text


def test_a_list_that_cannot_be_kept_says_what_is_wrong_with_it(registrar: Visitor) -> None:
    token: str = re.findall(r'name="csrf" value="([^"]+)"', registrar.get("/lists/ending").text)[-1]

    def kept(**typed: str) -> str:
        answer = registrar.posts("/lists/ending/saved", csrf=token, **typed)
        assert answer.status_code == 422, answer.text
        return answer.text

    of_days = kept(days="0", name="Mine")
    assert "It is not a whole number of days, 1 to 366." in of_days
    assert "name of 1 to 60" not in of_days
    of_name = kept(days="60", name="x" * 61)
    assert re.search(r'id="name-fault">Give it a name of 1 to 60 characters', of_name)
    assert "x" * 61 in of_name, "what was typed is kept"
    assert '<input type="hidden" name="days" value="60">' in of_name
    assert "It holds no letter, or what is not shown." in kept(name="\u200b")
    assert "/lists/saved/" not in registrar.get("/lists").text


def test_in_spanish_what_has_no_spanish_is_marked_as_english(registrar: Visitor) -> None:
    answer = registrar.get("/lists/children?district=12", headers={"Accept-Language": "es"})
    assert '<span lang="en">A parameter cannot be used.</span>' in answer.text
    assert '<span lang="en">It is not the NCES id of a district: seven digits.</span>' in answer.text
