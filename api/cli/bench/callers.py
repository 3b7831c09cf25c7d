"""Many callers at once: threads that start together and are waited for with a limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

TIMEOUT_S = 300.0


def together(works: Sequence[Callable[[], None]], timeout_s: float = TIMEOUT_S) -> float:
    """Run each work in a thread of its own, all started together; seconds from the start until the last is done.

    Raises the first error of any of them, TimeoutError.
    """
    gate = threading.Barrier(len(works) + 1, timeout=timeout_s)
    errors: list[BaseException] = []

    def call(work: Callable[[], None]) -> None:
        try:
            gate.wait()
            work()
        except BaseException as error:  # told to the caller, who waits
            errors.append(error)

    threads = [threading.Thread(target=call, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    gate.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join(max(0.0, started + timeout_s - time.perf_counter()))
    seconds = time.perf_counter() - started
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        raise TimeoutError(f"callers were not done after {timeout_s:.0f} s")
    return seconds
