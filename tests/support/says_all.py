"""Whether a student's sections say what was said of each of her records: all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from support.naive_fold import Told, live_rows, parts_told, words_shown, words_told
from support.sections import facts_shown, parts_shown


def assert_says_all(sections: Mapping[str, bytes], told: Mapping[str, Told]) -> None:
    """Each thing that each record says is shown once, and of what others say too, nothing of it is lost."""
    shown = facts_shown(sections)
    rows = {(name, n): row for name, record in told.items() for n, row in live_rows(record).items()}
    assert set(shown) == set(rows)
    for key, (letter, row) in rows.items():
        fact = shown[key]
        assert fact.letter == letter
        if fact.shared:
            own = told[key[0]]["facts"][key[1]]["elements"]
            assert own.items() <= fact.row.items()
        else:
            assert fact.row == row
    assert parts_shown(sections) == {
        (name, n): p for name, record in told.items() for n, p in parts_told(record).items()
    }
    assert words_shown(sections) == {
        (name, n): w for name, record in told.items() for n, w in words_told(record).items()
    }
