"""Asynchronous work for callers who do not await.

Work that cannot run in the caller's thread runs in one of its own. Ctrl-C and a notebook's stop button may interrupt the caller
between any two steps; the work ends then too.
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
    """Run to the end, in a thread of its own where this one has an event loop already.

    Whatever interrupts the wait cancels the work and is raised when that has ended.
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
    """The outcome of a coroutine. It returns an interrupt, which asyncio would also report as never retrieved."""
    try:
        return _Outcome((await coroutine,))
    except (KeyboardInterrupt, SystemExit) as error:
        return _Outcome(error=error)


def stream(items: AsyncGenerator[_Item, None]) -> Generator[_Item, None, None]:
    """What comes of an asynchronous generator, which runs ahead in a thread of its own.

    Leaving off the iteration, an interrupt among others, cancels the generator and returns when that has ended.
    """
    come: SimpleQueue[tuple[_Item] | _Outcome[None]] = SimpleQueue()

    async def drive() -> None:
        async with aclosing(items):
            async for item in items:
                come.put((item,))

    work = _Work(drive(), come.put)
    try:
        work.begin()
        while not isinstance(one := taken(come), _Outcome):
            yield one[0]
    except BaseException:
        work.end()
        raise
    one.result()


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[_Result]):
    """How a coroutine ended: with one value, or with an error."""

    values: tuple[_Result, ...] = ()
    error: BaseException | None = None

    def result(self) -> _Result:
        """The value. Raises the error."""
        if self.error is not None:
            raise self.error
        return self.values[0]


class _Work(Generic[_Result]):
    """A coroutine in an event loop in a thread of its own; `tell` is called there with how it ended, unless it never began."""

    def __init__(self, coroutine: Coroutine[Any, Any, _Result], tell: Callable[[_Outcome[_Result]], object]) -> None:
        self._coroutine, self._tell = coroutine, tell
        self._running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
        self._is_unwanted = False
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()  # a join that was interrupted takes the thread for ended

    def begin(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._in_the_thread, name="asynchronous work")
        self._thread.start()

    def end(self) -> None:
        """Cancel the coroutine and wait for its end; where it has not begun yet, it never will."""
        try:
            self._cancel()
        except BaseException:  # an interrupt may come here too
            self._cancel()
            raise
        if not self._running:
            self._coroutine.close()
        elif threading.current_thread() is not self._thread:  # where garbage may be collected as well
            await_event(self._ended)

    def _cancel(self) -> None:
        self._is_unwanted = True  # before the look at what runs, as the thread notes what runs before it looks at this
        with suppress(RuntimeError):  # the loop has closed meanwhile
            for loop, task in self._running:
                loop.call_soon_threadsafe(_cancel_once, task)

    def _in_the_thread(self) -> None:
        try:
            with asyncio.Runner() as runner:
                outcome = runner.run(self._noted())
        except BaseException as error:  # noqa: BLE001 (handed to the caller)
            outcome = _Outcome(error=error)
        finally:
            self._coroutine.close()
            self._ended.set()
        self._tell(outcome)

    async def _noted(self) -> _Outcome[_Result]:
        task = asyncio.current_task()
        assert task is not None
        self._running.append((asyncio.get_running_loop(), task))
        if self._is_unwanted:
            raise asyncio.CancelledError
        return await _outcome_of(self._coroutine)


def _cancel_once(task: asyncio.Task[Any]) -> None:
    """A second cancellation would break into what the first makes it clean up."""
    if not task.cancelling():
        task.cancel()


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
