"""``sojourn token``: made with an end, listed without a secret, rotated with a grace, revoked; and by whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from support.command_line import CommandLine

MAKE = ("token", "create", "--role", "state_batch_submitter", "--state", "OR", "--name", "nightly")


def test_a_token_is_listed_with_who_made_it_and_without_its_secret(sojourn: CommandLine) -> None:
    day = datetime.now(UTC).date() + timedelta(days=90)
    secret = sojourn.run(*MAKE, "--expires", day).stdout.strip()
    sojourn.run("token", "create", "--role", "auditor", "--name", "audit", "--as", "ben")
    said = sojourn.run("token", "list").stdout
    audit, _, nightly, made = said.splitlines()
    assert audit == "audit: auditor, holds"
    assert nightly == "nightly: state_batch_submitter (OR), holds"
    assert " by operator anna, ends " in made
    assert made.endswith(f"{day} 00:00 UTC")
    assert secret not in said
    first, second = sojourn.json("token", "list")
    assert (first["name"], first["made_by"], first["standing"]) == ("audit", "ben", "holds")
    assert second["ends_at"] == f"{day}T00:00:00+00:00"
    assert second.keys().isdisjoint({"token", "secret", "token_hash"})
    assert secret not in str(second)


def test_a_rotated_token_is_shown_once_and_the_old_one_is_told_until_when(sojourn: CommandLine) -> None:
    old = sojourn.run(*MAKE).stdout.strip()
    done = sojourn.run("token", "rotate", "nightly", "--as", "ben")
    assert done.stdout.startswith("soj_")
    assert done.stdout.strip() != old
    assert "the old one holds until" in done.stderr
    new, before = sojourn.json("token", "list")
    assert (new["standing"], new["made_by"]) == ("holds", "ben")
    assert (before["standing"], before["revoked_by"]) == ("rotated out", "ben")
    assert "rotated out, holds until" in sojourn.run("token", "list").stdout
    again = sojourn.json("token", "rotate", "nightly", "--grace", 0)
    assert again["token"].startswith("soj_")
    assert [one["standing"] for one in sojourn.json("token", "list")] == ["holds", "revoked", "rotated out"]


def test_a_revoked_token_is_told_with_who_revoked_it_and_frees_its_name(sojourn: CommandLine) -> None:
    sojourn.run(*MAKE)
    assert "already" in sojourn.run(*MAKE, code=1).stderr
    assert "refused" in sojourn.run("token", "revoke", "nightly", "--as", "cleo").stderr
    [gone] = sojourn.json("token", "list")
    assert (gone["standing"], gone["revoked_by"]) == ("revoked", "cleo")
    assert "sojourn token list" in sojourn.run("token", "revoke", "nightly", code=1).stderr
    sojourn.run(*MAKE)


def test_an_end_that_is_no_day_or_past_or_too_far_is_refused(sojourn: CommandLine) -> None:
    today = datetime.now(UTC).date()
    for said, why in (("soon", "no day"), ("2027-02-29", "no day"), (today, "has begun")):
        assert why in sojourn.run(*MAKE, "--expires", said, code=2).stderr
    assert "366 days at most" in sojourn.run(*MAKE, "--expires", today + timedelta(days=367), code=1).stderr
    sojourn.run(*MAKE, "--expires", today + timedelta(days=366))


def test_what_does_not_exist_by_itself_makes_no_token(sojourn: CommandLine) -> None:
    assert "acts by itself" in sojourn.run(*MAKE, "--as", "matcher", code=1).stderr
    assert sojourn.json("token", "list") == []
