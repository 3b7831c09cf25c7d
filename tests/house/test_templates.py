"""Templates: what they name is a field, and never by accident a method of what the field stands in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from jinja2 import Environment, nodes

from support.sources import ROOT

TEMPLATES = sorted((ROOT / "api/console/templates").rglob("*.html"))
METHODS: Final = {name for kind in (dict, list, tuple) for name in dir(kind) if not name.startswith("_")}
"""Jinja looks for ``one.items`` among the attributes first: of a mapping that is its method, whatever it holds."""
WRITES: Final = Environment(extensions=["jinja2.ext.i18n"])


def methods_taken(source: str) -> Iterator[str]:
    """Every ``.name`` of a method that is not called there. ``loop`` is Jinja's own, and has an index."""
    tree = WRITES.parse(source)
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for one in tree.find_all(nodes.Getattr):
        is_loop = isinstance(one.node, nodes.Name) and one.node.name == "loop"
        if one.attr in METHODS and id(one) not in called and not is_loop:
            yield f"line {one.lineno}: .{one.attr}"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_template_takes_no_method_for_a_field(template: Path) -> None:
    found = list(methods_taken(template.read_text()))
    assert not found, f'{template.name}: write ["name"], which is what the mapping holds: {found}'


def test_a_method_in_the_place_of_a_field_would_be_found() -> None:
    found = "{% if wrong.whole or wrong.items %}{{ said.values }}{% endif %}{% for one in rows.keys %}{% endfor %}"
    assert [one.partition(".")[2] for one in methods_taken(found)] == ["items", "values", "keys"]
    fine = '{{ wrong["items"] }}{% for a, b in all.items() %}{{ loop.index }}{{ a.title }}{% endfor %}{{ x.get("y") }}'
    assert list(methods_taken(fine)) == []
