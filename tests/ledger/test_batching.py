"""Reads that come together are answered by one query."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ledger.batching import BATCH_MAX, Batches


class Source:
    """Answers keys with themselves, and keeps what it was asked. open: lets a query return."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def read(self, keys: Sequence[str]) -> dict[str, str]:
        self.asked.append(list(keys))
        await self.open.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return {key: key.upper() for key in keys if key != "unknown"}


def run(story) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_lone_question_leaves_at_once() -> None:
    async def story() -> None:
        source = Source()
        source.open.set()
        assert await Batches(source.read).get("a") == "A"
        assert source.asked == [["a"]]

    run(story)


def test_questions_that_come_while_a_query_runs_share_the_next() -> None:
    async def story() -> None:
        source = Source()
        batches = Batches(source.read)
        first = asyncio.create_task(batches.get("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [asyncio.create_task(batches.get(key)) for key in ("b", "c", "b", "a")]
        await asyncio.sleep(0)
        source.open.set()
        assert await first == "A"
        assert await asyncio.gather(*others) == ["B", "C", "B", "A"]
        assert source.asked == [["a"], ["b", "c", "a"]], "a question is never answered by a query that began before it"

    run(story)


def test_a_key_without_an_answer_is_none() -> None:
    async def story() -> None:
        source = Source()
        source.open.set()
        assert await Batches(source.read).get("unknown") is None

    run(story)


def test_an_error_reaches_all_who_asked_and_the_next_question_is_asked_anew() -> None:
    async def story() -> None:
        source = Source()
        source.open.set()
        source.error = ConnectionError("away")
        batches = Batches(source.read)
        found = await asyncio.gather(batches.get("a"), batches.get("b"), return_exceptions=True)
        assert [type(one) for one in found] == [ConnectionError, ConnectionError]
        assert await batches.get("a") == "A"

    run(story)


def test_an_asker_who_goes_away_takes_nobody_along() -> None:
    async def story() -> None:
        source = Source()
        batches = Batches(source.read)
        gone, stays = asyncio.create_task(batches.get("a")), asyncio.create_task(batches.get("a"))
        await asyncio.sleep(0)
        gone.cancel()
        source.open.set()
        assert await stays == "A"
        with pytest.raises(asyncio.CancelledError):
            await gone

    run(story)


def test_a_batch_has_a_bound() -> None:
    async def story() -> None:
        source = Source()
        source.open.set()
        keys = [str(number) for number in range(BATCH_MAX + 1)]
        batches = Batches(source.read)
        assert await asyncio.gather(*(batches.get(key) for key in keys)) == keys
        assert [len(asked) for asked in source.asked] == [BATCH_MAX, 1]

    run(story)
