"""Asynchronous work for callers who do not await."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    _Begun = tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]

_Result = TypeVar("_Result")

SECONDS_TO_BEGIN = 5.0


def run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end, in a thread of its own where this one has an event loop already.

    Whatever interrupts the wait, as Ctrl-C and a notebook's stop button do, cancels the work and is raised when that has ended.
    """
    if not _is_loop_running():
        return asyncio.run(coroutine)
    outcome: list[_Result | BaseException] = []
    begun: list[_Begun] = []
    ended = threading.Event()  # a join that was interrupted takes the thread for ended

    def in_a_thread() -> None:
        try:
            outcome.append(asyncio.run(_noted(coroutine, begun)))
        except BaseException as error:  # noqa: BLE001 (handed to the caller below)
            outcome.append(error)
        finally:
            ended.set()

    try:
        threading.Thread(target=in_a_thread).start()
        ended.wait()
    except BaseException:
        _cancel(begun, ended)
        raise
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


async def _noted(coroutine: Coroutine[Any, Any, _Result], begun: list[_Begun]) -> _Result:
    """Runs the coroutine; `begun` gets the loop and the task that do."""
    task = asyncio.current_task()
    if task is not None:
        begun.append((asyncio.get_running_loop(), task))
    return await coroutine


def _cancel(begun: list[_Begun], ended: threading.Event) -> None:
    """Cancel what runs in another thread, and wait for its end; one that does not begin was interrupted before it could."""
    given_up_at = time.monotonic() + SECONDS_TO_BEGIN
    while not begun and not ended.wait(0.01):
        if time.monotonic() > given_up_at:
            return
    with suppress(RuntimeError):  # the loop has closed meanwhile
        for loop, task in begun:
            loop.call_soon_threadsafe(task.cancel)
    ended.wait()


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
