"""Files are loaded by worker processes, several at once, and come back in the order given."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rag
from rag.errors import DocumentError
from rag.types import Document, Heading

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    Outcome = tuple[str, Document | DocumentError, str]

AHEAD_A_WORKER = 4
"""Files loaded before they are needed, for each worker: enough to keep it busy, few enough to bound memory."""

SECONDS_A_FILE = 300.0


def load_all(
    sources: Sequence[str], *, jobs: int | None = None, seconds_a_file: float = SECONDS_A_FILE
) -> Generator[Outcome, None, None]:
    """(source, document or error, hash of the bytes read) for every source, in the order given."""
    jobs = max(1, min(jobs or os.cpu_count() or 1, len(sources)))
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    workers = [_Worker(seconds_a_file) for _ in range(jobs)]
    for worker in workers:
        idle.put(worker)

    def load(source: str) -> Outcome:
        worker = idle.get()
        try:
            return worker.load(source)
        finally:
            idle.put(worker)

    with ThreadPoolExecutor(jobs) as pool:
        ahead: deque[Future[Outcome]] = deque()
        try:
            for source in sources:
                ahead.append(pool.submit(load, source))
                if len(ahead) > jobs * AHEAD_A_WORKER:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
            for worker in workers:
                worker.stop()


class _Worker:
    """One process, started at its first file and again after it died."""

    def __init__(self, seconds_a_file: float) -> None:
        self._seconds = seconds_a_file
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def load(self, source: str) -> Outcome:
        if self._stopped.is_set():
            return source, DocumentError(f"Loading {source} was interrupted.", status="unreadable"), ""
        if self._process is None:
            self._process = _start()
        process = self._process
        if self._stopped.is_set():  # while it was being started
            self._end()
        timed_out = threading.Event()
        timer = threading.Timer(self._seconds, _kill, (process, timed_out))
        timer.start()
        try:
            answer = _ask(process, source)
        finally:
            timer.cancel()
        if answer is not None:
            return source, _document(answer), answer["hash"]
        self._end()
        if timed_out.is_set():
            return source, DocumentError(f"Reading {source} took longer than {self._seconds:g} s.", status="timeout"), ""
        return (
            source,
            DocumentError(f"Reading {source} crashed the parser; the file is probably damaged.", status="corrupt"),
            "",
        )

    def stop(self) -> None:
        self._stopped.set()
        self._end()

    def _end(self) -> None:
        """The process is gone afterwards; the next file starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what was not yet written to it is of no use any more
                    pipe.close()


def _start() -> subprocess.Popen[bytes]:
    paths = [str(Path(rag.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "rag.documents.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


def _ask(process: subprocess.Popen[bytes], source: str) -> dict[str, Any] | None:
    """The worker's answer, or None where it died over it."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(source).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except (BrokenPipeError, ValueError):
        return None
    return dict(json.loads(line)) if line.endswith(b"\n") else None


def _document(answer: dict[str, Any]) -> Document | DocumentError:
    if "error" in answer:
        problem = answer["error"]
        return DocumentError(problem["message"], status=problem["status"], page=problem["page"])
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in answer["document"].items()
    }
    values["headings"] = tuple(Heading(**heading) for heading in values["headings"])
    return Document(**values)


def _kill(process: subprocess.Popen[bytes], timed_out: threading.Event) -> None:
    timed_out.set()
    process.kill()
