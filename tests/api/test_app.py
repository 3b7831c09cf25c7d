"""What lives as long as the event loop, and what it tells of errors that nobody waits for."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
import structlog

from api.app import create_app
from api.services import Services

SECRET = "Marisol"


def test_an_error_that_nobody_waited_for_is_logged_without_its_words(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio's own handler puts them into the message of its line."""

    async def broken() -> None:
        raise ValueError(f"unreadable: {SECRET}")

    def called_back(value: str) -> None:
        raise ValueError(value)

    async def story() -> None:
        app = create_app(services)
        async with app.router.lifespan_context(app):
            task = asyncio.create_task(broken())
            asyncio.get_running_loop().call_soon(called_back, SECRET)
            await asyncio.sleep(0.01)
            del task
            gc.collect()

    with structlog.testing.capture_logs() as lines, caplog.at_level(logging.DEBUG):
        asyncio.run(story())
    told = [line for line in lines if line["event"] == "event-loop"]
    assert {line["said"] for line in told} == {"Task exception was", "Exception in callback"}
    assert all(isinstance(line["exc_info"], ValueError) for line in told)
    assert SECRET not in str([{**line, "exc_info": None} for line in told])
    assert SECRET not in caplog.text
