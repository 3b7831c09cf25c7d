"""What a test costs, found out instead of declared: one that can reach PostgreSQL carries the marker ``database``.

A test reaches PostgreSQL where its own module, that of a fixture which it asks for, or a module of ``support`` that
these use, imports what starts a server. ``make check`` leaves such tests out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import pytest

WAITING_PROCESSES = 1
"""More than there are cores: a test waits a sixth of its time for what starts, ends or is announced elsewhere, and of
two processes on two cores one core stands idle then."""

SERVER_MODULES = frozenset({"support.servers", "ledger.store.embedded"})


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `--numprocesses auto` means."""
    return (os.cpu_count() or 1) + WAITING_PROCESSES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(_reaches_a_server(name) for space in _spaces(item) for name in _origins(space)):
            item.add_marker("database")


def _spaces(item: pytest.Item) -> Iterator[Mapping[str, Any]]:
    """The names that a test and its fixtures see."""
    if isinstance(item, pytest.Function):
        yield vars(item.module)
    fixtures = getattr(item, "_fixtureinfo", None)
    for definitions in fixtures.name2fixturedefs.values() if fixtures else ():
        for definition in definitions:
            yield getattr(definition.func, "__globals__", {})


@cache
def _reaches_a_server(module: str) -> bool:
    if module in SERVER_MODULES:
        return True
    ours = module.startswith("support.") and module in sys.modules
    return ours and any(_reaches_a_server(name) for name in _origins(vars(sys.modules[module])) if name != module)


def _origins(space: Mapping[str, Any]) -> set[str]:
    """The modules that the values of a name space come from."""
    values = (v.__name__ if isinstance(v, ModuleType) else getattr(v, "__module__", None) for v in space.values())
    return {name for name in values if isinstance(name, str)}
