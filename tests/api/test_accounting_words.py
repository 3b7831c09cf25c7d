"""The accounting says in words what was shown: every view that shows a child has them, in both languages."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import api
from api import accounting
from ledger.access import ROLES, RULES


def views() -> Iterator[type]:
    """Every class that ``show`` or ``show_many`` is given."""
    for module in pkgutil.walk_packages(api.__path__, "api."):
        if ".bench" in module.name or module.name.endswith("__main__"):
            continue
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if found.__module__ == module.name and all(hasattr(found, part) for part in ("action", "read", "render")):
                yield found


def names_of(view: type) -> list[str]:
    """One, or those among which it chooses by itself."""
    name = getattr(view, "name", None)
    if isinstance(name, str):
        return [name]
    return [name for said in re.findall(r"self\.name = (.+)", inspect.getsource(view)) for name in _TEXT.findall(said)]


_TEXT = re.compile(r'"([a-z-]+)"')
VIEWS = sorted({view for view in views() if not getattr(view, "_is_protocol", False)}, key=lambda one: one.__qualname__)


def test_there_are_views() -> None:
    names = {name for view in VIEWS for name in names_of(view)}
    assert {"student", "student-pair", "student-split", "reversal-preview", "reversal-recall", "case-facts"} <= names


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__qualname__)
def test_every_view_is_told_in_words(view: type) -> None:
    names = [name for base in view.__mro__[:-1] for name in names_of(base)]
    assert names
    for name in names:
        assert accounting.word(f"view.{name}", "en")
        assert accounting.word(f"view.{name}", "es") != accounting.word(f"view.{name}", "en")


def test_every_role_and_every_purpose_of_a_rule_is_told_in_words() -> None:
    for key in (*(f"role.{role}" for role in ROLES), *(f"purpose.{rule.purpose}" for rule in RULES if rule.purpose)):
        assert accounting.word(key, "en")
        assert accounting.word(key, "es")
