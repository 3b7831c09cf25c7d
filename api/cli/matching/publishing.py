"""``sojourn matching publish``: by which policy the matcher decides from now on, and which there are."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.talk import As, Json, opened, operator, print_json, say
from ledger.errors import BadValue

if TYPE_CHECKING:
    from ledger.matching.policy import Policy, Thresholds

ALL = "all"
NONE = "none"


def publish(
    version: Annotated[str | None, typer.Argument(metavar="VERSION", help="Of a policy that was trained.")] = None,
    link: Annotated[float | None, typer.Option("--link", metavar="BITS", help="Link by itself from here on.")] = None,
    review: Annotated[float | None, typer.Option("--review", metavar="BITS", help="Ask people from here on.")] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin", metavar="BITS", help="By how much two must agree more than either and any third student."
        ),
    ] = None,
    guards: Annotated[
        str | None, typer.Option("--guards", metavar="CODE,...", help="Which guards hold: codes, all or none.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever reads it later.")] = "",
    list_: Annotated[
        bool, typer.Option("--list", help="Print the policies that there are, and write nothing.")
    ] = False,
    as_json: Json = False,
    as_name: As = None,
) -> None:
    """Have the matcher decide by a policy from now on. What is not named stays as it was published last, or trained."""
    from api.policies import publication_told
    from ledger.cases import reason_of
    from ledger.events import Meta

    if list_:
        if version is not None or reason or any(one is not None for one in (link, review, margin, guards)):
            raise typer.BadParameter("--list prints what there is and publishes nothing", param_hint="--list")
        _print_list(as_json=as_json)
        return
    if version is None:
        raise typer.BadParameter("Name the policy, or --list them.", param_hint="VERSION")
    if not reason.strip():
        raise typer.BadParameter("Say why: --reason TEXT", param_hint="--reason")
    with opened() as store, store.ledger() as ledger:
        policy = ledger.policies.named(version)
        meta = Meta(actor=operator(store, as_name).name, reason=reason_of(reason), request=str(uuid.uuid4()))
        published = ledger.policies.publish(
            version,
            meta,
            thresholds=chosen_thresholds(policy, link, review, margin),
            guards=chosen_guards(policy, guards),
        )
    if as_json:
        print_json({"version": version, **publication_told(published)})
        return
    print(f"Policy {version} is in effect from position {published.position} on.")
    for line in _lines(publication_told(published)):
        print(line)
    say("The matcher looks at every record once more; what people have answered holds.")


# -- inside


def thousandths(given: float) -> int:
    """Bits as the command line has them. Raises BadValue for what is no number of them."""
    if not -1000 <= given <= 1000:  # nan too
        raise BadValue("These are no bits.", rule="policy", element="thresholds", remedy="Give a number such as 9.5.")
    return round(given * 1000)


def chosen_thresholds(policy: Policy, link: float | None, review: float | None, margin: float | None) -> Thresholds:
    """Those that are named, and the policy's own where none is. Raises BadValue."""
    from ledger.matching.policy import Thresholds

    now = policy.thresholds
    return Thresholds(
        link=now.link if link is None else thousandths(link),
        review=now.review if review is None else thousandths(review),
        margin=now.margin if margin is None else thousandths(margin),
    )


def chosen_guards(policy: Policy, given: str | None) -> tuple[str, ...]:
    """The guards that are named, or those of the policy. What there is not, publishing refuses."""
    from ledger.matching.decision import GUARDS

    if given is None:
        return policy.guards
    named = {ALL: tuple(GUARDS), NONE: ()}
    return named[given] if given in named else tuple(code.strip() for code in given.split(","))


def _print_list(*, as_json: bool) -> None:
    from api.policies import listed

    with opened() as store, store.ledger() as ledger:
        _, told = listed(ledger.policies)
    if as_json:
        print_json(told)
        return
    for policy in told:
        print("\n".join(_policy_lines(policy)))


def _policy_lines(policy: dict[str, Any]) -> list[str]:
    from ledger.matching.shipped import PREFIX

    mark = "in effect" if policy["in_effect"] else "was in effect" if policy["published"] else "never published"
    trained = policy["trained"]
    lines = [f"{policy['version']}: {mark}"]
    if trained is None or policy["version"].startswith(PREFIX):
        lines.append(f"  {_comes_with(policy)}")
    else:
        lines.append(f"  trained {_when(trained['at'])} by {trained['by']} on {trained['records']:,} records")
        lines += [
            f"    {check['name']}: {check['value']:.3f}, from {check['low']:g} to {check['high']:g}"
            for check in trained["checks"]
        ]
    for one in policy["published"]:
        lines.append(f"  published {_when(one['at'])} by {one['by']} at position {one['position']}: {one['reason']}")
        lines += [f"  {line}" for line in _lines(one)]
    return lines


def _comes_with(policy: dict[str, Any]) -> str:
    """Of a policy that nobody here has trained: the matcher, or whoever published it, has only put it into the log."""
    from ledger.matching.shipped import shipped

    ours = shipped()
    release = "this release" if policy["version"] == ours.version else "another release"
    trained = policy["trained"]
    records = int(ours.trained.get("records", 0)) if trained is None else trained["records"]
    return f"comes with {release}" + (f", trained on {records:,} made-up records" if records else "")


def _lines(told: dict[str, Any]) -> list[str]:
    one_in = f"{told['expected_wrong_one_in']:,}"
    return [
        f"  links from {told['link']:+.1f} bits on, asks from {told['review']:+.1f}, margin {told['margin']:.1f}",
        f"  of links at the threshold itself one in {one_in} is expected to be wrong",
        f"  guards: {', '.join(told['guards']) or 'none'}",
    ]


def _when(at: str) -> str:
    return f"{at[:16].replace('T', ' ')}Z"
