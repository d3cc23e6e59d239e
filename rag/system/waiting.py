"""Waits that Ctrl-C ends.

The system may hand a signal to any thread of a process, while Python answers it in the main thread only: one that waits for ever
would not hear of it. These waits look up many times a second.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterator
    from concurrent.futures import Future

_Value = TypeVar("_Value")

SECONDS = 0.1
"""Between two looks."""


def taken(queue: SimpleQueue[_Value]) -> _Value:
    """The next one of a queue."""
    while True:
        try:
            return queue.get(timeout=SECONDS)
        except Empty:
            continue


def await_event(event: threading.Event, *, timeout: float = inf) -> bool:
    """Return True when the event is set, False after `timeout` seconds."""
    deadline = monotonic() + timeout
    while not event.wait(SECONDS):
        if monotonic() >= deadline:
            return False
    return True


def result_of(future: Future[_Value]) -> _Value:
    """What a future gives. Raises its error, CancelledError if it was cancelled."""
    next(as_completed([future]))
    return future.result()


def as_completed(futures: Collection[Future[_Value]]) -> Iterator[Future[_Value]]:
    """Futures as they are done or cancelled."""
    done: SimpleQueue[Future[_Value]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    for _ in futures:
        yield taken(done)


@contextmanager
def threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads. Who leaves by an error or an interrupt does not wait for what they are at; what has not begun never does."""
    pool = ThreadPoolExecutor(number)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


async def stay_awake() -> None:
    """As long as this task runs, the event loop looks up too."""
    while True:
        await asyncio.sleep(SECONDS)
