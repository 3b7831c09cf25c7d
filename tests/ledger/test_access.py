"""The decision: by the table, who asks, and what is known of whom it is about, and by nothing else."""

from __future__ import annotations

import pytest

from ledger.access import ACTIONS, LEVELS, RULES, Lack, Rule, Subject, Who, decide

OREGON = Subject(states=("OR",))
DISTRICT, STATE = "district_data_administrator", "state_data_administrator"


def test_what_no_rule_allows_is_refused_and_the_refusal_says_whom_it_takes() -> None:
    decision = decide(Who("help_desk"), "jurisdiction.set")
    assert (decision.allowed, decision.rule, decision.lacks) == (False, "none", Lack.ROLE)
    assert decision.why == "This role may not set how a state wants its records kept."
    assert decision.remedy == "It takes one of these roles: operator, state data administrator."
    nobody = decide(Who("operator"), "student.read", rules=())
    assert (nobody.allowed, nobody.remedy) == (False, "No role may.")


def test_there_is_no_decision_about_what_is_no_action() -> None:
    with pytest.raises(KeyError):
        decide(Who("auditor"), "student.sell")


@pytest.mark.parametrize(
    ("who", "action", "subject", "rule", "lacks"),
    [
        (Who("secondary_user"), "student.read", Subject(["TX"]), "SU-02", None),
        (Who("recruiter", "OR"), "student.read", Subject(["CA", "OR"]), "RC-02", None),
        (Who("recruiter", "OR"), "student.read", Subject(["CA"]), "RC-02", Lack.STATE),
        (Who("recruiter", "OR"), "student.read", Subject((), ()), "RC-02", Lack.STATE),
        (Who("recruiter"), "student.read", OREGON, "RC-02", Lack.PLACE),
        (Who(STATE, "OR"), "jurisdiction.set", OREGON, "SA-17", None),
        (Who(STATE, "OR", region="R2"), "jurisdiction.set", OREGON, "SA-17", Lack.PLACE),
        (Who(STATE, "CA"), "jurisdiction.set", OREGON, "SA-17", Lack.STATE),
        (Who("operator"), "jurisdiction.set", OREGON, "OP-01", None),
        (Who(DISTRICT, "OR", district="4113770"), "linkage.settle", Subject(), "DA-09", None),
        (Who(DISTRICT, "OR", region="R2"), "linkage.settle", Subject(), "DA-09", Lack.PLACE),
        (Who("auditor"), "case.read", Subject(), "AU-08", None),
        (Who("operator"), "student.read", OREGON, "OP-08", Lack.ROLE),
        (Who("operator", local=True), "student.read", OREGON, "OP-08", None),
        (Who("parent", granted=frozenset({"r1", "r2"})), "student.read", Subject(["OR"], ["r1"]), "PA-01", None),
        (Who("parent", granted=frozenset({"r1"})), "student.read", Subject(["OR"], ["r1", "r2"]), "PA-01", Lack.GRANT),
        (Who("parent", granted=frozenset({"r1"})), "student.read", Subject((), ()), "PA-01", Lack.GRANT),
        (Who("parent"), "student.read", Subject(), "PA-01", Lack.GRANT),
    ],
)
def test_a_rule_holds_as_far_as_its_scope_reaches(
    who: Who, action: str, subject: Subject, rule: str, lacks: Lack | None
) -> None:
    decision = decide(who, action, subject)
    assert (decision.rule, decision.lacks) == (rule, lacks)
    assert bool(decision.why) == bool(decision.remedy) == (lacks is not None)


@pytest.mark.parametrize("role", LEVELS)
def test_no_rule_with_a_place_holds_for_a_role_that_is_narrowed_to_none(role: str) -> None:
    for action in ACTIONS:
        decision = decide(Who(role), action)
        placed = [rule for rule in RULES if (rule.role, rule.action) == (role, action) and rule.scope != "any"]
        assert not (placed and decision.allowed), action


def test_another_table_decides_otherwise_and_the_first_rule_that_holds_counts() -> None:
    narrow = Rule("X-1", "recruiter", "student.read", "state", ("core",), "trying", "34 CFR 99.31(a)(1)")
    wide = Rule("X-2", "recruiter", "student.read", "any", ("contacts",), "trying", "34 CFR 99.31(a)(1)")
    recruiter = Who("recruiter", "OR")
    assert decide(recruiter, "student.read", OREGON, rules=[narrow, wide]).rule == "X-1"
    elsewhere = decide(recruiter, "student.read", Subject(["CA"]), rules=[narrow, wide])
    assert (elsewhere.rule, elsewhere.sections, elsewhere.purpose) == ("X-2", ("contacts",), "trying")
    assert decide(recruiter, "student.read", Subject(["CA"]), rules=[narrow]).rule == "X-1"


def test_a_decision_says_nothing_of_whom_it_is_about() -> None:
    """What is refused of a child that is there is refused in the same words as of one that never was."""
    recruiter = Who("recruiter", "OR")
    assert decide(recruiter, "student.read", Subject(["CA"], ["r1"])) == decide(
        recruiter, "student.read", Subject((), ())
    )
