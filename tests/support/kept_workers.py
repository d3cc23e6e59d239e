"""Processes that read files, kept from test to test: starting one takes longer than most tests do."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any

from rag.documents.loading.stamps import NANOSECONDS_OF_DOUBT
from rag.documents.loading.workers import DEFAULT_LIMITS
from rag.system.processes import Reply, Worker

_MOST = 4
_starter = ThreadPoolExecutor(1)  # a worker ends with the thread that started it
_idle_changes = threading.Lock()
_idle: list[tuple[object, Worker]] = []


class KeptWorker(Worker):
    """Hands its process on when it is done, if that would have read a next file of its own too."""

    _is_reusable = False
    _surroundings: object = None

    def ask(self, request: Any, *, seconds: float = inf, most_bytes: float = inf) -> Reply:
        self._is_reusable = False
        _wait_until_settled(request["source"])
        reply = super().ask(request, seconds=seconds, most_bytes=most_bytes)
        self._is_reusable = reply.line is not None and asdict(DEFAULT_LIMITS).items() <= request.items()
        return reply

    def stop(self) -> None:
        if self._is_reusable and self.pid is not None:
            self._stopped.set()
            kept = Worker([])
            kept._process, self._process = self._process, None
            with _idle_changes:
                _idle.append((self._surroundings, kept))
            end_all(but=_MOST)
        else:
            super().stop()

    def _started(self) -> subprocess.Popen[bytes]:
        """A kept process that was started as one would be now, or a new one."""
        self._surroundings = surroundings(self._command)
        with _idle_changes:
            place = next((place for place, (started_in, _) in enumerate(_idle) if started_in == self._surroundings), None)
            kept = None if place is None else _idle.pop(place)[1]
        if kept is not None and kept.pid is not None:
            assert kept._process is not None
            return kept._process
        if kept is not None:
            kept.end()
        return _starter.submit(super()._started).result()


def end_all(*, but: int = 0) -> None:
    """End the oldest."""
    with _idle_changes:
        ended = _idle[: len(_idle) - but] if len(_idle) > but else []
        del _idle[: len(ended)]
    for _, worker in ended:
        worker.end()


def _wait_until_settled(source: str) -> None:
    """For as long as starting a process takes at the least: a file is remembered as read only if it was not changed right before."""
    with suppress(OSError):
        files = (Path(source), Path(f"{source}.meta.json"))
        age = time.time_ns() - max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)
        if 0 <= age <= NANOSECONDS_OF_DOUBT:
            time.sleep((NANOSECONDS_OF_DOUBT - age) / 1e9 + 0.002)


def surroundings(command: list[str]) -> object:
    """What a process takes over when it starts."""
    return command, {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
