"""Matching policies as the log has them: which were trained, and which one decides.

Invariant: the policy in effect is that of the last publication, whoever asks; a policy that was trained is never
changed, so whoever knows its name and the thresholds knows all that a decision hung on. A ledger in which nobody has
published any decides by the one that Sojourn comes with, and that is an event too, before the first decision.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from ledger.errors import BadValue, Conflict, NotFound, Refused, StaleDecision
from ledger.events import Meta, Recorded
from ledger.events.policy import CheckOutcome, PolicyPublished, PolicyTrained
from ledger.matching.decision import GUARDS
from ledger.matching.person import VERSION
from ledger.matching.policy import Policy, Scale, Thresholds
from ledger.matching.shipped import PREFIX, code_of, fingerprint, read, shipped, written
from ledger.store.append import Append, Part
from ledger.store.log import Log
from ledger.store.vault import LEDGER

STREAM = "policies"
LINK_MIN = 0
"""Least threshold to link, in thousandths of a bit: below it more of the links would be wrong than right."""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """That a policy was published, whichever release made it. position: its name in decisions. by, reason: who, and his
    words."""

    position: int
    at: datetime
    by: str
    reason: str
    version: str
    thresholds: Thresholds
    guards: tuple[str, ...]
    wrong: int


class Published(Publication, frozen=True, kw_only=True):
    """With the policy itself, and the thresholds and guards in it that were published."""

    policy: Policy


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that was trained. position: where the log says so."""

    position: int
    at: datetime
    by: str
    said: PolicyTrained

    def policy(self) -> Policy:
        """As it was trained. Raises Refused where this release cannot read it."""
        try:
            return read(self.said.policy)
        except BadValue as why:
            raise Refused(f"Policy {self.said.version} is of another release. {why}", remedy=self.remedy) from None

    @property
    def code(self) -> int:
        """Version of the code that it was made for."""
        return code_of(self.said.policy)

    @property
    def remedy(self) -> str:
        """What to do where it is of another release."""
        if self.code > VERSION:
            return (
                "Run the newer release that made it; or have an operator publish one that this release can decide by."
            )
        return "Train one with this release and publish it; until then nothing is matched."


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
        publication, if it had any. Raises as ``known``, and Refused where this release cannot read it."""
        for publication in reversed(self.history()):
            if publication.version == version:
                return self._whole(publication).policy
        return self._made(version)[0]

    def history(self) -> list[Publication]:
        """Every publication, the first first, also those that this release cannot decide by. Raises as ``trained``."""
        return _publications(self._read())

    def last(self) -> Publication | None:
        """The last publication; None before the first. Raises as ``trained``."""
        return next(reversed(self.history()), None)

    def published(self, position: int | None = None) -> Published | None:
        """The policy in effect now, or when the log had come to a position; None before the first publication.

        Raises StoreUnavailable, LogBroken, Refused (this release cannot read it).
        """
        found = _publications(one for one in self._read() if position is None or one.position <= position)
        return self._whole(found[-1]) if found else None

    def in_effect(self, meta: Meta) -> Published:
        """The policy that decides now. Where nobody has published any, or the one that an older release came with is in
        effect, the one that this release comes with is published first, as ``meta`` says.

        Raises Refused: the policy in effect was trained by a release that prepares names otherwise, or a newer release
        has published the one that it comes with, which is not published over. StaleDecision: others were faster again
        and again.
        """
        for _ in range(3):
            # What is published stands on this look: whoever publishes after it is not published over.
            recorded = self._read()
            last = next(reversed(_publications(recorded)), None)
            if last is not None:
                known = self.known(last.version)
                if known.code == VERSION:
                    return self._whole(last)
                if known.code > VERSION or not last.version.startswith(PREFIX):
                    raise _prepares_otherwise(known)
            # Whoever was faster, another process or somebody with a policy of his own, is looked at in turn.
            with suppress(StaleDecision):
                self._publish_shipped(recorded, meta)
        raise StaleDecision("Others publish policies faster than one can be looked at.", remedy="Try again.")

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
        release that prepares names otherwise, or one that this release cannot read), StaleDecision.
        """
        recorded = self._read()
        for known in self.trained():
            if known.said.version == version and known.code != VERSION:
                raise _prepares_otherwise(known)
        policy, there = self._made(version)
        events: list[PolicyTrained | PolicyPublished] = []
        if not there:
            events.append(_trained(policy, int(policy.trained.get("records", 0)), None, ()))
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
        """A policy as it was trained, and whether the log has it yet. Raises NotFound, Refused."""
        if version == shipped().version and all(one.said.version != version for one in self.trained()):
            return shipped(), False
        return self.known(version).policy(), True

    def _publish_shipped(self, recorded: Sequence[Recorded], meta: Meta) -> None:
        policy, there = self._made(shipped().version)
        if policy.code != VERSION:
            raise _prepares_otherwise(self.known(policy.version))
        events: list[PolicyTrained | PolicyPublished] = [_publication(policy)]
        if not there:
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

    def _whole(self, publication: Publication) -> Published:
        """Raises Refused where this release cannot read the policy."""
        with self._lock:
            found = self._published.get(publication.position)
        if found is None:
            found = Published(
                **msgspec.structs.asdict(publication),
                policy=msgspec.structs.replace(
                    self.known(publication.version).policy(),
                    thresholds=publication.thresholds,
                    guards=publication.guards,
                ),
            )
            with self._lock:
                self._published[publication.position] = found
        return found


def _publications(recorded: Iterable[Recorded]) -> list[Publication]:
    return [
        Publication(
            position=one.position,
            at=one.recorded_at,
            by=one.meta.actor,
            reason=one.meta.reason or "",
            version=said.version,
            thresholds=Thresholds(link=said.link, review=said.review, margin=said.margin),
            guards=tuple(said.guards),
            wrong=said.wrong,
        )
        for one in recorded
        if isinstance(said := one.event, PolicyPublished)
    ]


def _prepares_otherwise(known: Known) -> Refused:
    newer = "newer " if known.code > VERSION else ""
    return Refused(
        f"Policy {known.said.version} was trained by a {newer}release that prepares names otherwise.",
        remedy=known.remedy,
    )


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
