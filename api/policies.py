"""Matching policies as they are told, on the command line and over HTTP: weights in bits, nothing of any child.

Invariant: what is told is what the log says; of the policy that Sojourn comes with, also where the log does not have it
yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.matching import bits
from ledger.matching.comparison import FIELDS
from ledger.matching.policy import KINDS, WRONG_MAX, Policy, Thresholds
from ledger.matching.shipped import fingerprint, shipped, written
from ledger.policies import Known, Policies, Publication


def in_bits(thousandths: int) -> float:
    """A weight as people read it."""
    return thousandths / bits.ONE


def listed(policies: Policies) -> tuple[int, list[dict[str, Any]]]:
    """Every policy, the last trained first, and the position of the last event that says anything of them: 0 where
    there is none. Raises StoreUnavailable, LogBroken."""
    trained, history = policies.trained(), policies.history()
    told = [policy_told(one, history) for one in reversed(trained)]
    if all(one.said.version != shipped().version for one in trained):
        told.append(_not_published_yet(shipped()))
    return max((one.position for one in (*trained, *history)), default=0), told


def policy_told(known: Known, history: Sequence[Publication]) -> dict[str, Any]:
    """A policy that the log has: how it was trained, and every publication, the last first."""
    said = known.said
    return {
        "version": said.version,
        "sha256": said.sha256,
        "trained": {
            "position": known.position,
            "at": known.at.isoformat(),
            "by": known.by,
            "records": said.records,
            "upto": said.upto,
            "checks": [
                {"name": check.name, "value": check.value, "low": check.low, "high": check.high}
                for check in said.checks
            ],
        },
        "in_effect": bool(history) and history[-1].version == said.version,
        "published": [publication_told(one) for one in reversed(history) if one.version == said.version],
    }


def publication_told(published: Publication) -> dict[str, Any]:
    """A publication: who, why, and with which thresholds and guards."""
    return {
        "position": published.position,
        "at": published.at.isoformat(),
        "by": published.by,
        "reason": published.reason,
        **thresholds_told(published.thresholds),
        "guards": list(published.guards),
        "expected_wrong_one_in": min(published.wrong, WRONG_MAX),
    }


def thresholds_told(thresholds: Thresholds) -> dict[str, float]:
    """In bits."""
    return {
        "link": in_bits(thresholds.link),
        "review": in_bits(thresholds.review),
        "margin": in_bits(thresholds.margin),
    }


def levels_told(policy: Policy) -> dict[str, list[dict[str, Any]]]:
    """What each level of each field weighs for each kind of pair, log2 of its share. No words and no names."""
    return {
        field: [
            {"level": level, **{kind: in_bits(value) for kind, value in zip(KINDS, row, strict=True)}}
            for level, row in zip(levels, policy.levels[field], strict=True)
        ]
        for field, levels in FIELDS.items()
    }


def rates_told(policy: Policy) -> Mapping[str, float]:
    """Pairs of each kind per record, log2; of unrelated ones there are as many as there are pairs."""
    return {kind: in_bits(rate) for kind, rate in zip(KINDS, policy.rates, strict=False)}


def _not_published_yet(policy: Policy) -> dict[str, Any]:
    return {
        "version": policy.version,
        "sha256": fingerprint(written(policy)),
        "trained": None,
        "in_effect": False,
        "published": [],
    }
