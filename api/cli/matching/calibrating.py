"""``sojourn matching calibrate``: what people have answered, held against what the policies claimed.

Counts and weights only: nothing of a child is read but ids, so it is no disclosure. Nothing is published by it.
"""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.talk import Json, opened, print_json, say

if TYPE_CHECKING:
    from ledger.calibration import Band, Calibration, Checked, Shift
    from ledger.matching.policy import Thresholds
    from ledger.policies import Policies

REASON = "Calibrated by what people answered."
LINKS_NOTHING = 900_000
"""Thousandths of a bit: a threshold that is meant to be out of reach is none to be moved."""
STEPS_PER_BIT = 10
"""Thresholds that are proposed are rounded to a tenth of a bit: rather one question more than one link."""


def calibrate(
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="VERSION", help="Of this one alone, and not of all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print how far what people answered agrees with what a policy claims, and what might be published next."""
    from ledger.answers import answered
    from ledger.audit import STRATA
    from ledger.calibration import calibrations
    from ledger.errors import NotFound

    with opened() as store, store.ledger() as ledger:
        said = answered(ledger.log)
        found = calibrations(said.answers, said.links, said.drawn, STRATA)
        if policy is not None:
            found = [one for one in found if one.policy == policy]
            if not found:
                raise NotFound(
                    f"Nothing was linked or asked by a policy {policy}.",
                    remedy="See `sojourn matching publish --list`.",
                )
        told = [(one, _thresholds(ledger.policies, one.policy)) for one in found]
    if as_json:
        print_json([_told(one, thresholds) for one, thresholds in told])
        return
    if not told:
        print("Nothing was linked or asked by any policy yet.")
    for one, thresholds in told:
        print("\n".join(_lines(one, thresholds)))
    if any(_next(one, thresholds) is not None for one, thresholds in told):
        say("Nothing has changed: see what it would come to with `sojourn matching try` before you publish.")


def next_command(one: Calibration, thresholds: Thresholds | None) -> str | None:
    """What one might publish next, as a command: thresholds at which the policy would be what it claims to be at those
    of now. None where nothing says that it is not."""
    proposed = _next(one, thresholds)
    if proposed is None:
        return None
    from api.policies import in_bits

    link, review = in_bits(proposed.link), in_bits(proposed.review)
    return (
        f"sojourn matching publish {shlex.quote(one.policy)} --link {link:g} --review {review:g}"
        f" --reason {shlex.quote(REASON)}"
    )


# -- inside


def _thresholds(policies: Policies, version: str) -> Thresholds | None:
    """Those that were published last; None for a policy of another release, that this one would not publish."""
    from ledger.errors import NotFound, Refused
    from ledger.matching.person import VERSION

    try:
        policy = policies.named(version)
    except (NotFound, Refused):
        return None
    return policy.thresholds if policy.code == VERSION else None


def _next(one: Calibration, thresholds: Thresholds | None) -> Thresholds | None:
    from ledger.matching.policy import Thresholds
    from ledger.policies import LINK_MIN

    shift = one.shift
    if shift is None or thresholds is None or shift.low <= 0 <= shift.high or thresholds.link >= LINKS_NOTHING:
        return None
    link = max(math.ceil((thresholds.link / 1000 - shift.bits) * STEPS_PER_BIT) * 1000 // STEPS_PER_BIT, LINK_MIN)
    review = math.floor((thresholds.review / 1000 - shift.bits) * STEPS_PER_BIT) * 1000 // STEPS_PER_BIT
    return Thresholds(link=link, review=min(review, link), margin=thresholds.margin)


def _told(one: Calibration, thresholds: Thresholds | None) -> dict[str, Any]:
    return {
        "policy": one.policy,
        "links": one.links.made,
        "links_expected_wrong": round(one.links.wrong, 4),
        "links_taken_back": one.links.undone,
        "answered": one.answered,
        "yes": one.yes,
        "guarded": one.guarded,
        "bands": [_band_told(band) for band in one.bands],
        "shift": None if one.shift is None else _shift_told(one.shift),
        "checked": [_checked_told(check) for check in one.checked],
        "next": next_command(one, thresholds),
    }


def _band_told(band: Band) -> dict[str, Any]:
    from api.policies import in_bits

    return {
        "low": in_bits(band.low),
        "high": in_bits(band.high),
        "answered": band.answered,
        "yes": band.yes,
        "observed": round(band.yes / band.answered, 4),
        "claimed": round(band.claimed, 4),
        "questions_below": band.below,
        "yes_below": band.below_yes,
    }


def _shift_told(shift: Shift) -> dict[str, float]:
    return {"bits": round(shift.bits, 2), "low": round(shift.low, 2), "high": round(shift.high, 2)}


def _checked_told(check: Checked) -> dict[str, Any]:
    return {
        "stratum": check.stratum,
        "drawn": check.drawn,
        "answered": check.answered,
        "wrong": check.wrong,
        "expected_wrong": round(check.claimed, 4),
        "wrong_at_most": None if check.bound is None else round(check.bound, 6),
    }


def _lines(one: Calibration, thresholds: Thresholds | None) -> list[str]:
    links = one.links
    lines = [
        f"Policy {one.policy}",
        f"  linked {links.made:,}, of which it expects {links.wrong:.2f} to be wrong",
        f"  taken back by people since: {links.undone:,}",
        f"  answered {one.answered:,}, yes {one.yes:,}; of these kept back by a guard {one.guarded:,}",
    ]
    if one.bands:
        lines.append("  bits          answered    yes   share  claimed   questions below, yes")
    lines += [_band_line(_band_told(band)) for band in one.bands]
    lines.append(f"  {_shift_line(one.shift)}")
    lines += [f"  {_checked_line(check)}" for check in one.checked]
    command = next_command(one, thresholds)
    if command is not None:
        lines.append(f"  might be next: {command}")
    return lines


def _band_line(told: dict[str, Any]) -> str:
    return (
        f"  {told['low']:+6.1f}{told['high']:+6.1f} {told['answered']:>9,}{told['yes']:>7,}"
        f"{told['observed']:>8.1%}{told['claimed']:>9.1%}{told['questions_below']:>18,}{told['yes_below']:>5,}"
    )


def _shift_line(shift: Shift | None) -> str:
    from ledger.calibration import ANSWERS_MIN

    if shift is None:
        return f"how far off it is cannot be told: it takes {ANSWERS_MIN} answers without a guard, some yes and some no"
    between = f"(with 95 % between {shift.low:+.1f} and {shift.high:+.1f})"
    if shift.low <= 0 <= shift.high:
        return f"its weights hold, as far as the answers tell: off by {shift.bits:+.1f} bits {between}"
    much = "too much" if shift.bits < 0 else "too little"
    return f"its weights claim {much}, by {abs(shift.bits):.1f} bits: to be added {shift.bits:+.1f} {between}"


def _checked_line(check: Checked) -> str:
    from ledger.audit import APART

    told = _checked_told(check)
    what = "were one child's" if check.stratum == APART else "were wrong"
    line = f"audit, {check.stratum}: drawn {check.drawn:,}, answered {check.answered:,}, {check.wrong:,} {what}"
    if check.bound is None:
        return line
    return f"{line} (expected {told['expected_wrong']:.2f}); of all like them at most {check.bound:.4%}, with 95 %"
