"""Run asynchronous work from code that does not await.

If the caller's thread already has an event loop, the work runs in a separate thread. Ctrl-C and a notebook's stop button may
interrupt the caller at any point; the work is then cancelled too.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextlib import aclosing, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rag.system.waiting import await_event, stay_awake, taken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

_Result = TypeVar("_Result")
_Item = TypeVar("_Item")


def run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end; in a separate thread, if this one already has an event loop.

    An interrupt cancels the work, waits for its end, and is then raised.
    """
    if not _is_loop_running():
        try:
            return asyncio.run(_heeding_signals(coroutine)).result()
        finally:
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()
    outcomes: SimpleQueue[_Outcome[_Result]] = SimpleQueue()
    work = _Work(coroutine, outcomes.put)
    try:
        work.begin()
        outcome = taken(outcomes)
    except BaseException:
        work.end()
        raise
    return outcome.result()


async def _heeding_signals(coroutine: Coroutine[Any, Any, _Result]) -> _Outcome[_Result]:
    awake = asyncio.create_task(stay_awake())
    try:
        return await _outcome_of(coroutine)
    finally:
        awake.cancel()


async def _outcome_of(coroutine: Coroutine[Any, Any, _Result]) -> _Outcome[_Result]:
    """The outcome of a coroutine. An interrupt is returned, not raised: asyncio would report it as never retrieved."""
    try:
        return _Outcome((await coroutine,))
    except (KeyboardInterrupt, SystemExit) as error:
        return _Outcome(error=error)


def stream(items: AsyncGenerator[_Item, None]) -> Generator[_Item, None, None]:
    """Iterate over an asynchronous generator, which runs ahead in a separate thread.

    If the caller stops early, as by an interrupt, the generator is cancelled, and its end is awaited.
    """
    items_or_end: SimpleQueue[tuple[_Item] | _Outcome[None]] = SimpleQueue()

    async def drive() -> None:
        async with aclosing(items):
            async for item in items:
                items_or_end.put((item,))

    work = _Work(drive(), items_or_end.put)
    try:
        work.begin()
        while not isinstance(entry := taken(items_or_end), _Outcome):
            yield entry[0]
    except BaseException:
        work.end()
        raise
    entry.result()


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[_Result]):
    """The end of a coroutine: a value, or an error."""

    values: tuple[_Result, ...] = ()
    error: BaseException | None = None

    def result(self) -> _Result:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.values[0]


class _Work(Generic[_Result]):
    """A coroutine in a separate thread with an event loop. That thread calls `report` with the outcome, unless it never started."""

    def __init__(self, coroutine: Coroutine[Any, Any, _Result], report: Callable[[_Outcome[_Result]], object]) -> None:
        self._coroutine, self._report = coroutine, report
        self._running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
        self._is_unwanted = False
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()  # after an interrupted join, Python regards the thread as ended

    def begin(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._in_the_thread, name="asynchronous work")
        self._thread.start()

    def end(self) -> None:
        """Cancel the coroutine and wait for its end. If it has not started yet, it never will."""
        try:
            self._cancel()
        except BaseException:  # an interrupt is possible here too
            self._cancel()
            raise
        if not self._running:
            self._coroutine.close()
        elif threading.current_thread() is not self._thread:  # garbage collection may call this in the thread itself
            await_event(self._ended)

    def _cancel(self) -> None:
        self._is_unwanted = True  # set before reading `_running`; the thread writes `_running` before it reads this
        with suppress(RuntimeError):  # the loop is already closed
            for loop, task in self._running:
                loop.call_soon_threadsafe(_cancel_once, task)

    def _in_the_thread(self) -> None:
        try:
            with asyncio.Runner() as runner:
                outcome = runner.run(self._noted())
        except BaseException as error:  # noqa: BLE001 (raised in the caller)
            outcome = _Outcome(error=error)
        finally:
            self._coroutine.close()
            self._ended.set()
        self._report(outcome)

    async def _noted(self) -> _Outcome[_Result]:
        task = asyncio.current_task()
        assert task is not None
        self._running.append((asyncio.get_running_loop(), task))
        if self._is_unwanted:
            raise asyncio.CancelledError
        return await _outcome_of(self._coroutine)


def _cancel_once(task: asyncio.Task[Any]) -> None:
    """Cancel a task once, because a second cancellation would interrupt the cleanup after the first."""
    if not task.cancelling():
        task.cancel()


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
