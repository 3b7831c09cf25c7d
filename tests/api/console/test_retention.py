"""What is due, held, proposed, approved and gone, on pages: two people, one certificate, and nothing of a child."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from ledger.application import Ledger
from ledger.events import Meta
from ledger.proofs.certified import verify_certificate
from ledger.proofs.log_keys import parse_keys
from ledger.proofs.note import open_checkpoint
from ledger.proofs.tree import verify_inclusion
from ledger.reactors.notary import Notary
from ledger.store.database import Database
from support.casework import Work
from support.desks import Desk, at, desk
from support.disposals import LATER, keep_for_years
from support.notarized import KEY, leaves_of
from support.parts import need
from support.services import Clock
from support.signing_in import People

ANA, BEN = "ana@nation.example.org", "ben@nation.example.org"


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def work(people: People) -> Work:
    return Work(people.ledger)


@pytest.fixture
def student(work: Work, clock: Clock) -> str:
    """Of one record in Oregon, of which nothing was heard for twenty years; schedules let it go."""
    one = work.opened("OR", "7")
    clock.now = LATER
    keep_for_years(work.ledger)
    return one


@pytest.fixture
def record(student: str, work: Work) -> str:
    return work.ledger.keeping.over_students([student]).records[0].record


@pytest.fixture
def ana(student: str, people: People) -> Desk:
    return desk(people, ANA, "privacy_officer")


@pytest.fixture
def ben(student: str, people: People) -> Desk:
    return desk(people, BEN, "privacy_officer")


def proposed(ana: Desk, record: str) -> str:
    """The path of a disposal."""
    ticked = {"class": "education", f"item-{record}": "yes"}
    preview = ana.ask("POST", "/retention/preview", data=ana.hidden("/retention", "/retention/preview") | ticked)
    assert preview.status_code == 200, preview.text
    form = re.search(r'<form method="post" action="/retention/disposals">(.*?)</form>', preview.text, re.DOTALL)
    assert form, preview.text
    fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', form[1]))
    assert fields[f"item-{record}"] == "yes"
    return at(ana.ask("POST", "/retention/disposals", data=fields))


def done(ana: Desk, ben: Desk, record: str) -> str:
    """The path of a disposal that was approved."""
    path = proposed(ana, record)
    assert at(ben.presses(path, f"{path}/approval", count="1")) == path
    return path


# -- due


def test_what_is_due_stands_there_by_which_schedule_and_without_the_day_that_eligibility_ended(
    ana: Desk, record: str
) -> None:
    page = ana.get("/retention").text
    assert record in page
    assert "education/nation/1" in page
    assert "not told: a day of the child would follow" in page, "it waited for the end of eligibility last"
    assert "years after" not in page


def test_what_is_held_says_by_what_and_has_no_box(ana: Desk, record: str, student: str) -> None:
    assert f'name="item-{record}"' in ana.get("/retention").text
    ana.presses("/retention/holds", "/retention/holds", kind="legal", what="student", which=student, reason="No. 7")
    page = ana.get("/retention").text
    assert f'name="item-{record}"' not in page
    assert "legal hold" in page


def test_a_state_s_office_reads_its_own_and_is_offered_nothing_to_do(people: People, record: str) -> None:
    oregon = desk(people, "oz@ode.example.org", "state_data_administrator", "OR")
    california = desk(people, "cal@cde.example.org", "state_data_administrator", "CA")
    page = oregon.get("/retention").text
    assert record in page
    assert "/retention/preview" not in page
    assert record not in california.get("/retention").text
    assert california.get("/retention?state=OR").status_code == 403


# -- schedules


def test_a_schedule_is_set_and_shown_with_the_law_s_floor(ana: Desk) -> None:
    page = "/retention/schedules"
    typed = {"class": "education", "state": "CA", "years-last-activity": "7", "years-birth": "26", "authority": "EC 49"}
    done = ana.presses(page, page, **typed)
    shown = ana.get(done.headers["Location"]).text
    assert "7 years after the record last said anything new and 26 years after the child was born" in shown
    assert "5 years after it was last shown to anybody" in shown
    assert "5 USC 552a(c)(3)" in shown


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"years-eligibility-end": "2"}, "shorter than the law allows"),
        ({"years-eligibility-end": "three"}, "whole years from 1 to 150"),
        ({"years-access-end": "4"}, "are not counted"),
        ({"authority": " "}, "Cite the rule"),
    ],
)
def test_a_schedule_that_cannot_be_says_why_and_keeps_what_was_typed(
    ana: Desk, wrong: dict[str, str], said: str
) -> None:
    page = "/retention/schedules"
    typed = {"class": "eligibility", "years-eligibility-end": "7", "authority": "EC 49"} | wrong
    answer = ana.presses(page, page, **typed)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert f'value="{typed["years-eligibility-end"]}"' in answer.text


def test_what_would_be_due_by_a_schedule_is_counted_and_nothing_is_set(ana: Desk, ledger: Ledger) -> None:
    page, version = "/retention/schedules", ledger.keeping.schedules().version
    for years, would in (("19", "By this, 1 would be due today."), ("20", "By this, 0 would be due today.")):
        typed = {"class": "education", "state": "OR", "years-last-activity": years, "authority": "OAR 166-400"}
        answer = ana.ask("POST", f"{page}/preview", data=ana.hidden(page, page) | typed)
        assert (answer.status_code, would in answer.text) == (200, True), answer.text
        assert f'value="{years}"' in answer.text
    assert ledger.keeping.schedules().version == version


# -- holds


def test_a_hold_is_placed_read_and_released_with_reasons(ana: Desk, record: str, student: str) -> None:
    page = "/retention/holds"
    where = ana.presses(page, page, kind="legal", what="student", which=student, reason="No. 7", until="2046-01-31")
    path = at(where)
    shown = ana.get(path).text
    for said in (record, "No. 7", "Jan 31, 2046", ANA):
        assert said in shown, said
    assert ana.presses(path, f"{path}/release", reason=" ").status_code == 422
    assert at(ana.presses(path, f"{path}/release", reason="It is settled.")) == path
    assert "It is settled." in ana.get(path).text
    assert not ana.offers(path, f"{path}/release")
    assert path not in ana.get(page).text
    assert path in ana.get(f"{page}?released").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"what": "student", "which": "123"}, "12 digits"),
        ({"what": "student", "which": ""}, "12 digits"),
        ({"what": "state", "which": "ZZ"}, "USPS state code"),
        ({"what": "account", "which": "nobody"}, "There is no such account."),
        ({"until": "2044-01-01"}, "This day is over."),
        ({"until": "soon"}, "no day of the calendar"),
        ({"reason": " "}, "A reason is wanted."),
        ({"what": "the moon"}, "Choose one of the list."),
        ({"kind": "case"}, "Choose one of the list."),
    ],
)
def test_a_hold_that_cannot_be_says_why(ana: Desk, typed: dict[str, str], said: str) -> None:
    page = "/retention/holds"
    answer = ana.presses(page, page, **({"kind": "legal", "what": "all", "reason": "No. 7"} | typed))
    assert (answer.status_code, said in answer.text) == (422, True), answer.text


def test_an_operator_is_told_of_a_hold_without_its_words(ana: Desk, people: People, student: str) -> None:
    page = "/retention/holds"
    path = at(ana.presses(page, page, kind="legal", what="student", which=student, reason="No. 7 of Salem"))
    shown = desk(people, "op@host.example.org", "operator").get(path)
    assert shown.status_code == 200
    assert "No. 7 of Salem" not in shown.text


# -- disposals


def test_whoever_proposes_takes_it_back_and_does_not_approve(ana: Desk, record: str) -> None:
    path = proposed(ana, record)
    shown = ana.get(path).text
    assert "waits for another person" in shown
    assert not ana.offers(path, f"{path}/approval")
    assert at(ana.presses(path, f"{path}/withdrawal")) == path
    assert "taken back" in ana.get(path).text


def test_no_page_of_a_disposal_warns_of_anything_while_nothing_is_wrong(ana: Desk, ben: Desk, record: str) -> None:
    path = proposed(ana, record)
    for reader in (ana, ben):
        page = reader.get(path).text
        assert "built-in method" not in page
        assert 'role="alert"' not in page


def test_who_released_another_s_hold_is_told_that_others_approve_and_whom_it_takes(
    ana: Desk, ben: Desk, people: People, record: str, student: str
) -> None:
    cleo = desk(people, "cleo@nation.example.org", "privacy_officer")
    path, holds = proposed(ana, record), "/retention/holds"
    assert "Any privacy officer may approve it but ana@nation.example.org." in ana.get(path).text
    hold = at(cleo.presses(holds, holds, kind="legal", what="student", which=student, reason="No. 7"))
    ben.presses(hold, f"{hold}/release", reason="It is settled.")
    page = ben.get(path).text
    assert not ben.offers(path, f"{path}/approval")
    assert ben.offers(path, f"{path}/refusal"), "to refuse it he is as good as anybody"
    assert "You have released another&#39;s hold on this since it was proposed." in page
    assert "Any privacy officer may approve it but ana@nation.example.org, ben@nation.example.org." in page
    assert cleo.offers(path, f"{path}/approval")
    ben.language = "es"
    spanish = ben.get(path).text
    assert "Usted levantó, después de la propuesta, una retención que otra persona había puesto." in spanish
    assert "excepto ana@nation.example.org, ben@nation.example.org." in spanish


def test_both_who_are_to_agree_see_that_a_hold_of_a_third_was_released_before(
    ana: Desk, ben: Desk, record: str, work: Work
) -> None:
    keeping = work.ledger.keeping
    hold = keeping.place("legal", keeping.over_records([record]), "No. 7", Meta(actor="cleo@example.org")).id
    keeping.release(hold, "Settled.", Meta(actor=ANA))
    ticked = {"class": "education", f"item-{record}": "yes"}
    preview = ana.ask("POST", "/retention/preview", data=ana.hidden("/retention", "/retention/preview") | ticked).text
    for page in (preview, ben.get(proposed(ana, record)).text):
        assert f"placed by cleo@example.org, released by {ANA}" in page
        assert f'href="/retention/holds/{hold}"' in page


def test_where_the_proposer_released_another_s_hold_nobody_is_offered_to_approve_it(
    ana: Desk, ben: Desk, record: str, student: str
) -> None:
    path, holds = proposed(ana, record), "/retention/holds"
    hold = at(ben.presses(holds, holds, kind="legal", what="student", which=student, reason="No. 7"))
    ana.presses(hold, f"{hold}/release", reason="It is settled.")
    for reader in (ana, ben):
        page = reader.get(path).text
        assert not reader.offers(path, f"{path}/approval")
        assert "Whoever proposed this has released another&#39;s hold on it since." in page
        assert "may approve it but" not in page
    assert ana.offers(path, f"{path}/withdrawal")


def test_whoever_approves_says_how_many_go(ana: Desk, ben: Desk, record: str) -> None:
    path = proposed(ana, record)
    wrong = ben.presses(path, f"{path}/approval", count="2")
    assert (wrong.status_code, "not how many" in wrong.text) == (422, True)
    assert "waits for another person" in ben.get(path).text
    assert at(ben.presses(path, f"{path}/approval", count="1")) == path
    assert f"{path}/certificate" in ben.get(path).text


def test_a_hold_that_came_in_between_is_said_and_refuses_the_whole(
    ana: Desk, ben: Desk, record: str, student: str
) -> None:
    path = proposed(ana, record)
    ana.presses("/retention/holds", "/retention/holds", kind="request", what="student", which=student, reason="No. 7")
    shown = ben.get(path).text
    assert "In the way is:" in shown
    assert "request to see or correct" in shown
    refused = ben.presses(path, f"{path}/approval", count="1")
    assert (refused.status_code, "Something keeps what is to be destroyed." in refused.text) == (422, True)


def test_a_refusal_says_why_and_closes_it(ana: Desk, ben: Desk, record: str) -> None:
    path = proposed(ana, record)
    assert at(ben.presses(path, f"{path}/refusal", reason="Not before the audit.")) == path
    shown = ana.get(path).text
    assert "refused" in shown
    assert "Not before the audit." in shown
    assert not ana.offers(path, f"{path}/withdrawal")
    assert path in ana.get("/retention/disposals?status=refused").text
    assert path not in ana.get("/retention/disposals?status=done").text


# -- gone


def test_the_id_answers_410_with_day_schedule_and_the_way_to_the_certificate(
    ana: Desk, ben: Desk, record: str, student: str, people: People
) -> None:
    path = done(ana, ben, record)
    rosa = desk(people, "rosa@school.example.org", "secondary_user", "OR")
    auditor = desk(people, "aud@nation.example.org", "auditor")
    for reader, link in ((auditor, True), (rosa, False)):
        page = reader.get(f"/students/{student}")
        assert page.status_code == 410, page.text
        assert "Jun 1, 2045" in page.text
        assert "education/nation/1" in page.text
        assert (f"{path}/certificate" in page.text) is link


def test_a_certificate_says_what_went_and_by_whom_and_has_no_proofs_yet(ana: Desk, ben: Desk, record: str) -> None:
    page = ana.get(f"{done(ana, ben, record)}/certificate").text
    for said in (record, ANA, BEN, "OAR 166-400", "No checkpoint covers them yet", "has not said how long backups"):
        assert said in page, said


def test_its_proofs_come_with_the_next_checkpoint(
    ana: Desk, ben: Desk, record: str, people: People, database: Database
) -> None:
    people.services.ledger.disposals.count_backups(35)
    path = done(ana, ben, record)
    # What he has set since is of what goes from then on.
    people.services.ledger.disposals.count_backups(99)
    Notary(database, "ledger", parse_keys([KEY.text()], "ledger")).sign()
    page = ana.get(f"{path}/certificate").text
    assert KEY.verifier.name in page
    assert "Proofs of inclusion" in page
    assert "may still hold the keys until Jul 6, 2045" in page
    kept = ana.get(f"/v1{path}/certificate").json()
    checkpoint, _ = open_checkpoint(kept["checkpoint"].encode(), KEY.verifier)
    assert {one["position"] for one in kept["inclusions"]} >= {kept["proposal"], kept["approval"]}
    for one in kept["inclusions"]:
        index, leaf = one["position"] - 1, bytes.fromhex(one["leaf"])
        assert leaf == leaves_of(database)[index]
        verify_inclusion(index, checkpoint.size, leaf, [bytes.fromhex(each) for each in one["path"]], checkpoint.root)
    verdict = verify_certificate(json.dumps(kept).encode(), key=KEY.verifier.text())
    assert verdict.holds, verdict.text()
    paper = ana.get(f"{path}/certificate/print?language=es").text
    assert "sojourn verify certificate.json --key KEY" in paper
    assert f"/v1{path}/certificate" in paper


def test_a_certificate_is_printed_in_either_language(ana: Desk, ben: Desk, record: str) -> None:
    path = f"{done(ana, ben, record)}/certificate"
    assert "Certificado de eliminación" in ana.get(f"{path}/print?language=es").text
    pdf = ana.get(f"{path}.pdf?language=es")
    assert (pdf.status_code, pdf.headers["Content-Type"], pdf.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert ana.get(f"{path}/print?language=fr").status_code == 422


@pytest.mark.parametrize("language", ["en", "es"])
def test_on_paper_no_id_key_or_head_of_a_column_breaks(
    ana: Desk, ben: Desk, record: str, student: str, language: str
) -> None:
    path = f"{done(ana, ben, record)}/certificate"
    pdf = ana.get(f"{path}.pdf?language={language}").content
    program = need("pdftotext")
    text = subprocess.run([program, "-layout", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
    words = text.split()
    kept = ana.get(f"/v1{path}").json()
    keys = [key for line in kept["lines"] for key in line["keys"]]
    assert len(keys) > 1
    for whole in (student, record, "education/nation/1", kept["disposal"], *keys):
        assert whole in words, whole
    heads = {"en": ("Student", "Position"), "es": ("Estudiante", "Documentos", "Posición")}
    assert set(heads[language]) <= set(words)


def test_no_page_of_it_says_anything_of_the_child(ana: Desk, ben: Desk, record: str, work: Work) -> None:
    path = proposed(ana, record)
    pages = ["/retention", "/retention/holds", "/retention/schedules", "/retention/disposals", path]
    said = "".join(ben.get(page).text for page in pages)
    ben.presses(path, f"{path}/approval", count="1")
    said += "".join(ben.get(f"{path}{rest}").text for rest in ("", "/certificate", "/certificate/print"))
    assert record in said
    for word in ("Núñez", "OR7", "2012"):
        assert word not in said, word


def test_in_spanish_holds_are_holds_and_a_disposal_is_refused_in_its_own_gender(
    ana: Desk, ben: Desk, record: str
) -> None:
    path = proposed(ana, record)
    ben.presses(path, f"{path}/refusal", reason="Not before the audit.")
    ana.language = "es"
    disposals = ana.get("/retention/disposals").text
    assert '<a href="/retention/holds">Retenciones</a>' in disposals
    assert "Se cumple" not in disposals
    assert "rechazada por otra persona" in disposals
    assert "rechazado" not in disposals


def test_it_is_all_there_in_spanish(ana: Desk, ben: Desk, record: str) -> None:
    path = proposed(ana, record)
    ana.language = ben.language = "es"
    assert "se sabría un día de la vida del niño o la niña" in ana.get("/retention").text
    assert "espera a otra persona" in ben.get(path).text
    assert at(ben.presses(path, f"{path}/approval", count="1")) == path
    certificate = ben.get(f"{path}/certificate").text
    for page in (certificate, ana.get("/retention/holds").text, ana.get("/retention/schedules").text):
        assert "registro" not in page, "a record is an expediente everywhere"
    assert "La clave" not in certificate
    assert "Cada clave indicada se borró" in certificate
    assert 'lang="en"' not in certificate.partition("<main")[2].partition("</main")[0]
