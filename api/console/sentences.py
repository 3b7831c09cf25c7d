"""What the deciders of access say, so that it can be said in Spanish; and as a page says what they say to programs.

Invariant: each stands in the code that says it, word for word; a test looks. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.console.words import N_

BY_RULE: Final[Mapping[str, str]] = {
    "missing": N_("This is needed."),
    "string-too-short": N_("This is too short."),
    "string-too-long": N_("This is too long."),
    "string-pattern-mismatch": N_("This is not in the form that is asked for."),
    "literal-error": N_("Choose one of the list."),
    "date-from-datetime-parsing": N_("This is no day of the calendar."),
    "float-parsing": N_("This is no number."),
    "greater-than": N_("This is too little."),
    "less-than-equal": N_("This is too much."),
}
"""What is wrong with the form of a field, by its rule."""

SAME: Final = (
    N_("This application was made before."),
    N_("Make another one."),
    N_("Nobody verifies himself."),
    N_("Name the supervisor, or whoever is above him."),
    N_("This role is not applied for so."),
    N_("This is no telephone number."),
    N_("Write it as +15035550101, with x12 for an extension."),
    N_("Nobody verifies his own application."),
    N_("The supervisor that it names does."),
    N_("Only the supervisor that it names verifies it, or the form that he signed."),
    N_("Nobody approves himself."),
    N_("Another authority of the area does."),
    N_("The supervisor has not verified it."),
    N_("Whoever verified it does not approve it."),
    N_("Whoever entered it does not approve it."),
    N_("The district lies in no region of yours."),
    N_("The state's authority decides it."),
    N_("No training of the last year is recorded."),
    N_("This is no e-mail address."),
    N_("Write it as name@school.example.org."),
    N_("The application is not for your state."),
    N_("Its own state's authority decides it."),
    N_("Who has this role is made by the nation."),
    N_("Ask the national authority."),
    N_("The application reaches beyond your region."),
    N_("A place cannot be empty."),
    N_("Leave it out, or name it."),
    N_("This is asked for within a state."),
    N_("Name the state, such as OR."),
    N_("This is no USPS state code."),
    N_("Use two capital letters, such as OR."),
    N_("A district has no authority over access."),
    N_("Leave the district out."),
    N_("A regional administrator is narrowed to a region."),
    N_("Name its code."),
    N_("This must be said in words."),
    N_("Nobody gives himself a role."),
    N_("A training that is to come cannot be recorded."),
    N_("Give the day of completion."),
    N_("The training is more than a year old."),
    N_("A newer one is needed: it is yearly."),
    N_("A training does not have so many hours."),
    N_("Give them as the course counts, up to 100."),
    N_("The account is disabled."),
    N_("Enable it first."),
    N_("Nobody gives himself a code."),
    N_("Ask another official."),
    N_("Nobody enables his own account."),
    N_("Ask another user administrator."),
    N_("Nobody grants himself a child's records."),
    N_("Ask another official of the school to see your papers."),
    N_("The student is not eighteen yet."),
    N_("Until then a parent or guardian asks."),
    N_("The student is eighteen: the rights are the student's own now (34 CFR 99.5)."),
    N_("Grant it to the student."),
    N_("That day is over."),
    N_("A family's access lasts a year at most."),
    N_("Give a day within a year, and renew it then."),
    N_("Give the last day of access, today or later."),
    N_("The account was deactivated, for good."),
    N_("Apply under another e-mail address."),
    N_("The account was never opened."),
    N_("Approve its application, or refuse it."),
    N_("The account of this address was deactivated, for good."),
    N_("Apply under another address."),
    N_("Take another address."),
    N_("The account has no role in your area."),
    N_("The school that granted it access ends that."),
    N_("The account reaches beyond your area."),
    N_("The next higher authority does this."),
    N_("No student has this id."),
    N_("Only an official of the child's school or district grants this."),
    N_("The family shows its papers there; the official's role is narrowed to that district."),
    N_("It reaches beyond your region."),
    N_("The state's authority has it."),
    N_("A family's records are read by this account too."),
    N_("Only the nation's authority resets it."),
    N_("No such certificate lies with an application of this account."),
    N_("Who has the account is an official too."),
    N_("The user administrator of that role gives the code."),
    N_("This code does not open anything, or does so no more."),
    N_("Compare it with what you were given; after five wrong tries, or past its end, ask for another one."),
    N_("The password holds a character that is no text, such as a tab or a line break."),
    N_("Leave it out."),
    N_("Take a longer one, such as four words that have nothing to do with each other."),
    N_("The password has fewer than 12 characters."),
    N_("The password is a run or a repetition, such as 1234 or abcabc: these are guessed first."),
    N_("Take four words that have nothing to do with each other."),
    N_("The password is made of words that are guessed first: common ones, or of your own name and address."),
    N_("Take four words that have nothing to do with you or with each other."),
    N_("This code does not open this account."),
    N_("Type the address for which it was given, and the whole code."),
    N_("This code is shown by whoever has signed in."),
    N_("This code is not for this account."),
    N_("Sign in as the person it was given to."),
    N_("The account has no such role."),
    N_("No role may."),
    N_("These records were not granted to you."),
    N_("Ask the child's school for a grant."),
    N_("It is not yours."),
    N_("The role is narrowed to no state."),
    N_("Ask for one that is: it acts for its own only."),
    N_("It is not your state's."),
    N_("The role is narrowed to a part of the state."),
    N_("It takes one for the whole state."),
    N_("There is no such case."),
    N_("See the worklist."),
    N_("This is not a student id."),
    N_("A student id is 12 digits, the last of them a check digit."),
    N_("It has not the form of a student id."),
)
"""Said by a page as it is said."""

OTHERWISE: Final[Mapping[str, str]] = {
    "The disclaimer for read-only users was not accepted.": N_("The statement for read-only users was not accepted."),
    "Read it at /rules, and send its edition, 2026-1.": N_("Read it with the rules of behaviour, and tick the box."),
    "Send the signed form to /v1/attachments as signed-form, and name it as form.": N_(
        "Add the signed form to the papers, then choose it here."
    ),
    "Send the verification first.": N_("It is verified first."),
    "Send it to /v1/trainings; access begins after it.": N_("Record it below; access begins after it."),
    "Nobody records his own training without its certificate.": N_(
        "Nobody records his own training without its certificate."
    ),
    "Send the certificate to /v1/attachments and name it, or ask your user administrator.": N_(
        "Add the certificate and choose it, or ask your user administrator."
    ),
    "Sign in as you are used to, and send the code to /v1/me/family-grants.": N_(
        "Sign in as you are used to, and type the code at My account."
    ),
    "Nothing is served under this path.": N_("There is no such page."),
    "See /openapi.json.": N_("Look whether the address has a slip, or begin at the start page."),
    "This path does not take this method.": N_("This is not a page that is opened by its address alone."),
    "See the header Allow.": N_("Begin at the start page."),
    "GET /v1/me tells which it has.": N_("My account tells which it has."),
    "Send it to /v1/attachments as certificate, with the application by which the role was given.": N_(
        "Add it to the papers of the application by which the role was given."
    ),
}
"""Said to a program, to what a page says."""
