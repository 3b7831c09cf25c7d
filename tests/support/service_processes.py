"""Processes of the service that a test starts, hears and kills: forked from one that has imported the product already.

A process opens its store through the composition root, from the settings that an operator would give it, then runs a
function of the test's. What that says comes over a pipe, at once and in order, so that what a killed process had said
is known and what it had not said is not.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from typing import Any, Self

import structlog

from api.bootstrap import Store, open_store
from ledger.settings import Settings
from ledger.store import faults

SECONDS_MAX = 120
"""How long a test waits for a process to say something before it fails."""

_FORKING = multiprocessing.get_context("forkserver")
PRELOADED = ["api.bootstrap", "ledger.intake.submission", "projections.projectors", "migrations"]
_FORKING.set_forkserver_preload(PRELOADED)

_SAID, _AT_POINT, _FAILED, _ENDED = range(4)


class Pipe:
    """What the function in the process says and hears. Safe for threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def say(self, what: object) -> None:
        self.send(_SAID, what)

    def send(self, kind: int, what: object) -> None:
        with self._lock:
            self._connection.send((kind, what))

    def hear(self) -> Any:
        """Wait for what the test says; SystemExit where the test has gone."""
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            raise SystemExit(1) from None


Work = Callable[..., None]
"""Called with (pipe, store, *arguments); a function at the top of a module."""


class ServiceProcess:
    """One process. settings: of the environment, without the prefix: ``{"fault": "rebuild.in-swap"}``.

    pause_at: ``NAME:N``; the Nth passing of this point waits there until the test says ``go_on``.
    """

    def __init__(
        self, work: Work, *arguments: object, settings: Mapping[str, str], pause_at: str | None = None
    ) -> None:
        self._connection, theirs = _FORKING.Pipe()
        self._process = _FORKING.Process(
            target=_run, args=(theirs, work, arguments, dict(settings), pause_at), daemon=True
        )
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join(SECONDS_MAX)
        self._connection.close()
        self._process.close()

    def said(self) -> Iterator[Any]:
        """What it says, until its end, its death or its pause. Raises AssertionError with its stack where it failed."""
        while True:
            assert wait_for([self._connection], SECONDS_MAX), "the process says nothing and does not end"
            try:
                kind, what = self._connection.recv()
            except (EOFError, OSError):  # killed, perhaps in the middle of a word
                self._process.join(SECONDS_MAX)
                assert self.was_killed, f"the process ended with exit code {self._process.exitcode}"
                return
            assert kind != _FAILED, f"the process failed:\n{what}"
            if kind == _ENDED:
                self._process.join(SECONDS_MAX)
                return
            if kind == _AT_POINT:
                return
            yield what

    def go_on(self) -> None:
        """Let it leave the point at which it waits."""
        self._connection.send("go on")

    def kill(self) -> None:
        """End it where it stands, whatever it is at."""
        self._process.kill()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def was_killed(self) -> bool:
        return self._process.exitcode == -signal.SIGKILL


def _run(
    connection: Connection, work: Work, arguments: tuple[object, ...], settings: dict[str, str], pause_at: str | None
) -> None:
    # What the service logs of the faults is no news to the test.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    os.environ.update({f"SOJOURN_{name.upper()}": value for name, value in settings.items()})
    pipe = Pipe(connection)
    try:
        with open_store(Settings.load()) as store:
            if pause_at is not None:
                _pause(pipe, pause_at)
            work(pipe, store, *arguments)
        pipe.send(_ENDED, None)
    except BaseException:
        pipe.send(_FAILED, traceback.format_exc())
        raise


def _pause(pipe: Pipe, at: str) -> None:
    """Replace the killing of this process by a wait, in which the test kills something else."""
    wanted, _, count = at.partition(":")
    left = int(count or 1)

    def point(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                pipe.send(_AT_POINT, name)
                pipe.hear()

    # Armed, because some points are passed only then; never hit, because it is this one that counts.
    faults.arm(f"{wanted}:{sys.maxsize}")
    faults.point = point


def open_store_of(settings: Mapping[str, str]) -> Any:
    """The same store in the test's own process."""
    return open_store(Settings.load(**settings))


__all__ = ["Pipe", "ServiceProcess", "Store", "open_store_of"]
