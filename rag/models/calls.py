"""Calls to a model: known calls from the store, others concurrently, those of the first documents first."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from rag.types import Prompt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from rag.models.call_store import Reply
    from rag.models.kept import KeptGenerator
    from rag.sampling import Sampling
    from rag.types import Message, Usage

    OnReply = Callable[[Usage, bool], None]
    Turn = tuple[int, ...]

_Result = TypeVar("_Result")

ASIDE = 2
"""Threads that compute. Python runs one at a time; a second is ready when the first releases the lock."""


class Slots:
    """At most `most` tasks run at a time. Of those that wait, the lowest turn runs first, then the earliest."""

    def __init__(self, most: int) -> None:
        self.free = max(1, most)
        self._waiting: list[tuple[Turn, int, asyncio.Future[None]]] = []
        self._came = 0

    @asynccontextmanager
    async def taken(self, turn: Turn) -> AsyncIterator[None]:
        """Wait for a slot, and return it at the end."""
        await self._take(turn)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, turn: Turn) -> None:
        if self.free:
            self.free -= 1
            return
        future = asyncio.get_running_loop().create_future()
        self._came += 1
        heapq.heappush(self._waiting, (turn, self._came, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._give_back()  # the slot was granted just now
            raise

    def _give_back(self) -> None:
        while self._waiting:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
                return
        self.free += 1


class Calls:
    """Makes calls to one model, within one event loop.

    At most `aside` functions compute at once. `on_reply` gets the usage of each reply, and whether the reply was known.
    """

    def __init__(self, llm: KeptGenerator, *, aside: int = ASIDE, on_reply: OnReply | None = None) -> None:
        self.llm = llm
        self.slots = Slots(llm.parallel)
        self._aside = Slots(aside)
        self._on_reply = on_reply
        self._flying: dict[bytes, asyncio.Task[Reply]] = {}

    @property
    def in_flight(self) -> int:
        """The number of calls that run or wait for their turn."""
        return len(self._flying)

    async def ask(self, messages: Sequence[Message], sampling: Sampling, *, turn: Turn = ()) -> tuple[Reply, bool]:
        """The reply, and whether it was known. Equal calls at the same time are made once. Raises ModelError."""
        key = self.llm.key(messages, sampling)
        if known := self.llm.find(key):
            self._report(known.usage, known=True)
            return known, True
        shared = key in self._flying
        if not shared:
            task = asyncio.create_task(self._made(key, Prompt("", (), tuple(messages)), sampling, turn))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # raised where it is awaited
            self._flying[key] = task
        reply = await asyncio.shield(self._flying[key])
        if shared:
            self._report(reply.usage, known=True)
        return reply, shared

    async def aside(self, turn: Turn, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run a function that computes in a thread. The lowest turn runs first, so that the first documents finish first."""
        async with self._aside.taken(turn):
            return await asyncio.to_thread(function, *arguments)

    async def close(self) -> None:
        """Cancel all calls."""
        tasks = list(self._flying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _made(self, key: bytes, prompt: Prompt, sampling: Sampling, turn: Turn) -> Reply:
        try:
            async with self.slots.taken(turn):
                reply = await self.llm.ask(prompt, sampling)
        finally:
            del self._flying[key]
        self._report(reply.usage, known=False)
        return reply

    def _report(self, usage: Usage, *, known: bool) -> None:
        if self._on_reply:
            self._on_reply(usage, known)
