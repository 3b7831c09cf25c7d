"""The policy of access in words: what may be done, and within which bounds. Pure.

Invariant: every action and every scope of ``ledger.access`` has its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.console.words import N_

ACTION_NAMES: Final[Mapping[str, str]] = {
    "student.search": N_("search for children"),
    "student.read": N_("read a consolidated record"),
    "student.records": N_("read which states keep a record of a child"),
    "student.history": N_("read the history of a student"),
    "student.disclosures": N_("read who was shown a child's records"),
    "student.list": N_("list the ids of every record"),
    "disclosure.note": N_("note to whom records were passed on"),
    "disclosure.search": N_("search who was shown what"),
    "access.unusual": N_("read who reads unusually"),
    "act.read": N_("read an act of linkage"),
    "linkage.propose": N_("propose a merge or a split"),
    "linkage.settle": N_("declare, withdraw or take back who is who"),
    "linkage.preview": N_("see what taking an act back would come to"),
    "case.read": N_("read the worklist"),
    "case.settle": N_("answer, assign or hold a case"),
    "record.send": N_("send facts"),
    "submission.send": N_("send a state's file"),
    "submission.read": N_("read how submissions went"),
    "policy.read": N_("read matching policies"),
    "jurisdiction.read": N_("read how a state wants its records kept"),
    "jurisdiction.set": N_("set how a state wants its records kept"),
    "region.set": N_("draw a state's regions"),
    "contact.read": N_("read whom to ask"),
    "list.read": N_("read a daily list of children"),
    "list.keep": N_("count daily lists and keep one's own"),
    "operations.read": N_("read how the service stands"),
    "feed.read": N_("read the feed of events"),
    "proof.read": N_("read what was signed of the logs, and proofs of it"),
    "proof.head": N_("read the proof of a stream's last event"),
    "proof.cosign": N_("cosign, as a witness, what was signed"),
    "application.send": N_("apply for access"),
    "application.read": N_("read an application for access"),
    "application.verify": N_("verify an application for access"),
    "application.decide": N_("approve or refuse an application for access"),
    "attachment.send": N_("send a paper for an application"),
    "attachment.read": N_("read a paper of an application"),
    "training.record": N_("record a training"),
    "account.read": N_("read accounts"),
    "account.manage": N_("enable, disable, deactivate or reset an account"),
    "account.open": N_("open an account without an application"),
    "family.grant": N_("grant a family access to a child's records"),
    "retention.read": N_("read what is kept, held and destroyed"),
    "schedule.set": N_("set how long things are kept"),
    "hold.place": N_("place a hold"),
    "hold.release": N_("release a hold"),
    "disposal.propose": N_("propose what is to be destroyed"),
    "disposal.approve": N_("approve or refuse what is to be destroyed"),
    "me.read": N_("read one's own account"),
    "me.set": N_("renew or change one's own account"),
}
SCOPE_NAMES: Final[Mapping[str, str]] = {
    "any": N_("of every state"),
    "state": N_("of the state that the role is narrowed to"),
    "whole-state": N_("of that state, by a role for the whole of it"),
    "office": N_("of the office that the role is narrowed to"),
    "grant": N_("of a child whose records a school has granted to this one person"),
    "own": N_("of what is one's own"),
    "host": N_("on the service's own host alone, at the command line"),
}
