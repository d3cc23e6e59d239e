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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rag
from rag.documents.worker import READY
from rag.errors import RagError
from rag.indexes.rows import FileStamp
from rag.types import Document, Failure, Heading, Places

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

AHEAD_A_WORKER = 4
"""Files loaded before they are needed, for each worker: enough to keep it busy, few enough to bound memory."""

SECONDS_A_FILE = 300.0
SECONDS_TO_START = 60.0
WORKER = [sys.executable, "-P", "-m", "rag.documents.worker"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file: a document, or a failure, or neither where the file is gone.

    With a document, the failure is that of its side-car. `stamp` is what the file looked like as it was read, with the
    hash of its bytes; None where nothing was read.
    """

    source: str
    document: Document | None = None
    failure: Failure | None = None
    stamp: FileStamp | None = None


def load_all(
    sources: Sequence[str], *, jobs: int | None = None, seconds_a_file: float = SECONDS_A_FILE
) -> Generator[Loaded, None, None]:
    """Every source, in the order given. Raises RagError where no worker process can be started."""
    jobs = max(1, min(jobs or os.cpu_count() or 1, len(sources)))
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    workers = [_Worker(seconds_a_file) for _ in range(jobs)]
    for worker in workers:
        idle.put(worker)

    def load(source: str) -> Loaded:
        worker = idle.get()
        try:
            return worker.load(source)
        finally:
            idle.put(worker)

    with ThreadPoolExecutor(jobs) as pool:
        ahead: deque[Future[Loaded]] = deque()
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

    def load(self, source: str) -> Loaded:
        if self._stopped.is_set():
            return _failed(source, "unreadable", f"Loading {source} was interrupted.")
        if self._process is not None and self._process.poll() is not None:  # ended from outside, between two files
            self._end()
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
            return loaded(source, answer)
        self._end()
        if timed_out.is_set():
            return _failed(source, "timeout", f"Reading {source} took longer than {self._seconds:g} s.")
        return _failed(source, "corrupt", f"Reading {source} crashed the parser; the file is probably damaged.")

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
    """A worker that has said that it is ready. Raises RagError, which names the cause, where it does not."""
    paths = [str(Path(rag.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    try:
        process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
    except OSError as error:
        raise _cannot_start(str(error)) from error
    assert process.stdout is not None
    assert process.stderr is not None
    timer = threading.Timer(SECONDS_TO_START, process.kill)
    timer.start()
    try:
        ready = process.stdout.readline() == READY
    finally:
        timer.cancel()
    with process.stderr as errors:
        if ready:
            return process
        process.kill()
        said = errors.read().decode(errors="replace").split("\n")
    with process:  # closes its other pipes
        code = process.wait()
    raise _cannot_start(next((line.strip() for line in reversed(said) if line.strip()), f"exit code {code}"))


def _cannot_start(cause: str) -> RagError:
    return RagError(
        f"Files cannot be read, because the process that reads them does not start: {cause}. "
        f"To see it fail, run: {' '.join(WORKER)}"
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


def loaded(source: str, answer: dict[str, Any]) -> Loaded:
    """What a worker's answer says; see `rag.documents.worker.load_file`."""
    stamp = FileStamp(**answer["stamp"], content_hash=answer["hash"]) if answer["stamp"] else None
    failure = Failure(**answer["error"]) if "error" in answer else None
    return Loaded(source, _document(answer["document"]) if "document" in answer else None, failure, stamp)


def _document(fields: dict[str, Any]) -> Document:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    values["headings"] = tuple(Heading(**heading) for heading in values["headings"])
    if told := values["places"]:
        values["places"] = Places(told["unit"], tuple(told["starts"]), tuple(told["labels"]))
    return Document(**values)


def _failed(source: str, status: str, message: str) -> Loaded:
    return Loaded(source, failure=Failure(source, status, message))


def _kill(process: subprocess.Popen[bytes], timed_out: threading.Event) -> None:
    timed_out.set()
    process.kill()
