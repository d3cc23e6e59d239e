"""Processes that read files, kept from test to test: starting one takes longer than most tests do."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from rag.documents.loading import workers
from rag.documents.loading.stamps import NANOSECONDS_OF_DOUBT
from rag.documents.loading.workers import Loaded
from rag.reading import DEFAULT_LIMITS, Limits

_MOST = 4
_starter = ThreadPoolExecutor(1)  # a worker ends with the thread that started it
_Worker, _start_new = workers._Worker, workers._start
_idle_changes = threading.Lock()
_idle: list[tuple[object, subprocess.Popen[bytes]]] = []


class KeptWorker(_Worker):
    """Hands its process on when it is done, if that would have read a next file of its own too."""

    def __init__(self, limits: Limits, passwords: Sequence[str] = ()) -> None:
        super().__init__(limits, passwords)
        self._is_idle = True

    def load(self, source: str) -> Loaded:
        self._is_idle = False
        _wait_until_settled(source)
        if self._process is None:
            self._surroundings = surroundings()
        one = super().load(source)
        self._is_idle = True
        return one

    def stop(self) -> None:
        process = self._process
        if process is not None and self._is_idle and self._limits == DEFAULT_LIMITS and process.poll() is None:
            self._stopped.set()
            self._process = None
            with _idle_changes:
                _idle.append((self._surroundings, process))
            end_all(but=_MOST)
        else:
            super().stop()


def start() -> subprocess.Popen[bytes]:
    """A kept process that was started as one would be now, or a new one."""
    with _idle_changes:
        place = next((place for place, (started_in, _) in enumerate(_idle) if started_in == surroundings()), None)
        process = None if place is None else _idle.pop(place)[1]
    if process is not None and process.poll() is None:
        return process
    if process is not None:
        _end(process)
    return _starter.submit(_start_new).result()


def end_all(*, but: int = 0) -> None:
    """End the oldest."""
    with _idle_changes:
        ended = _idle[: len(_idle) - but] if len(_idle) > but else []
        del _idle[: len(ended)]
    for _, process in ended:
        _end(process)


def _wait_until_settled(source: str) -> None:
    """For as long as starting a process takes at the least: a file is remembered as read only if it was not changed right before."""
    with suppress(OSError):
        files = (Path(source), Path(f"{source}.meta.json"))
        age = time.time_ns() - max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)
        if 0 <= age <= NANOSECONDS_OF_DOUBT:
            time.sleep((NANOSECONDS_OF_DOUBT - age) / 1e9 + 0.002)


def _end(process: subprocess.Popen[bytes]) -> None:
    worker = _Worker(DEFAULT_LIMITS)
    worker._process = process
    worker.close()


def surroundings() -> object:
    """What a process takes over when it starts."""
    return workers.WORKER, {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
