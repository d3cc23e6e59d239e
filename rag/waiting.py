"""Waits that Ctrl-C ends.

The system may hand a signal to any thread of a process, while Python answers it in the main thread only: one that waits for ever
would not hear of it. These waits look up many times a second.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_COMPLETED, wait
from queue import Empty
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterator
    from concurrent.futures import Future
    from queue import SimpleQueue

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


def await_event(event: threading.Event) -> None:
    """Return when the event is set."""
    while not event.wait(SECONDS):
        continue


def result_of(future: Future[_Value]) -> _Value:
    """What a future gives. Raises its error."""
    next(as_completed([future]))
    return future.result()


def as_completed(futures: Collection[Future[_Value]]) -> Iterator[Future[_Value]]:
    """Futures as they are done."""
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, SECONDS, FIRST_COMPLETED)
        yield from done


async def stay_awake() -> None:
    """As long as this task runs, the event loop looks up too."""
    while True:
        await asyncio.sleep(SECONDS)
