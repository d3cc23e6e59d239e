"""An event loop whose clock a test puts forward, so that a timeout of two minutes passes at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class SteppedLoop(asyncio.SelectorEventLoop):
    """Its time goes on as usual, plus the seconds of `put_forward`."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    def put_forward(self, seconds: float) -> None:
        """Any thread may call it. An event that has arrived before is handled before the timeouts that this ends."""
        self.call_soon_threadsafe(self._step, seconds)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The outcome of `work`; afterwards the loop is closed."""
        with asyncio.Runner(loop_factory=lambda: self) as runner:
            return runner.run(work)

    def _step(self, seconds: float) -> None:
        self._ahead += seconds
