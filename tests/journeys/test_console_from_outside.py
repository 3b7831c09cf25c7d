"""The console as those who use it meet it, without a browser's scripts: written from the issue and the pages alone.

One demo for the whole file, asked as the seats of /practice; what needs a real browser is in
test_console_in_chromium_from_outside.py.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from itertools import pairwise
from typing import Final

import pytest

from support.house import check_digit
from support.practice_space import (
    ENE,
    HTML,
    LEAP,
    LONG,
    LONG_NAME,
    NAMELESS,
    RTL,
    SCRIPT,
    SEATS,
    TOLD,
    Forms,
    Practice,
    Sitter,
    Text,
    said,
    students_in,
)

NEVER_ISSUED: Final = "98765432101" + check_digit("98765432101")


@pytest.fixture(scope="module")
def walked(practice: Practice) -> dict[str, dict[str, str]]:
    """Pages by their address, for each language: one of a kind for each of the seats that see the most."""
    return {language: _walk(practice, language) for language in ("en", "es")}


def _walk(practice: Practice, language: str) -> dict[str, str]:
    pages: dict[str, str] = {}
    for seat in ("registrar", "state-administrator", "user-administrator", "auditor", "operator", "parent", ""):
        sitter, kinds = practice.sits(seat, language), Counter[str]()
        waiting, asked = ["/", "/my-children/" + NEVER_ISSUED, "/nowhere", "/operations", "/apply"], set[str]()
        while waiting:
            address = waiting.pop(0)
            kind = re.sub(r"\d{12}(-\d+)?|\d{17}|[0-9a-f]{8}-[0-9a-f-]{27}|/help/.*", "*", address.partition("?")[0])
            if address in asked or kinds[kind]:
                continue
            asked.add(address)
            kinds[kind] += 1
            answer = sitter.get(address)
            assert answer.status_code < 500, (seat, address, said(answer.text))
            if answer.status_code == 303:
                waiting.append(answer.headers["location"])
            elif answer.headers["content-type"].startswith("text/html"):
                assert_strict(answer.headers["content-security-policy"])
                pages[f"{seat} {address}"] = answer.text
                found = [html.unescape(link) for link in re.findall(r'<a [^>]*href="(/[^"#]*)', answer.text)]
                outside = ("/language", "/practice", "/v1/", "/metrics", "/readyz", "/openapi")
                waiting += [
                    link for link in found if not link.startswith(outside) and not link.endswith((".pdf", "/export"))
                ]
    return pages


def assert_strict(policy: str) -> None:
    """Nothing from another host, and nothing within the page."""
    told = {name: value for name, _, value in (part.strip().partition(" ") for part in policy.split(";"))}
    assert told["default-src"] == "'none'"
    assert told["frame-ancestors"] == told["base-uri"] == "'none'"
    assert told["form-action"] == "'self'"
    assert set(told.values()) <= {"'none'", "'self'"}, policy


# -- every page


def test_a_walk_sees_more_than_forty_kinds_of_pages_in_both_languages(walked: dict[str, dict[str, str]]) -> None:
    for pages in walked.values():
        assert len({re.sub(r"\d{5,}[\d-]*|[0-9a-f]{8}-[0-9a-f-]{27}", "*", address) for address in pages}) > 40


def test_no_page_has_a_script_a_style_or_a_handler_within_itself_or_names_another_host(
    walked: dict[str, dict[str, str]],
) -> None:
    for address, page in [*walked["en"].items(), *walked["es"].items()]:
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), address
        assert not re.search(r"<style|<[a-z]+[^>]*\sstyle=|<[a-z][^<>]*\son[a-z]+=", page), address
        assert not re.search(r'(?:src|href|action|srcset|poster|data)="(?:https?:|//|data:|javascript:)', page), address


def test_every_page_is_marked_as_practice_and_names_whom_to_ask(walked: dict[str, dict[str, str]]) -> None:
    mark = {"en": "Practice space", "es": "Espacio de práctica"}
    for language, pages in walked.items():
        for address, page in pages.items():
            assert mark[language] in page, address
            if "/print" not in address:
                assert re.search(r'<footer>.*href="/help#support"', page, re.DOTALL), address


def test_every_page_has_one_heading_on_top_and_skips_no_level(walked: dict[str, dict[str, str]]) -> None:
    for address, page in walked["en"].items():
        levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
        assert levels.count(1) == 1, address
        assert levels[0] == 1, address
        assert all(after - before <= 1 for before, after in pairwise(levels)), (address, levels)


def test_every_field_has_a_label_and_every_id_is_there_once(walked: dict[str, dict[str, str]]) -> None:
    for address, page in walked["en"].items():
        ids = Counter(re.findall(r'\sid="([^"]+)"', page))
        assert not [name for name, times in ids.items() if times > 1], address
        labelled = set(re.findall(r'<label[^>]*\sfor="([^"]+)"', page))
        within = " ".join(re.findall(r"<label[^>]*>.*?</label>", page, re.DOTALL))
        for control in re.findall(r"<(?:input|select|textarea)[^>]*>", page):
            if 'type="hidden"' in control or control in within or "aria-label" in control:
                continue
            named = re.search(r'\sid="([^"]+)"', control)
            assert named is not None, (address, control)
            assert named[1] in labelled, (address, control)
        for described in re.findall(r'aria-(?:describedby|labelledby|controls)="([^"]+)"', page):
            assert set(described.split()) <= set(ids), (address, described)


def test_no_address_title_or_form_by_get_has_a_childs_name(
    practice: Practice, walked: dict[str, dict[str, str]]
) -> None:
    for address, page in walked["en"].items():
        links = " ".join(re.findall(r'(?:href|src|action)="([^"]*)"', page)) + "".join(
            re.findall("<title>.*?</title>", page)
        )
        names = [one for one in re.findall(r'href="/students/\d{12}">([^<0-9]{6,})</a>', page) if one[0] in links]
        assert not [word for word in TOLD if word.casefold() in html.unescape(links).casefold()], address
        assert not [name for name in names if name in links], address
        for form in Forms(page).forms:
            if form["method"] == "get":
                assert not {"q", "first_name", "last_name_1", "birth_date"} & set(form["fields"]), (address, form)
    assert "/find" in {form["action"] for form in Forms(practice.sits("registrar").page("/")).forms}


ENGLISH: Final = re.compile(
    r"\b(the|of|is|and|what|who|whom|your|this|for|with|are|was|not|by|from|it|its|all|each|any|has|have|were|been"
    r"|that|which|they|until|since|there|be)\b",
    re.IGNORECASE,
)


def test_a_spanish_page_says_nothing_in_english_that_is_not_marked_so(walked: dict[str, dict[str, str]]) -> None:
    left: set[tuple[str, str]] = set()
    for address, page in walked["es"].items():
        assert '<html lang="es"' in page, address
        for language, text in Text(page).pieces:
            assert language != "" or "<html" not in page or text == "", (address, text)
            if language == "es" and len(set(ENGLISH.findall(text.casefold()))) >= 2:
                left.add((address, text))
    assert not left


def test_what_a_page_says_in_both_languages_is_there_in_both(walked: dict[str, dict[str, str]]) -> None:
    """The two walks come by the same pages, so a sentence that is the same in both was not translated."""
    data = re.compile(r"School|Program|Education|State |District|[@\d<]")
    for address in set(walked["en"]) & set(walked["es"]):
        english, spanish = (
            {
                text
                for language, text in Text(walked[tongue][address]).pieces
                if language == tongue and len(text.split()) > 3
            }
            for tongue in ("en", "es")
        )
        same = {
            text
            for text in english & spanish
            if LONG_NAME[1] not in text and not data.search(text) and not text.isupper() and text.count(" ") > 4
        }
        assert not same, address


# -- each role


@pytest.mark.parametrize("seat", SEATS)
def test_the_home_of_a_role_says_who_one_is_and_leads_only_where_one_may_go(practice: Practice, seat: str) -> None:
    sitter = practice.sits(seat)
    home = sitter.page("/")
    assert f"{seat}@practice.example.org" in said(home)
    main = home[home.index("<nav") : home.index("</main>")]
    links = set(re.findall(r'href="(/[^"#?]*)"', main)) - {"/readyz", "/metrics", "/openapi.json", "/"}
    assert links, "nothing to do for this role"
    for link in links:
        answer = sitter.get(link)
        if answer.status_code == 303:
            answer = sitter.get(answer.headers["location"])
        assert answer.status_code == 200, link


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_help_of_every_role_has_the_headings_of_a_training(practice: Practice, language: str) -> None:
    """What Sojourn is, the role, responsibilities, procedures, support: the same for all, with other words below."""
    wanted = {
        "en": ["What Sojourn is", "Your role", "What you answer for", "How it is done", "Whom to ask"],
        "es": ["Qué es Sojourn", "Su función", "De qué responde usted", "Cómo se hace", "A quién preguntar"],
    }
    bodies: set[str] = set()
    for seat in SEATS:
        page = practice.sits(seat, language).page("/help")
        assert [html.unescape(one) for one in re.findall(r"<h2[^>]*>([^<]*)</h2>", page)][:5] == wanted[language], seat
        bodies.add(re.sub(r"\S+@practice\S*", "", said(page)))
    assert len(bodies) >= 16, "roles are told the same"


# -- find


FOUND: Final = [
    (ENE, "Ñusta Citlali O'Brien-Peña D'Ángelo"),
    (ENE, "nusta obrien pena"),
    (ENE, "D'Ángelo O’Brien Peña, Ñusta"),
    (ENE, "dangelo citlali"),
    (ENE, "OBRIEN-PEÑA 4/5/2013"),
    (ENE, "OBRIEN-PEÑA 5/4/2013"),
    (ENE, "5 de abril de 2013 o'brien"),
    (ENE, "April 5, 2013 Nusta"),
    (ENE, "  2013-04-05\t PEÑA  "),
    (ENE, f"OR {ENE}"),
    (LEAP, "zacatelco 29/2/2012"),
    (LEAP, "guereca zacatelco yoloxochitl"),
    (LEAP, "Sakatelko"),
    (LONG, LONG_NAME[1]),
    (RTL, "محمد"),
]


@pytest.mark.parametrize(("who", "q"), FOUND)
def test_one_box_forgives(practice: Practice, registrar: Sitter, who: str, q: str) -> None:
    answer = registrar.finds(q)
    assert answer.status_code == 200, said(answer.text)
    assert practice.ids[who] in students_in(answer.text)[:3], said(answer.text)[-600:]


@pytest.mark.parametrize("between", ["", " ", "-", "\u00a0", "\t"])
def test_an_id_pasted_with_blanks_leads_to_the_record(practice: Practice, registrar: Sitter, between: str) -> None:
    student = practice.ids[LEAP]
    typed = f" \t{between.join((student[:4], student[4:8], student[8:]))}\r\n"
    answer = registrar.finds(typed)
    assert (answer.status_code, answer.headers.get("location")) == (303, f"/students/{student}"), said(answer.text)


@pytest.mark.parametrize("typed", ["31/2/2013", "13/13/2013", "29/2/2013"])
def test_a_day_that_no_calendar_has_is_told_as_that(registrar: Sitter, typed: str) -> None:
    """Not as if nothing had been typed."""
    answer = registrar.finds(typed)
    assert answer.status_code == 422
    fault = html.unescape(" ".join(re.findall(r'class="fault"[^>]*>([^<]*)<', answer.text)))
    assert "date" in fault.casefold(), fault
    assert "nothing" not in fault.casefold(), fault


def test_twelve_digits_with_a_slip_are_told_to_be_no_students_id(practice: Practice, registrar: Sitter) -> None:
    """What its check digit is for (ISO 7064)."""
    student = practice.ids[LEAP]
    slip = student[:-1] + str((int(student[-1]) + 1) % 10)
    words = said(registrar.finds(slip).text)
    assert "digit" in words[words.index("Nobody fits") :], words[words.index("Nobody fits") :]


def test_a_child_without_a_name_is_found_by_her_id_in_the_state(practice: Practice, registrar: Sitter) -> None:
    answer = registrar.finds(NAMELESS)
    assert answer.status_code == 200, said(answer.text)
    assert students_in(answer.text) == [practice.ids[NAMELESS]]


@pytest.mark.parametrize(
    "q",
    ["", "   ", "<script>alert(1)</script>", "' or '1'='1", "%_%", "\x00", "\u202e", "a" * 9000, "🙂", "-", "()", "OR"],
)
def test_nonsense_in_the_box_is_answered_by_a_page(registrar: Sitter, q: str) -> None:
    answer = registrar.finds(q)
    assert answer.status_code in (200, 422), answer.status_code
    assert not re.search(r"<script(?![^>]*\ssrc=)", answer.text)
    assert "<h1>" in answer.text


# -- the record


def test_a_record_says_who_where_until_when_and_what_to_mind_before_all_else(
    practice: Practice, oregon: Sitter
) -> None:
    words = said(oregon.page(f"/students/{practice.ids[LEAP]}"))
    top = words[: words.index("Schools")]
    for needed in (
        "Yoloxóchitl Zacatelco Güereca",
        "Feb 29, 2012",
        "age 1",
        "Where now",
        "Grade 6",
        "Apr 17, 2028",
        f"OR {LEAP}",
    ):
        assert needed in top, top


def test_every_fact_of_a_record_is_said_with_its_state_and_the_day(practice: Practice, oregon: Sitter) -> None:
    student = practice.ids[ENE]
    page = oregon.page(f"/students/{student}")
    for section in ("schools", "credits", "health", "moves", "who", "parents"):
        part = page[page.index(f'<h2 id="{section}"') :].partition("<h2")[2].partition("</section>")[0]
        for one in re.findall(r"<tr>\s*<th scope=\"row\".*?</tr>|<ol class=\"rows\">.*?</ol>", part, re.DOTALL):
            if "In progress" not in one:  # what is counted is nobody's saying
                assert re.search(r"OR, [A-Z][a-z]{2} \d{1,2}, 20\d\d|>OR<", one), (section, one)


def test_a_child_of_two_states_shows_what_each_says(practice: Practice, oregon: Sitter) -> None:
    listed = students_in(oregon.page("/lists/children"))
    both = next(page for one in listed if "CA 83" in said(page := oregon.page(f"/students/{one}")))
    assert re.search(r"OR, \w{3} \d+, 20\d\d", said(both))
    assert re.search(r"CA, \w{3} \d+, 20\d\d", said(both))


def test_no_record_weighs_150_kilobytes(practice: Practice, oregon: Sitter) -> None:
    students = [*practice.ids.values(), *students_in(oregon.page("/lists/children"))[:25]]
    assert max(len(oregon.get(f"/students/{one}").content) for one in students) < 150_000


def test_markup_in_a_name_is_text_on_every_page_that_has_it(practice: Practice, oregon: Sitter) -> None:
    student, other = practice.ids[HTML], practice.ids[LEAP]
    pages = [f"/students/{student}{rest}" for rest in ("", "/print?language=es", f"/merge?other={other}")]
    for path in [*pages, f"/students/{other}/not-same?other={student}", "/lists/new"]:
        page = oregon.page(path)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page, path
        for markup in (*SCRIPT[:2], "<b>School"):
            assert markup not in page, path
        assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", page)[0]


def test_a_name_of_another_script_stands_whole(practice: Practice, oregon: Sitter) -> None:
    page = oregon.page(f"/students/{practice.ids[RTL]}")
    heading = re.findall(r"<h1[^>]*>.*?</h1>", page, re.DOTALL)[0]
    assert "محمد הכהן" in heading


@pytest.mark.parametrize(("language", "sign"), [("en", "Confidential"), ("es", "Confidencial")])
def test_a_printed_record_says_who_printed_it_and_is_recorded(
    practice: Practice, oregon: Sitter, language: str, sign: str
) -> None:
    student = practice.ids[ENE]
    answer = oregon.get(f"/students/{student}/print?language={language}")
    assert f'<html lang="{language}"' in answer.text
    assert sign in said(answer.text)
    assert "state-administrator@practice.example.org" in said(answer.text)
    assert "no-store" in answer.headers["cache-control"]
    entry = next(one for one in oregon.accounting(student) if one["request"] == answer.headers["x-request-id"])
    assert entry["view"] == "student-print"


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("who", [ENE, RTL, LONG, HTML, NAMELESS])
def test_a_record_is_to_be_had_as_a_pdf_named_by_its_id_alone(
    practice: Practice, oregon: Sitter, who: str, language: str
) -> None:
    student = practice.ids[who]
    answer = oregon.get(f"/students/{student}/record.pdf?language={language}")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF-")
    named = answer.headers["content-disposition"]
    assert student in named
    assert not [word for word in TOLD if word in named]


def test_a_record_that_has_not_changed_is_recorded_too(practice: Practice, oregon: Sitter) -> None:
    student = practice.ids[LEAP]
    first = oregon.get(f"/students/{student}")
    again = oregon.get(f"/students/{student}", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["x-request-id"] in {one["request"] for one in oregon.accounting(student)}
    spanish = practice.sits("state-administrator", "es").get(
        f"/students/{student}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert spanish.status_code == 200


def test_a_child_of_whom_little_is_known_has_a_page_that_says_so(practice: Practice, oregon: Sitter) -> None:
    page = oregon.page(f"/students/{practice.ids[NAMELESS]}")
    heading = re.findall(r"<h1[^>]*>(.*?)</h1>", page)[0]
    assert heading.strip()
    assert "not stated" in said(page)
    assert "None" not in re.findall(r"[^.>]*None[^<]*", heading)
    assert not re.search(r">\s*(None|null|undefined|nan)\s*<", page.replace('data-l="Medical alert">None<', ""))
