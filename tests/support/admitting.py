"""Who applies for access in tests, who verifies, and who approves."""

from __future__ import annotations

from datetime import date

from ledger.account_acts import AcceptRules, GrantFamily, RecordTraining
from ledger.accounts import RULES_EDITION
from ledger.admissions import Admissions
from ledger.applications import AddAttachment, Apply, Authority, Verify
from ledger.events import Meta
from ledger.events.application import AskedRole

ROSA = "rosa@school.example.org"
LUIS = "luis@school.example.org"
OREGON = Authority(name="ana@ode.example.org", state="OR")
NATION = Authority(name="nora@nation.example.org")
DESK = "help desk"
BY_HAND = Meta(actor=DESK)


def applying(email: str = ROSA, role: str = "secondary_user", kind: str = "exchange", **place: str | None) -> Apply:
    """For a role in Oregon, unless a place says otherwise."""
    named: dict[str, str | None] = {"state": "OR", **place}
    return Apply(
        by=DESK,
        account="",
        kind=kind,
        email=email,
        name="Rosa Núñez",
        title="Registrar",
        address="1 School Road, Hood River, OR 97031",
        phone="503-555-0101",
        asked=AskedRole(role=role, organisation="Hood River School", **named),
        supervisor="Luis Ortega",
        supervisor_email=LUIS,
    )


def verifying(by: str = LUIS, form: str | None = None) -> Verify:
    return Verify(by=by, identity="driver's licence", need="enrols children who move", form=form)


def paper(attachment: str = "01", what: str = "signed-form", by: str = DESK) -> AddAttachment:
    return AddAttachment(
        by=by, attachment=attachment, what=what, media_type="application/pdf", size=9, sha256="00" * 32
    )


def trained(on: date, today: date | None = None, by: str = DESK) -> RecordTraining:
    return RecordTraining(by=by, course="Security awareness", completed_on=on, today=today or on)


def accepted(on: date, by: str = ROSA) -> AcceptRules:
    return AcceptRules(by=by, edition=RULES_EDITION, on=on)


def family(today: date, until: date, by: str = LUIS, relation: str = "parent", **more: object) -> GrantFamily:
    said: dict[str, object] = {
        "student_id": "100",
        "records": ["r2", "r1"],
        "identification": "passport",
        "organisation": "Hood River School",
        "state": "OR",
        "born": [],
    }
    return GrantFamily(by=by, relation=relation, until=until, today=today, **{**said, **more})  # type: ignore[arg-type]


def applied(admissions: Admissions, apply: Apply) -> tuple[str, str]:
    """The uuids of an application and of its account."""
    made = admissions.apply(apply, BY_HAND).ids
    return str(made["application"]), str(made["account"])


def ready(admissions: Admissions, apply: Apply) -> tuple[str, str]:
    """As ``applied``, verified and trained for."""
    application, account = applied(admissions, apply)
    admissions.handle(application, verifying(), Meta(actor=LUIS))
    admissions.act(account, trained(admissions.today(apply.asked.state)), BY_HAND)
    return application, account


def admitted(admissions: Admissions, apply: Apply | None = None, authority: Authority = OREGON) -> str:
    """The uuid of an account with its first role."""
    application, account = ready(admissions, apply or applying())
    admissions.approve(application, authority, Meta(actor=authority.name))
    return account
