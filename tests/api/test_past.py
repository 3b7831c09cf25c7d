"""Readings of the past take turns: however many ask, threads and connections are left for who writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.past import AT_ONCE, in_turn, turns_here
from ledger.application import Ledger
from support.bodies import ENROLLMENT, RECORD, student

PATIENCE_SECONDS = 30


def test_of_many_readings_a_thread_is_left_and_a_cut_off_one_has_its_turn_until_its_thread_has_done() -> None:
    over = threading.Event()

    async def others(waiting: list[asyncio.Task[bool]]) -> None:
        # One thread more than turns: were another reading begun, nobody would be left to do this.
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(int), PATIENCE_SECONDS)
        assert turns_here().locked()
        assert not any(one.done() for one in waiting)

    async def crowd() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(AT_ONCE + 1))
        read = [asyncio.create_task(in_turn(lambda: over.wait(PATIENCE_SECONDS))) for _ in range(4 * AT_ONCE)]
        await others(read)
        cut_off, *waiting = read
        cut_off.cancel()
        await asyncio.wait([cut_off])
        await others(waiting)
        over.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(crowd()) == [True] * (4 * AT_ONCE - 1)


def test_a_reading_that_fails_gives_its_turn_back() -> None:
    def fail() -> None:
        raise LookupError

    async def fails() -> None:
        for _ in range(2 * AT_ONCE):
            with pytest.raises(LookupError):
                await asyncio.wait_for(in_turn(fail), PATIENCE_SECONDS)
        assert not turns_here().locked()

    asyncio.run(fails())


@pytest.fixture
def no_turn(oregon: TestClient) -> Callable[[], object]:
    """No reading of the past has its turn. Call it to let them."""
    assert oregon.portal is not None

    async def here() -> asyncio.Semaphore:
        return turns_here()

    turns = oregon.portal.call(here)
    for _ in range(AT_ONCE):
        oregon.portal.call(turns.acquire)

    async def go_on() -> None:
        for _ in range(AT_ONCE):
            turns.release()

    return lambda: oregon.portal and oregon.portal.call(go_on)


@pytest.mark.parametrize(
    "path", ["/v1/students/{}?as_of=1", "/v1/students/{}/records?as_of=1", "/v1/students/{}/diff?from=1"]
)
def test_while_others_read_the_past_who_asks_for_it_waits_and_who_writes_does_not(
    oregon: TestClient, ledger: Ledger, no_turn: Callable[[], object], path: str
) -> None:
    with ThreadPoolExecutor(1) as thread:
        made = oregon.put(RECORD, json=student(enrollments=[ENROLLMENT]))
        asked: Future[Any] = thread.submit(oregon.get, path.format(made.json()["student_id"]))
        try:
            with pytest.raises(TimeoutError):
                asked.result(1)
            assert oregon.delete(RECORD).is_success, "a writer"
        finally:
            no_turn()
        assert asked.result(PATIENCE_SECONDS).status_code == 200
