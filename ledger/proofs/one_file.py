"""The verifier as one file, for whoever has a Python with ``cryptography`` and nothing of ours.

The modules are joined as they are, in the order in which they import each other; only their imports of one another go.
"""

from __future__ import annotations

import ast
from importlib.resources import files

PARTS = (
    *("doubt", "tree", "tiles", "sparse", "note", "receipts", "archive", "bundle", "levels", "fold"),
    *("verdict", "certificate_words", "certificate_events", "certificate_statements", "certified", "verify"),
)
"""Each imports only those before it, the standard library and ``cryptography``."""

_HEAD = '''#!/usr/bin/env python3
"""Verifies an evidence bundle: python verify.py BUNDLE.zip --key KEY. Needs Python 3.11 and `cryptography`.

A certificate of disposal likewise: python verify.py CERTIFICATE.json --key KEY.

Made of the modules of ledger.proofs; which is where to read it.
"""

from __future__ import annotations

'''


def one_file() -> str:
    """The source of the verifier as one file."""
    imports: dict[str, None] = {}
    bodies: list[str] = []
    for part in PARTS:
        source = files("ledger.proofs").joinpath(f"{part}.py").read_text(encoding="utf-8")
        module = ast.parse(source)
        lines = source.splitlines()
        for node in module.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                ours = isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("ledger", "__future__"))
                if not ours:
                    imports[ast.unparse(node)] = None
                _blank(lines, node)
        last = module.body[-1]
        if isinstance(last, ast.If) and part != PARTS[-1]:
            raise AssertionError("only the last part runs as a program")
        bodies.append("\n".join(lines).strip() + "\n")
    return _HEAD + "\n".join(imports) + "\n\n\n" + "\n\n".join(bodies)


def names(part: str) -> set[str]:
    """What a part defines at its top: no two may define the same, or one would take the other's place."""
    module = ast.parse(files("ledger.proofs").joinpath(f"{part}.py").read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def _blank(lines: list[str], node: ast.stmt) -> None:
    assert node.end_lineno is not None
    for number in range(node.lineno - 1, node.end_lineno):
        lines[number] = ""
