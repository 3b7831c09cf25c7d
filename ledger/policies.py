"""Matching policies as the log has them: which were trained, and which one decides.

Invariant: the policy in effect is that of the last publication, whoever asks; a policy that was trained is never
changed, so whoever knows its name and the thresholds knows all that a decision hung on. A ledger in which nobody has
published any decides by the one that Sojourn comes with, and that is an event too, before the first decision.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ledger.errors import BadValue, Conflict, NotFound, Refused, StaleDecision
from ledger.events import Meta, Recorded
from ledger.events.policy import CheckOutcome, PolicyPublished, PolicyTrained
from ledger.matching.decision import GUARDS
from ledger.matching.person import VERSION
from ledger.matching.policy import Policy, Scale, Thresholds
from ledger.matching.shipped import PREFIX, fingerprint, read, shipped, written
from ledger.store.append import Append, Part
from ledger.store.log import Log
from ledger.store.vault import LEDGER

STREAM = "policies"
LINK_MIN = 0
"""Least threshold to link, in thousandths of a bit: below it more of the links would be wrong than right."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as it was published. position: of the publication, its name in decisions. policy: with the thresholds
    and guards that were published. by, reason: who, and his words."""

    position: int
    at: datetime
    by: str
    reason: str
    policy: Policy
    wrong: int


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that was trained. position: where the log says so."""

    position: int
    at: datetime
    by: str
    said: PolicyTrained

    def policy(self) -> Policy:
        """As it was trained. Raises BadValue where this release cannot read it."""
        return read(self.said.policy)


class Policies:
    """Reads and writes policies. Safe for threads. log: of the ledger."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._recorded: list[Recorded] = []
        self._published: dict[int, Published] = {}

    def trained(self) -> list[Known]:
        """All that were trained, the first first. Raises StoreUnavailable, LogBroken."""
        return [
            Known(position=one.position, at=one.recorded_at, by=one.meta.actor, said=one.event)
            for one in self._read()
            if isinstance(one.event, PolicyTrained)
        ]

    def known(self, version: str) -> Known:
        """One that was trained. Raises NotFound, StoreUnavailable, LogBroken."""
        for one in self.trained():
            if one.said.version == version:
                return one
        raise NotFound(f"There is no policy {version}.", remedy="See `sojourn matching publish --list`.")

    def named(self, version: str) -> Policy:
        """One that was trained, or the one that this release comes with, with the thresholds and guards of its last
        publication, if it had any. Raises as ``known``, and BadValue."""
        for published in reversed(self.history()):
            if published.policy.version == version:
                return published.policy
        return self._made(version)[0]

    def history(self) -> list[Published]:
        """Every publication, the first first. Raises as ``known``, and BadValue."""
        return [self._as_published(one) for one in self._read() if isinstance(one.event, PolicyPublished)]

    def published(self, position: int | None = None) -> Published | None:
        """The policy in effect now, or when the log had come to a position; None before the first publication.

        Raises StoreUnavailable, LogBroken, BadValue (another release's).
        """
        return self._last(one for one in self._read() if position is None or one.position <= position)

    def in_effect(self, meta: Meta) -> Published:
        """The policy that decides now. Where nobody has published any, or the one that an older release came with is in
        effect, the one that this release comes with is published first, as ``meta`` says.

        Raises Refused: the policy in effect was trained by a release that prepares names otherwise.
        """
        for _ in range(2):
            # What is published stands on this look: whoever publishes after it is not published over.
            recorded = self._read()
            found = self._last(recorded)
            if found is not None and found.policy.code == VERSION:
                return found
            if found is not None and not found.policy.version.startswith(PREFIX):
                raise Refused(
                    f"Policy {found.policy.version} was trained by a release that prepares names otherwise.",
                    remedy="Train one with this release and publish it; until then nothing is matched.",
                )
            try:
                self._publish_shipped(recorded, meta)
            except StaleDecision:
                continue  # another process has, or somebody has published one of his own
        found = self.published()
        assert found is not None, "it was published above"
        return found

    def record(
        self, policy: Policy, meta: Meta, *, records: int, upto: int | None = None, checks: Sequence[CheckOutcome] = ()
    ) -> int:
        """Keep a policy that was trained. Answers the position. Raises Conflict: there is one of that name."""
        recorded = self._read()
        names = {one.event.version for one in recorded if isinstance(one.event, PolicyTrained)}
        if policy.version in names or policy.version.startswith(PREFIX):
            raise Conflict(f"There is a policy {policy.version} already.", remedy="Give it another name.")
        event = _trained(policy, records, upto, checks)
        return self._append([event], len(recorded), meta)

    def publish(
        self, version: str, meta: Meta, *, thresholds: Thresholds | None = None, guards: Sequence[str] | None = None
    ) -> Published:
        """Have the matcher decide by a policy from now on, with its own thresholds and guards unless told others.

        Raises NotFound, BadValue (thresholds that no policy can have, a guard that there is not), Refused (trained by a
        release that prepares names otherwise), StaleDecision.
        """
        recorded = self._read()
        policy, there = self._made(version)
        events: list[PolicyTrained | PolicyPublished] = []
        if not there:
            events.append(_trained(policy, int(policy.trained.get("records", 0)), None, ()))
        if policy.code != VERSION:
            raise Refused(
                f"Policy {version} was trained by a release that prepares names otherwise.",
                remedy="Train one with this release.",
            )
        policy = msgspec.structs.replace(
            policy,
            thresholds=possible(thresholds or policy.thresholds),
            guards=policy.guards if guards is None else known_guards(guards),
        )
        events.append(_publication(policy))
        self._append(events, len(recorded), meta)
        found = self.published()
        assert found is not None, "it was published above"
        return found

    # -- inside

    def _made(self, version: str) -> tuple[Policy, bool]:
        """A policy as it was trained, and whether the log has it yet. Raises NotFound, BadValue."""
        if version == shipped().version and all(one.said.version != version for one in self.trained()):
            return shipped(), False
        return self.known(version).policy(), True

    def _publish_shipped(self, recorded: Sequence[Recorded], meta: Meta) -> None:
        policy = shipped()
        events: list[PolicyTrained | PolicyPublished] = [_publication(policy)]
        trained = [one.event.version for one in recorded if isinstance(one.event, PolicyTrained)]
        if policy.version not in trained:
            events.insert(0, _trained(policy, int(policy.trained.get("records", 0)), None, ()))
        self._append(events, len(recorded), meta)

    def _append(self, events: Sequence[PolicyTrained | PolicyPublished], expected: int, meta: Meta) -> int:
        part = Part(stream=STREAM, subject=LEDGER[0], expected=expected, events=events)
        return self._log.append(Append(parts=[part], meta=meta)).position

    def _read(self) -> list[Recorded]:
        """The stream; only what came since the last look is read."""
        with self._lock:
            known = len(self._recorded)
        new = self._log.read_stream(STREAM, after=known)
        with self._lock:
            if new and len(self._recorded) == known:
                self._recorded = [*self._recorded, *new]
            return self._recorded if len(self._recorded) >= known + len(new) else [*self._recorded, *new]

    def _last(self, recorded: Iterable[Recorded]) -> Published | None:
        found = [one for one in recorded if isinstance(one.event, PolicyPublished)]
        return self._as_published(found[-1]) if found else None

    def _as_published(self, recorded: Recorded) -> Published:
        with self._lock:
            found = self._published.get(recorded.position)
        if found is None:
            event = recorded.event
            assert isinstance(event, PolicyPublished), "the caller has looked"
            found = Published(
                position=recorded.position,
                at=recorded.recorded_at,
                by=recorded.meta.actor,
                reason=recorded.meta.reason or "",
                policy=msgspec.structs.replace(
                    self.known(event.version).policy(),
                    thresholds=Thresholds(link=event.link, review=event.review, margin=event.margin),
                    guards=tuple(event.guards),
                ),
                wrong=event.wrong,
            )
            with self._lock:
                self._published[recorded.position] = found
        return found


def _trained(policy: Policy, records: int, upto: int | None, checks: Sequence[CheckOutcome]) -> PolicyTrained:
    text = written(policy)
    return PolicyTrained(
        version=policy.version, policy=text, sha256=fingerprint(text), records=records, upto=upto, checks=list(checks)
    )


def _publication(policy: Policy) -> PolicyPublished:
    thresholds = policy.thresholds
    return PolicyPublished(
        version=policy.version,
        link=thresholds.link,
        review=thresholds.review,
        margin=thresholds.margin,
        guards=list(policy.guards),
        wrong=Scale(policy, 1).expected_wrong,
    )


def possible(thresholds: Thresholds) -> Thresholds:
    """Thresholds that a policy can have. Raises BadValue."""
    if thresholds.link < LINK_MIN or thresholds.review > thresholds.link or thresholds.margin < 0:
        raise BadValue(
            "No policy can have these thresholds.",
            rule="policy",
            element="thresholds",
            remedy="Link at 0 bits or more, ask people at no more than that, and leave no margin below 0.",
        )
    return thresholds


def known_guards(guards: Sequence[str]) -> tuple[str, ...]:
    """Guards that there are, in their order. Raises BadValue."""
    unknown = [guard for guard in guards if guard not in GUARDS]
    if unknown:
        raise BadValue(
            "There is no such guard.", rule="policy", element="guards", remedy=f"Name some of {', '.join(GUARDS)}."
        )
    return tuple(guard for guard in GUARDS if guard in guards)
