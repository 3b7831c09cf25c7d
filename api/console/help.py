"""Help, role by role, under the headings of a training: what Sojourn is, your role, what you answer for, how it is
done, and whom to ask.

Invariant: a page of help names only what its role may do; its procedures lead to the pages where they are done.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.pages import page
from api.console.roles import NAMES
from api.console.visits import visit
from api.console.words import N_
from api.openapi import Direct, does, operation_id
from api.problems import NoSuchPath
from ledger.access import PUBLIC, ROLES

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)


class Help(NamedTuple):
    """Of one role. purpose: what somebody in it is here for. answers_for: what he is responsible for. steps: how its
    work is done, in order."""

    purpose: str
    answers_for: tuple[str, ...]
    steps: tuple[str, ...]


@router.get("/help", openapi_extra=does(PUBLIC))
async def help_page(request: Request) -> Response:
    """Of the reader's own role; without one, of what Sojourn is and of every role."""
    here = await visit(request)
    role = None if here.principal is None else here.principal.role
    return page(here, "help.html", role=role if role in HELP else None, help=HELP, names=NAMES, everybody=EVERYBODY)


@router.get("/help/{role}", openapi_extra=does(PUBLIC))
async def role_page(request: Request) -> Response:
    """Of any role. Raises NoSuchPath."""
    role = request.path_params["role"]
    if role not in HELP:
        raise NoSuchPath("There is no help for this role.", remedy="See /help.")
    return page(await visit(request), "help.html", role=role, help=HELP, names=NAMES, everybody=EVERYBODY)


EVERYBODY: Final = (
    N_("Open a record only where your work for that child needs it: each look is recorded, and told to the family."),
    N_("Sign in as yourself, and sign out when you leave the screen."),
    N_("Say at once when somebody saw what he should not have seen."),
)
"""What everybody answers for, beside the rules of behaviour."""

_READ: Final = (
    N_("Find the child with what you know of her: one name and a birth date are enough, and a slip is forgiven."),
    N_("Open her record. The first lines say who she is, where she is enrolled now, and until when she is eligible."),
    N_("Look at who said each thing, and when: what two states say differently stands side by side."),
    N_("Print it, in English or Spanish, where paper is needed, and shred the paper afterwards."),
)
_WORKLIST: Final = (
    N_("Open your worklist each morning. What is due first stands first."),
    N_("Compare the two records. What agrees and what differs is marked; read the reasons below."),
    N_("Answer with one key or one button, and give a reason. What happens next is said before you answer."),
    N_("Where two children were joined wrongly, take the act back: look at what it would come to, then confirm."),
)
HELP: Final[dict[str, Help]] = {
    "secondary_user": Help(
        N_("You place, counsel or serve children, and read what other schools and states know of them."),
        (N_("Read for your own work alone, and pass nothing on."),),
        _READ,
    ),
    "primary_user": Help(
        N_("You read children's records, and say where two of them are one child's, or one is two children's."),
        (N_("Propose a merge or a split only after comparing the records; somebody else validates it."),),
        (*_READ, N_("On a record, choose what is wrong: two records of one child, or one record of two children.")),
    ),
    "district_data_administrator": Help(
        N_("You settle what people must decide about the records of your district's children."),
        (N_("Answer within the days that your state has set; what waits too long goes to the next office."),),
        (*_WORKLIST, *_READ),
    ),
    "regional_data_administrator": Help(
        N_("You settle what people must decide about the records of your region's children."),
        (N_("Answer within the days that your state has set, and help the districts of your region."),),
        (*_WORKLIST, *_READ),
    ),
    "state_data_administrator": Help(
        N_("You answer for your state's records: what is sent, what is joined, and what is taken back."),
        (
            N_("See that each night's file arrives, and that what was refused is corrected and sent again."),
            N_("Answer what nobody below you has answered in time."),
        ),
        (*_WORKLIST, *_READ),
    ),
    "region_administrator": Help(
        N_("You draw your state's regions, and say which districts lie in them."),
        (N_("Keep the map as it is in the field: a case goes to the office that the map names."),),
        (N_("Set each region, then place each district in one."),),
    ),
    "user_administrator": Help(
        N_("You take applications for access from the form to the first sign-in, and end access when it is over."),
        (
            N_("Approve nobody whose identity and need no supervisor has verified, and nobody of your own making."),
            N_("Keep the papers of an approval; they are needed for three years after access ends."),
        ),
        (
            N_("Enter the application, or open one that came in, and see that its supervisor has verified it."),
            N_("Record the training, approve or refuse with a reason, and hand over the code for the first sign-in."),
            N_("Disable an account for a while, or deactivate it for good: its address can never be used again."),
        ),
    ),
    "state_batch_submitter": Help(
        N_("You send your state's file each night, and see what became of each row."),
        (N_("Correct what was refused in your own system, and send it with the next file."),),
        (
            N_("Send the file. It may be sent again: what did not change changes nothing."),
            N_("Read the refusals, grouped by rule, with what to do about each."),
        ),
    ),
    "recruiter": Help(
        N_("You find families and see whether their children are known already."),
        (N_("You see children of whom your own state keeps a record."),),
        _READ,
    ),
    "eligibility_reviewer": Help(
        N_("You examine whether children are eligible, and until when."),
        (N_("You see children of whom your own state keeps a record."),),
        _READ,
    ),
    "government_user": Help(
        N_("You read what the nation counts, and no child's record."),
        (N_("Figures are of the day on which they were read."),),
        (N_("Read the figures of states and their quality."),),
    ),
    "privacy_officer": Help(
        N_("You see who was shown which record, and keep what the law says of retention and disputes."),
        (N_("Look into what is unusual, and answer families who ask."),),
        (
            N_("Search the disclosures by who read, or open those of one child."),
            N_("Read the list of unusual access, and ask whoever stands on it."),
            N_("Set how long things are kept, and hold what a court, an audit or a family asks about."),
            N_("Propose what is due, or approve what another has proposed: it takes two, and cannot be taken back."),
        ),
    ),
    "auditor": Help(
        N_("You read everything and change nothing: what was known, who did what, and who looked."),
        (N_("Your own reading is recorded like anybody's."),),
        (*_READ, N_("Read the history of a student: every event, who caused it and why.")),
    ),
    "help_desk": Help(
        N_("You help people to apply for access and to sign in. You see no child's record."),
        (N_("Never ask for a password or a code."),),
        (N_("Enter an application from paper, and attach the signed form."),),
    ),
    "operator": Help(
        N_("You run the service. You see no child's record."),
        (N_("Keep the keys apart from the database, and try that a backup can be restored."),),
        (N_("Look at what is behind and what waits; the doctor says how to mend each."),),
    ),
    "parent": Help(
        N_("You read the record that schools keep of your child, and see who has looked at it."),
        (
            N_(
                "Ask the state to correct what is wrong;"
                " within 30 calendar days it acknowledges, looks into it and decides."
            ),
        ),
        (
            N_("Open your child's record. You may print it and take it to the next school."),
            N_("Open the list of who has seen it."),
        ),
    ),
}
"""Role to its help. Every role has one."""

assert set(HELP) == set(ROLES), "every role has its help"
