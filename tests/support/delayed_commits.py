"""Commits that take their time, made by PostgreSQL itself: a deferred trigger that sleeps when COMMIT comes.

What was numbered first is then often committed last, which is what shows a gap where there is one.
"""

from __future__ import annotations

import threading
from typing import LiteralString

import psycopg

POISON = "submission/ZZ/"
"""Streams that start so are refused by the database when COMMIT comes, as a deferred constraint would."""

_TRIGGERS: LiteralString = """
create schema torture;
create function torture.take_time() returns trigger language plpgsql as $$
begin
    perform pg_sleep({at_least} + random() * ({seconds_max} - {at_least}));
    return null;
end $$;
create function torture.refuse() returns trigger language plpgsql as $$
begin
    raise exception 'refused at commit' using errcode = 'check_violation';
end $$;
create constraint trigger take_time after update on ledger.head
    deferrable initially deferred for each row execute function torture.take_time();
create constraint trigger refuse after insert or update on ledger.heads
    deferrable initially deferred for each row when (new.stream like 'submission/ZZ/%')
    execute function torture.refuse();
create table torture.naive (position bigserial primary key);
create constraint trigger take_time after insert on torture.naive
    deferrable initially deferred for each row execute function torture.take_time();
"""


def delay_commits(conn: psycopg.Connection, seconds_max: float, *, at_least: float = 0) -> None:
    """From now on every commit to the ledger of this database takes up to this long. conn: of a superuser."""
    triggers = _TRIGGERS.replace("{seconds_max}", f"{seconds_max:f}").replace("{at_least}", f"{at_least:f}")
    conn.execute(triggers.encode())


def missed_by_sequence(conninfo: str, *, writers: int, rows: int) -> set[int]:
    """What a reader who follows a plain ``bigserial`` misses under the same delays."""

    def write() -> None:
        with psycopg.connect(conninfo, autocommit=True) as conn:
            for _ in range(rows):
                conn.execute("insert into torture.naive default values")

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    with psycopg.connect(conninfo, autocommit=True) as conn:

        def look() -> None:
            last = seen[-1] if seen else 0
            query = "select position from torture.naive where position > %s order by position"
            seen.extend(position for (position,) in conn.execute(query, (last,)))

        while any(thread.is_alive() for thread in threads):
            look()
        look()
        there = {position for (position,) in conn.execute("select position from torture.naive")}
    return there - set(seen)
