"""Followers: whoever waits for news hears all that came since he last looked."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from ledger.store.database import Database
from ledger.store.following import Interruption


def test_news_that_came_with_the_answer_to_a_statement_are_not_lost(database: Database) -> None:
    stop = threading.Event()
    with (
        database.connect() as conn,
        database.connect() as other,
        ThreadPoolExecutor(1) as pool,
        Interruption(stop) as interruption,
        interruption.of(conn),
    ):
        conn.autocommit = other.autocommit = True
        conn.execute("listen news")
        other.execute("notify news")
        conn.execute("select pg_sleep(0.2)")  # whose answer brings the news along
        waiting = pool.submit(interruption.wait_for_news, conn)
        try:
            waiting.result(10)
        finally:
            stop.set()


def test_news_are_waited_for(database: Database) -> None:
    stop = threading.Event()
    with (
        database.connect() as conn,
        database.connect() as other,
        ThreadPoolExecutor(1) as pool,
        Interruption(stop) as interruption,
        interruption.of(conn),
    ):
        conn.autocommit = other.autocommit = True
        conn.execute("listen news")
        waiting = pool.submit(interruption.wait_for_news, conn)
        assert not waiting.done()
        other.execute("notify news")
        try:
            waiting.result(10)
        finally:
            stop.set()
