"""Waiting that Ctrl-C can interrupt.

The system may deliver a signal to any thread of a process, but Python handles it in the main thread only. A main thread that
waits without a timeout never handles it. The functions here wake up many times a second.
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
"""Between two wake-ups."""


def taken(queue: SimpleQueue[_Value]) -> _Value:
    """Take the next item of a queue."""
    while True:
        try:
            return queue.get(timeout=SECONDS)
        except Empty:
            continue


def await_event(event: threading.Event, *, timeout: float = inf) -> bool:
    """Wait for an event. Returns True when it is set, False after `timeout` seconds."""
    deadline = monotonic() + timeout
    while not event.wait(SECONDS):
        if monotonic() >= deadline:
            return False
    return True


def result_of(future: Future[_Value]) -> _Value:
    """Wait for the result of a future. Raises its error, or CancelledError."""
    next(as_completed([future]))
    return future.result()


def as_completed(futures: Collection[Future[_Value]]) -> Iterator[Future[_Value]]:
    """Yields the futures in the order in which they finish or are cancelled."""
    done: SimpleQueue[Future[_Value]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    for _ in futures:
        yield taken(done)


@contextmanager
def threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads. After an error or interrupt, waiting tasks are dropped and running ones are not awaited."""
    pool = ThreadPoolExecutor(number)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


async def stay_awake() -> None:
    """Run this as a task: it keeps the event loop waking up, so that it handles signals."""
    while True:
        await asyncio.sleep(SECONDS)
