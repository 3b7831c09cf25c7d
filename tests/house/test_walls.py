"""Imports run one way: values, events, deciders, store, application and reactors, read models, api.

The layers stand in pyproject.toml, for import-linter. What it cannot say without a list that goes stale (who alone may
import a library, that read models do not know each other) is held here, on the same graph.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import cache
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from support.sources import ROOT, tree_of

LAST_IMPURE_LAYER = "ledger.settings"
"""The layers below this one, in pyproject.toml, are the pure core."""

LIBRARIES_OF_THE_CORE = {"msgspec"}
MORE_LIBRARIES = {
    "ledger.calendar": {"holidays", "tzdata"},
    "ledger.ids": {"threading"},
    "ledger.matching.populations.registers": {"random"},
    "ledger.matching.populations.seasons": {"random"},
    "ledger.matching.training": {"numpy", "random"},
    "ledger.matching.words": {"rapidfuzz"},
    "ledger.proofs.fold": {"cryptography"},
    "ledger.proofs.log_keys": {"cryptography"},
    "ledger.proofs.note": {"cryptography"},
}
"""Of one module only. ``ids`` keeps a lock, so that no two threads mint the same id. Populations and training have
their chance from a seed that is passed in; training counts millions of pairs, which is arithmetic on arrays. Proofs
check signatures and open bodies with keys that are handed to them."""

FORBIDDEN_IN_CORE = {"socket", "subprocess", "threading", "asyncio", "logging", "os", "random", "secrets", "time"}
"""Of the standard library: no I/O, no logging, no chance, no clock."""

MAY_IMPORT = {
    "eventsourcing": (
        "ledger.store",
        "ledger.reactors",
        "projections.runner",
        "projections.rebuild",
        "api.cli.bench.library",  # the library as it comes, as a peer
    ),
    # The application and the submission read guard rows over the log's connections; what writes stands in the store.
    "psycopg": (
        "ledger.store",
        "ledger.reactors",
        "ledger.application",
        "ledger.erased_rows",
        "ledger.evidence",
        "ledger.kept",
        "ledger.links",
        "ledger.past",
        "ledger.matched",
        "ledger.match_portion",
        "ledger.match_scout",
        "ledger.match_standing",
        "ledger.matcher",
        "ledger.remains",
        "ledger.intake.submission",
        "ledger.intake.chunk",
        "ledger.intake.answers",
        "ledger.intake.uploads",
        "ledger.intake.applying",
        "projections",
        "api",
    ),
    "psycopg_pool": ("ledger.store", "ledger.reactors", "projections", "api"),
    "fastapi": ("api",),
    "starlette": ("api",),
    "typer": ("api.cli",),
    "rich": ("api.cli",),
    "joserfc": ("api.oidc",),
}
"""Library: the parts of the house that may import it."""

ENTRIES = {"api.cli", "api.cli.__main__"}
"""What is started from outside."""

BEFORE_THEIR_USERS = {"ledger.retention.tombstone"}
"""Built before the disposer and the commands that will import them; whoever builds those empties this."""


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "ledger",
        "projections",
        "api",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def test_the_layers_of_the_house_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_module_of_the_ledger_stands_in_a_layer() -> None:
    placed = set().union(*_layers())
    homeless = sorted(
        m for m in _leaves("ledger") if not _is_empty(m) and not any(_is_in(m, layer) for layer in placed)
    )
    assert not homeless, f"name their layer in pyproject.toml, [[tool.importlinter.contracts]]: {homeless}"


def test_the_pure_core_imports_the_standard_library_msgspec_and_itself() -> None:
    layers = _layers()
    last_impure = next(number for number, layer in enumerate(layers) if LAST_IMPURE_LAYER in layer)
    core = set().union(*(_within(part) for layer in layers[last_impure + 1 :] for part in layer)) | {"ledger"}
    allowed = (sys.stdlib_module_names - FORBIDDEN_IN_CORE) | LIBRARIES_OF_THE_CORE
    wrong = [
        f"{module} imports {imported}"
        for module in core
        for imported in graph().find_modules_directly_imported_by(module)
        if imported not in core and imported.split(".")[0] not in allowed | MORE_LIBRARIES.get(module, set())
    ]
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_a_library_stays_in_its_part_of_the_house(library: str) -> None:
    if library not in graph().modules:
        return
    importers = graph().find_modules_that_directly_import(library)
    strangers = sorted(m for m in importers if not any(_is_in(m, part) for part in MAY_IMPORT[library]))
    assert not strangers, f"{library} may be imported by {MAY_IMPORT[library]} only, not by {strangers}"


def test_read_models_know_neither_each_other_nor_the_application() -> None:
    models = {m for m in _within("projections") if _declares_a_read_model(m)}
    wrong = [
        f"{module} imports {imported}"
        for module in _within("projections")
        for imported in graph().find_modules_directly_imported_by(module)
        if _is_in(imported, "ledger.application") or (module in models and imported in models)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_is_dead() -> None:
    dead = sorted(
        m
        for package in ("ledger", "projections", "api")
        for m in _leaves(package) - ENTRIES - BEFORE_THEIR_USERS
        if not graph().find_modules_that_directly_import(m) and not _is_empty(m)
    )
    assert not dead, f"nothing imports {dead}"


def _layers() -> list[set[str]]:
    """Of the house, from the top: the modules of each."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [{name.strip("() \n") for name in layer.split(":")} for layer in layers]


def _within(part: str) -> set[str]:
    return {m for m in graph().modules if _is_in(m, part)}


def _leaves(part: str) -> set[str]:
    return {m for m in _within(part) if not graph().find_children(m)}


def _declares_a_read_model(module: str) -> bool:
    tree = tree_of(_file_of(module))
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) == "Projection" for node in ast.walk(tree))


def _is_in(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def _is_empty(module: str) -> bool:
    return not _file_of(module).read_text().strip()


def _file_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
