"""P2: a new file with nothing changed, beside the same rows when they were new.

Most of a night is this: a state sends what it sent the night before.
"""

from __future__ import annotations

from collections.abc import Generator

from api.bootstrap import open_store
from api.cli.bench.facts import ACTOR, sample, sent_again
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.intake.submission import submit

CHILDREN = 5_000


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run: a file into an empty ledger, then the same rows under the next day's date."""
    path = sample(ground.folder, size.of(CHILDREN, 20))
    path_again = sent_again(path)
    while True:
        with open_store(ground.new_store()) as store, store.ledger() as ledger:
            ground.settle()
            first = submit(ledger, path, ACTOR)
            ground.settle()
            again = submit(ledger, path_again, ACTOR)
        assert again.unchanged == again.rows == first.rows, "nothing has changed"
        assert again.events == 0, "so nothing is said"
        yield Run(
            rate=again.rows / again.seconds,
            against={"P1": first.rows / first.seconds},
            more={"rows": again.rows},
        )


ROW = Row(
    id="P2",
    work="a new file with nothing changed",
    unit="rows/s",
    goals=(Goal(of="P1", must=4, stretch=8),),
    measure=measure,
)
