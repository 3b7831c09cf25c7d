"""The reference names everything there is, and nothing that is not; links lead somewhere; named commands exist."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.matching.policy import Scale
from ledger.matching.shipped import PREFIX, shipped
from support.sources import ROOT, name_of, tracked

DOCS = ROOT / "docs"
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def reference(page: str) -> str:
    return (DOCS / "reference" / f"{page}.md").read_text()


def first_cells(text: str) -> set[str]:
    """What stands in backticks in the first column of the tables."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {code for cell in rows for code in CODE.findall(cell)}


def sections(text: str, level: str) -> dict[str, str]:
    """Heading, without backticks, to what stands below it."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)[1:]
    return {title.strip("` "): body for title, body in zip(parts[::2], parts[1::2], strict=True)}


def compare(there: set[str], documented: set[str], page: str) -> None:
    missing, stale = sorted(there - documented), sorted(documented - there)
    assert not missing, f"docs/reference/{page}.md does not document {missing}"
    assert not stale, f"docs/reference/{page}.md documents what is not there: {stale}"


# -- the reference


def test_every_event_is_documented() -> None:
    from ledger.events import EVENTS

    topics = {code for code in first_cells(reference("events")) if re.search(r"\.v\d+$", code)}
    compare(set(EVENTS), topics, "events")


def test_every_field_of_an_event_is_documented() -> None:
    from ledger.events import EVENTS

    rows = {line.split("`")[1]: line for line in reference("events").splitlines() if line.startswith("| `")}
    for topic, event in EVENTS.items():
        named = set(CODE.findall(rows[topic].split("|")[3]))
        unnamed = set(event.__struct_fields__) - named
        assert not unnamed, f"docs/reference/events.md: {topic} does not name {sorted(unnamed)}"


def test_every_error_is_documented_with_its_status() -> None:
    from api.problems import families

    rows = {
        line.split("`")[1]: line for line in reference("errors").splitlines() if re.match(r"\| `[a-z-]+` \| \d", line)
    }
    found = families()
    compare(set(found), set(rows), "errors")
    for code, (status, error) in found.items():
        assert f"| {status.status} | `{error.__name__}` |" in rows[code], f"{code} is {status.status} {error.__name__}"


def test_every_metric_is_documented_with_its_labels() -> None:
    from ledger import telemetry

    rows = {line.split("`")[1]: line for line in reference("metrics").splitlines() if line.startswith("| `")}
    metrics = {metric.name: metric for metric in telemetry.declared()}
    compare(set(metrics), set(rows), "metrics")
    for name, metric in metrics.items():
        _, _, kind, labels, says, _ = rows[name].split("|")
        assert kind.strip() == metric.kind, f"{name} is a {metric.kind}"
        assert CODE.findall(labels) == list(metric.labels), f"{name} has the labels {metric.labels}"
        assert says.strip().replace("`", "") + "." == metric.documentation, f"{name} says: {metric.documentation}"


def test_every_setting_is_documented() -> None:
    from ledger.settings import Settings

    named = {str(f.validation_alias or f"SOJOURN_{name.upper()}") for name, f in Settings.model_fields.items()}
    compare(named, first_cells(reference("settings")), "settings")


def test_every_rule_is_documented() -> None:
    from ledger.rulebook import RULES

    compare(set(RULES), first_cells(reference("rules")), "rules")


def test_every_element_of_the_layout_is_documented() -> None:
    from ledger.mde import TABLES

    named = {
        code
        for line in reference("file-layout").splitlines()
        if re.match(r"\| \d", line)
        for code in CODE.findall(line)
    }
    compare({element.key for table in TABLES.values() for element in table.elements}, named, "file-layout")


def test_every_role_is_documented() -> None:
    from ledger.access import ROLES
    from ledger.store.database import Role

    compare(set(ROLES) | {role.value for role in Role}, first_cells(reference("roles")), "roles")


def test_every_crash_point_is_documented() -> None:
    from ledger.store.faults import POINTS

    assert first_cells((DOCS / "explanation" / "crash-points.md").read_text()) == set(POINTS)


def test_every_command_is_documented() -> None:
    documented = {t.removeprefix("sojourn ") for t in sections(reference("commands"), "###")}
    compare(set(_commands()), documented, "commands")


def test_every_option_of_a_command_is_documented() -> None:
    text = reference("commands")
    everywhere = text.split("\n## ")[0]
    pages = sections(text, "###")
    for command, parameters in _commands().items():
        page = pages[f"sojourn {command}"]
        unnamed = [p for p in parameters if f"`{p}" not in page and f"`{p}" not in everywhere]
        assert not unnamed, f"docs/reference/commands.md: `sojourn {command}` does not name {unnamed}"


def test_every_route_is_documented() -> None:
    requests = {c for c in first_cells(reference("http")) if re.match(r"[A-Z]+ /", c)}
    compare({_shape(r) for r in _routes()}, {_shape(r) for r in requests}, "http")


# -- what the pages say


@pytest.mark.parametrize("page", sorted(f for f in tracked() if f.suffix == ".md"), ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target, _ in LINK.findall(FENCE.sub("", page.read_text())):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


@pytest.mark.parametrize("page", sorted(f for f in tracked() if f.suffix == ".md"), ids=name_of)
def test_a_page_names_only_targets_and_commands_that_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = set(_commands())
    for piece in _code_of(page.read_text()):
        for target in re.findall(r"(?:^|[\s;&])make ([a-z]+)", piece):
            assert target in targets, f"{name_of(page)} names `make {target}`"
        for words in re.findall(r"(?:^|[\s;&/])sojourn ((?:[a-z]+ ?){1,2})", piece):
            first, *rest = words.split()
            known = {first, " ".join([first, *rest])} & commands or {c for c in commands if c.startswith(f"{first} ")}
            assert known, f"{name_of(page)} names `sojourn {words}`"


def test_the_policy_that_comes_with_a_release_is_told_as_it_is() -> None:
    policy = shipped()
    told = (DOCS / "explanation/matching.md").read_text("utf-8")
    links_at = f"It links at {policy.thresholds.link / 1000:g} bits: of the links that just reach that, one in"
    assert f"Sojourn comes with a policy, `{policy.version}`" in told
    assert f"{links_at} {Scale(policy, 1).expected_wrong} is expected to be wrong" in told
    named = {found for page in DOCS.rglob("*.md") for found in re.findall(rf"\b{PREFIX}\d+\b", page.read_text("utf-8"))}
    assert named == {policy.version}


def test_every_decision_is_numbered_once_and_listed() -> None:
    pages = sorted(p.name for p in (DOCS / "decisions").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    index = (DOCS / "decisions" / "README.md").read_text()
    assert [target for target, _ in LINK.findall(index)] == pages
    for name in pages:
        text = (DOCS / "decisions" / name).read_text()
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), name


def test_every_page_is_reached_from_the_list_of_pages() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / t).resolve() for t, _ in LINK.findall(page.read_text()) if "://" not in t]
    lost = [name_of(page) for page in sorted(DOCS.rglob("*.md")) if page.resolve() not in reached]
    assert not lost, f"no link leads from README.md to {lost}"


# -- what there is


def _commands() -> dict[str, list[str]]:
    """Words of each command to its options (the longest name of each) and arguments (as shown), without --help."""
    from typer.main import get_command

    from api.cli import app

    found: dict[str, list[str]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                walk(inner, (*words, name))
        elif not command.hidden:
            found[" ".join(words)] = [
                max(p.opts, key=len) if p.param_type_name == "option" else p.metavar or p.name.upper()
                for p in command.params
                if p.name != "help" and not getattr(p, "hidden", False)
            ]

    walk(get_command(app), ())
    return found


def _routes() -> set[str]:
    """``METHOD /path`` of every route of every router below api, and of the app itself."""
    from fastapi import APIRouter

    found = {"GET /openapi.json"}
    for module in _modules_of("api"):
        for router in vars(module).values():
            if isinstance(router, APIRouter):
                for route in router.routes:
                    methods = getattr(route, "methods", None) or ()
                    found |= {f"{method} {getattr(route, 'path', '')}" for method in methods if method != "HEAD"}
    return found


def _modules_of(package: str) -> Iterator[object]:
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def _shape(request: str) -> str:
    """The request without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", request)


def _code_of(text: str) -> list[str]:
    """What a page shows as code: blocks, and pieces in backticks."""
    blocks = [line for block in FENCE.findall(text) for line in block.splitlines()[1:-1]]
    return [re.sub(r"#.*", "", line) for line in blocks] + CODE.findall(FENCE.sub("", text))
