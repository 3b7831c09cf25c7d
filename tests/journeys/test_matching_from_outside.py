"""What is linked, asked and left alone, and how it is told. Written from the pages alone.

Two states have sent a night of families that share nothing with each other, so each test looks at its own.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.house import check_digit
from support.matching_families import GIRL, SPELT, WORDS, of_oregon, of_texas
from support.matching_watch import Watch, cases, kid, open_watch, students
from support.outsider import row

WHY = "Asked the school."


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    with open_watch() as opened:
        opened.send("OR", *of_oregon())
        opened.send("TX", *of_texas())
        yield opened


# -- certain is linked


def test_a_certain_child_is_linked_and_read_as_one_student(watch: Watch) -> None:
    assert watch.together("OR:SURE", "TX:SURE")
    shown = watch.service.student(watch.student("TX:SURE"))
    assert {one["state"] for one in shown["core"]["records"]} == {"OR", "TX"}
    assert watch.cases("TX:SURE") == []


@pytest.mark.parametrize("said", SPELT)
def test_a_child_whose_name_or_date_another_state_spells_otherwise_is_linked(watch: Watch, said: str) -> None:
    name = f"SPELT{list(SPELT).index(said)}"
    assert watch.together(f"OR:{name}", f"TX:{name}"), watch.explained(f"OR:{name}", f"TX:{name}")


def test_submit_tells_how_many_of_the_files_records_were_linked_and_asked_about(watch: Watch) -> None:
    ids = students(watch.command)
    told = watch.answers["TX"].told
    texan = {name for name in ids if name.startswith("TX:")}
    shared = [name for name in texan if any(ids[other] == ids[name] for other in ids if other != name)]
    # of the two that the state's own word joins one is linked to the other
    assert len(shared) - 1 <= told["students_linked"] <= len(shared)
    asked = {f"TX:{case['state_student_id_a']}" for case in cases(watch.command) if case["state_a"] == "TX"}
    assert told["near_matches"] >= len(asked & texan) > 0


def test_the_same_file_again_has_the_first_answer(watch: Watch) -> None:
    # The same file again has the first answer; what was linked or asked is counted of this time.
    first = watch.send("DE", kid("AGAIN", "Epifanio/Tlalmis/Rugerio", "20110523"))
    watch.send("NJ", kid("AGAIN", "Epifanio/Tlalmis/Rugerio", "20110523"))
    joined = watch.answers["NJ"]
    assert (first.told["students_linked"], joined.told["students_linked"]) == (0, 1)
    again = watch.again("NJ")
    assert again.events == []
    this_time = {"seconds": 0, "events": 0, "students_linked": 0, "near_matches": 0}
    assert {**again.told, **this_time} == {**joined.told, **this_time}
    assert again.told["students_linked"] == 0


# -- wrong never


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("OR:TWIN-A", "OR:TWIN-B"),
        ("OR:TWIN-A", "TX:TWIN-B"),
        ("TX:TWIN-A", "TX:TWIN-B"),
        ("OR:ELDER", "TX:YOUNGER"),
        ("OR:NAMESAKE", "TX:NAMESAKE"),
        ("OR:HALF-A", "OR:HALF-B"),
        ("OR:LONE-A", "OR:LONE-B"),
    ],
)
def test_twins_siblings_and_namesakes_are_not_linked(watch: Watch, left: str, right: str) -> None:
    assert not watch.together(left, right), watch.explained(left, right)


def test_each_twin_is_linked_to_herself(watch: Watch) -> None:
    assert watch.together("OR:TWIN-A", "TX:TWIN-A")
    assert watch.together("OR:TWIN-B", "TX:TWIN-B")


@pytest.mark.parametrize(
    ("poor", "sides"), [("TX:HALF", ("OR:HALF-A", "OR:HALF-B")), ("TX:LONE", ("OR:LONE-A", "OR:LONE-B"))]
)
def test_a_record_that_may_be_either_of_two_is_linked_to_neither(
    watch: Watch, poor: str, sides: tuple[str, str]
) -> None:
    for side in sides:
        assert not watch.together(poor, side), watch.explained(poor, side)


# -- near goes to a person


HELD = [("OR:PLACES", "TX:PLACES", "two-places", "two schools"), ("TX:IDS-A", "TX:IDS-B", "two-ids", "two ids")]
"""Told in full and alike; the guard that keeps each pair back, by its code and in words."""


@pytest.mark.parametrize(("left", "right", "guard", "words"), HELD)
def test_what_a_guard_keeps_back_is_a_question(watch: Watch, left: str, right: str, guard: str, words: str) -> None:
    assert not watch.together(left, right)
    ((one,), (other,)) = (watch.cases(left), watch.cases(right))
    assert (one["case_id"], one["kind"]) == (other["case_id"], "near-match")
    told = watch.command.json("matching", "explain", left, right)
    assert told["students"]["guards"] == [guard]


@pytest.mark.parametrize(("left", "right", "guard", "words"), HELD)
def test_the_words_of_an_explanation_name_the_guard_while_the_question_is_open(
    watch: Watch, left: str, right: str, guard: str, words: str
) -> None:
    # commands.md, explain: every level with its bits, the guards that fired
    assert words in watch.explained(left, right)


@pytest.mark.parametrize(("left", "right", "guard", "words"), HELD)
def test_whoever_reads_a_case_over_http_is_told_the_guard(
    watch: Watch, left: str, right: str, guard: str, words: str
) -> None:
    # http.md: a case whole, what is proposed and why
    whole = watch.service.get(f"/v1/cases/{watch.cases(left)[0]['case_id']}").json()
    assert guard in str(whole)


def test_the_worklist_has_the_columns_that_scripts_rely_on(watch: Watch) -> None:
    listed = watch.command.run("worklist", "--csv").stdout.splitlines()
    assert listed[0] == (
        "case_id,kind,state_a,state_student_id_a,state_b,state_student_id_b,score,opened_at,due_on,student_id_b"
    )
    (places,) = [one for one in csv.DictReader(listed) if one["state_student_id_a"] == "PLACES"]
    b = f"{places['state_b']}:{places['state_student_id_b']}"
    assert places["student_id_b"] == watch.student(b)
    assert float(places["score"]) > 0


# -- what a state says itself


def test_a_state_that_sends_another_id_of_its_own_joins_the_two_whatever_their_names(watch: Watch) -> None:
    assert watch.together("TX:WORD-A", "TX:WORD-B")
    act = watch.link_of("TX:WORD-B")
    told = watch.service.get(f"/v1/acts/{act}").json()
    assert (told["actor"], told["holds"]) == ("matcher", True)
    assert "the state says that they are the same" in watch.command.run("history", watch.student("TX:WORD-B")).stdout
    assert "was not decided by a policy" in watch.command.run("matching", "explain", "--act", act, code=1).stderr


def test_neither_a_states_word_nor_a_correction_crosses_a_no(watch: Watch) -> None:
    one, other = (kid(ssid, "Delfino/Xochihua/Temoltzin", "20130606") for ssid in ("NO-A", "NO-B"))
    watch.send("WA", one, other)
    (case,) = watch.cases("WA:NO-A")
    watch.settles(case["case_id"], "no")
    word = kid("NO-B", "Delfino/Xochihua/Temoltzin", "20130607", row("K", id="NO-A", type="01"))
    watch.send("WA", word)
    assert not watch.together("WA:NO-A", "WA:NO-B")
    assert [case for case in watch.cases("WA:NO-A") if case["kind"] == "near-match"] == []
    told = watch.command.json("matching", "explain", "WA:NO-A", "WA:NO-B")
    assert len(told["students"]["declared"]) == 1


def test_a_number_sent_back_is_no_link_by_itself(watch: Watch) -> None:
    number = watch.student("OR:ELDER")
    answer = watch.send("CA", kid("SENT", "Tiburcio/Zamudio/Arce", "20090630", msix=number))
    assert answer.outcomes("SENT") == "aaa"
    assert not watch.together("CA:SENT", "OR:ELDER")


def test_a_number_that_was_never_issued_is_warned_of_and_the_own_one_is_not(watch: Watch) -> None:
    eleven = "98765432109"
    mine = watch.send("NV", kid("OWN", "Ladislao/Tzompa/Itzcoatl", "20091030"))
    told = kid("OWN", "Ladislao/Tzompa/Itzcoatl", "20091030", msix=mine.student("OWN"))
    own = watch.send("NV", told, kid("NEVER", "Odilón/Mixcoatl/Zapata", "20080130", msix=eleven + check_digit(eleven)))
    assert [letter for letter, _, _ in own.findings("NEVER")].count("S") == 1
    assert own.outcomes("NEVER") == "aaa"
    assert [letter for letter, _, _ in own.findings("OWN") if letter == "S"] == []


def test_a_row_that_makes_another_child_of_a_record_holds_it_until_a_person_has_answered(watch: Watch) -> None:
    watch.send("ID", kid("TURNS", "Hermelindo/Cahuantzi/Romano", "20120413"))
    watch.send("ID", kid("TURNS", "Saturnina/Tlacuahuac/Bautista", "20150127", **GIRL))
    (case,) = watch.cases("ID:TURNS")
    assert case["kind"] == "different-child"
    assert watch.service.student(watch.student("ID:TURNS"))["core"]["first_name"] == "Saturnina"
    watch.send("UT", kid("SAME", "Saturnina/Tlacuahuac/Bautista", "20150127", **GIRL))
    assert not watch.together("ID:TURNS", "UT:SAME")
    watch.settles(case["case_id"], "yes")
    watch.send("UT", kid("WAITS", "Primitivo/Sarabia/Cano", "20070127"))  # which waits for the matcher
    assert watch.together("ID:TURNS", "UT:SAME")


def test_a_correction_that_speaks_against_a_link_asks_and_undoes_nothing(watch: Watch) -> None:
    whole = "Abundio/Tecocoatzi/Saldívar"
    watch.send("NM", kid("DOUBT", whole, "20130213"))
    watch.send("CO", kid("DOUBT", whole, "20130213"))
    assert watch.together("NM:DOUBT", "CO:DOUBT")
    watch.send("CO", kid("DOUBT", "Zenaida/Tecocoatzi/Saldívar", "20170930", **GIRL))
    assert watch.together("NM:DOUBT", "CO:DOUBT")
    assert "doubtful-link" in [case["kind"] for case in cases(watch.command)]


def test_keeping_apart_appends_nothing(watch: Watch) -> None:
    watch.send("MT", kid("APART", "Refugio/Tlilayatzi/Portillo", "20100318"))
    answer = watch.send("WY", kid("APART", "Estanislao/Tlilayatzi/Portillo", "20150922"))
    about = {subject.partition("/")[0] for subject, _ in answer.events}
    assert about == {"record", "submission"}
    with watch.nothing_written():
        assert "kept apart" in watch.explained("MT:APART", "WY:APART")


# -- explained


PAIRS = [("OR:SURE", "TX:SURE"), ("OR:PLACES", "TX:PLACES"), ("OR:TWIN-A", "TX:TWIN-B"), ("OR:LONE-A", "TX:LONE")]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_steps_of_an_explanation_add_up_to_the_weight(watch: Watch, pair: tuple[str, str]) -> None:
    told = watch.command.json("matching", "explain", *pair)
    steps = told["alone"]["steps"]
    assert round(sum(round(step["bits"] * 1000) for step in steps)) == round(told["alone"]["weight"] * 1000)
    fields = [step["name"] for step in steps if step["level"]]
    assert len(fields) == 8, "eight fields are compared"
    assert [f"{one['state']}:{one['state_student_id']}" for one in told["records"]] == list(pair)


@pytest.mark.parametrize("spanish", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_sum_in_words_adds_up_too_and_names_no_child(watch: Watch, pair: tuple[str, str], spanish: bool) -> None:
    said = watch.explained(*pair, *(["--es"] if spanish else []))
    total = "en total" if spanish else "in all"
    parts = re.split(r"\n\n", said)
    sums = [part for part in parts if total in part]
    assert sums
    for part in sums:
        figures = [
            float(figure.replace(",", "."))
            for figure in re.findall(rf"^ *([+-]\d+{',' if spanish else '[.]'}\d) ", part, re.MULTILINE)
        ]
        *steps, whole = figures
        assert abs(sum(steps) - whole) <= 0.05 * (len(steps) + 1) + 1e-9, part
    assert [word for word in WORDS if word.lower() in said.lower()] == []


def test_an_explanation_in_spanish_has_no_english_left_in_it(watch: Watch) -> None:
    act = watch.link_of("TX:SURE")
    for words in ([*PAIRS[1]], [*PAIRS[2]], ["--act", act]):
        said = watch.explained(*words, "--es")
        english = r"\b(act|policy|records?|the|birth|given|found|with|students?|link|alone|what|twins?)\b"
        lines = [line for line in said.splitlines() if not line.startswith(("OR:", "TX:"))]
        assert re.findall(english, "\n".join(lines), re.IGNORECASE) == [], said


def test_the_same_in_spanish_as_data_has_the_same_figures(watch: Watch) -> None:
    one, other = (watch.command.json("matching", "explain", *PAIRS[1], *more) for more in ([], ["--es"]))
    assert one["alone"]["weight"] == other["alone"]["weight"]
    assert [step["bits"] for step in one["alone"]["steps"]] == [step["bits"] for step in other["alone"]["steps"]]


def test_a_record_may_be_named_by_its_uuid_and_the_two_in_either_order(watch: Watch) -> None:
    told = watch.command.json("matching", "explain", *PAIRS[2])
    turned = watch.command.json("matching", "explain", *(one["record"] for one in reversed(told["records"])))
    assert turned["alone"]["weight"] == told["alone"]["weight"]


def test_who_is_explained_is_a_disclosure_of_both(watch: Watch) -> None:
    watch.explained(*PAIRS[2], "--as", "curious clerk")
    for name in PAIRS[2]:
        path = f"/v1/students/{watch.student(name)}/disclosures"
        seen = watch.service.get(path).json()["disclosures"]
        assert "curious clerk" in {one["actor"] for one in seen}


def test_the_decision_of_a_link_is_found_again_whatever_came_since(watch: Watch) -> None:
    act = watch.link_of("TX:SURE")
    told = watch.command.json("matching", "explain", "--act", act)
    assert (told["found_again"], told["differs"]) == (True, None)
    decision = told["decision"]
    assert sum(bits for _, bits in decision["steps"]) == decision["whole"]
    assert decision["weight"] >= decision["link"] > decision["review"]
    said = watch.explained("--act", act)
    assert "Found again, bit for bit" in said
    assert [word for word in WORDS if word.lower() in said.lower()] == []


# -- search (read-models.md, search)


@pytest.mark.parametrize(
    ("record", "asked"),
    [
        ("OR:SURE", {"name": "wilber antonio tepoxtle xicale"}),
        ("OR:SURE", {"last_name_1": "Tepoxtle", "last_name_2": "Xicale"}),
        ("OR:SPELT0", {"name": "Jose Munoz"}),
        ("TX:SPELT0", {"name": "José Muñoz"}),
        ("OR:SPELT6", {"name": "Pancho Quiahua"}),
        ("OR:SURE", {"name": "Xicale", "birth_date": "2012-02-11"}),
        ("OR:SURE", {"name": "Jicale"}),
        ("OR:NAMESAKE", {"name": "Hilario Juares"}),
    ],
)
def test_a_child_is_found_by_a_name_or_a_date_that_is_not_quite_right(
    watch: Watch, record: str, asked: dict[str, str]
) -> None:
    assert watch.student(record) in watch.searched(**asked)


def test_a_search_finds_nobody_who_does_not_fit(watch: Watch) -> None:
    assert watch.searched(name="Wilber", birth_date="2011-01-01") == []
    assert watch.student("OR:TWIN-B") not in watch.searched(name="Yaretzi Zitlalpopoca")


# -- policies over HTTP


def test_a_policy_is_told_without_how_common_names_are_and_not_to_everybody(watch: Watch) -> None:
    service = watch.service
    (policy,) = service.get("/v1/policies").json()["policies"]
    assert policy["in_effect"]
    whole = service.get(f"/v1/policies/{policy['version']}")
    assert whole.status_code == 200
    assert [word for word in ("garcia", "hernandez", "guadalupe") if word in whole.text.lower()] == []
    assert service.get("/v1/policies", by="recruiter").status_code == 403
    assert service.call("POST", "/v1/policies", by="operator", json={}).status_code == 405
    assert service.get("/v1/policies/none").status_code == 404


def test_the_policy_that_sojourn_comes_with_is_the_one_that_the_page_tells_of(watch: Watch) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "explanation", "matching.md").read_text()
    (comes_with,) = re.findall(r"Sojourn comes with a policy, `([\w-]+)`", page)
    (links_at,) = re.findall(r"It links at ([\d.]+) bits", page)
    (one_in,) = re.findall(r"one in ([\d,]+) is expected to be wrong", page)
    (policy,) = watch.service.get("/v1/policies").json()["policies"]
    published = policy["published"][0]
    assert (comes_with, float(links_at)) == (policy["version"], published["link"])
    assert int(one_in) in published.values()


# -- bad input


BAD = [
    (["explain", "OR:SURE"], 2),
    (["explain", "OR:SURE", "TX:SURE", "TX:PLACES"], 2),
    (["explain", "OR:SURE", "OR:SURE"], 1),
    (["explain", "OR:SURE", "OR:NOBODY"], 1),
    (["explain", "SURE", "TX:SURE"], 1),
    (["explain", "OR:SURE", "TX:SURE", "--policy", "none"], 1),
    (["explain", "OR:SURE", "TX:SURE", "--as-of", "1"], 1),
    (["explain", "--act", "000000000000-1"], 1),
    (["explain", "OR:SURE", "TX:SURE", "--act", "000000000000-1"], 2),
    (["try", "none"], 1),
    (["try", "SHIPPED", "--link", "-3"], 1),
    (["try", "SHIPPED", "--link", "nan"], None),
    (["try", "SHIPPED", "--guards", "none-such"], 1),
    (["publish", "none", "--reason", WHY], 1),
    (["publish", "SHIPPED"], 2),
    (["publish", "SHIPPED", "--reason", " "], None),
    (["publish", "SHIPPED", "--link", "2", "--review", "3", "--reason", WHY], 1),
    (["publish", "SHIPPED", "--margin", "-1", "--reason", WHY], 1),
    (["publish", "SHIPPED", "--link", "inf", "--reason", WHY], None),
    (["publish", "SHIPPED", "--guards", "two-ids,none-such", "--reason", WHY], 1),
    (["calibrate", "--policy", "none"], 1),
    (["train"], 1),
    (["train", "--name", "SHIPPED"], 1),
    (["train", "--sample", "0"], None),
    (["answer", "none", "yes", "--reason", WHY], 1),
]


@pytest.mark.parametrize(("words", "code"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_input_is_answered_with_a_remedy_and_no_childs_name(
    watch: Watch, words: Sequence[str], code: int | None
) -> None:
    words = [watch.policy if word == "SHIPPED" else word for word in words]
    command = words if words[0] == "answer" else ["matching", *words]
    with watch.nothing_written():
        done = watch.command.run(*command, code=code)
    assert done.returncode in (1, 2), done.stdout
    assert done.stdout == ""
    what, remedy = done.stderr.splitlines()[-2:]
    assert what.startswith("sojourn")
    assert remedy.startswith("  ")
    assert len(remedy) > 8
    assert [word for word in WORDS if word.lower() in done.stderr.lower()] == []


def test_a_file_that_is_no_policy_is_refused_and_told_so(watch: Watch) -> None:
    for n, content in enumerate(("", "{}", '{"version": "x"}', "[" * 5000, "\0")):
        path = watch.folder / f"policy{n}.json"
        path.write_text(content)
        done = watch.command.run("matching", "try", path, code=1)
        assert (done.stdout, len(done.stderr.splitlines()) >= 2) == ("", True), done.stderr


# -- the last one, for what it leaves behind: a policy that links nothing (tune-the-matching.md)


def test_a_policy_that_links_and_asks_nothing_is_told_like_any_other(watch: Watch) -> None:
    nothing = ["--link", "1000", "--review", "1000", "--reason", WHY]
    watch.command.run("matching", "publish", watch.policy, *nothing)
    answer = watch.service.get("/v1/policies")
    assert answer.status_code == 200, answer.text
    published = answer.json()["policies"][0]["published"][0]
    assert (published["link"], published["review"], published["reason"]) == (1000, 1000, WHY)
    assert watch.command.json("matching", "publish", "--list")[0]["published"][0]["link"] == 1000
    assert watch.command.json("matching", "publish", watch.policy, *nothing)["link"] == 1000
