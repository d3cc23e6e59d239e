"""Files are loaded by worker processes, several at once, and come back in the order given."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.documents.loading.stamps import FileStamp
from rag.documents.loading.worker import READY, most_bytes
from rag.errors import RagError
from rag.reading import CHARACTERS_A_FILE, DEFAULT_LIMITS, Limits
from rag.system.cpu import usable_cores
from rag.system.waiting import result_of
from rag.types import Document, Failure, Heading, Places

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

AHEAD_A_WORKER = 4
"""Files loaded before they are needed, for each worker: enough to keep it busy, few enough to bound memory."""

AHEAD_CHARACTERS = 2 * CHARACTERS_A_FILE
"""While so much text waits to be taken, no more files are loaded, but for the one that is to be taken next."""

RETIRED_FROM = 768 * 2**20
"""A worker that holds more bytes after a file makes way for a new one; few libraries give back what they once took."""

SECONDS_TO_START = 60.0
SECONDS_BETWEEN_LOOKS = 0.1
WORKER = [sys.executable, "-P", "-m", "rag.documents.loading.worker"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1"}
"""All cores are busy with files; a library that wants them all for one file only gets in the way."""

GIVE_BACK = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "1048576", "MALLOC_MMAP_THRESHOLD_": "1048576"}
"""For glibc: what a large file took goes back to the system when it has been read."""


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
    sources: Sequence[str], *, jobs: int | None = None, limits: Limits = DEFAULT_LIMITS, passwords: Sequence[str] = ()
) -> Generator[Loaded, None, None]:
    """Every source, in the order given, by as many processes as there are cores or as `jobs` says.

    A file that goes over one of the limits fails with `timeout` or `too-large`, one that crashes its parser with `corrupt`.
    `passwords` are tried on files that ask for one. Raises RagError where no worker process can be started.
    """
    jobs = max(1, min(jobs or usable_cores(), len(sources)))
    workers = [_Worker(limits, passwords) for _ in range(jobs)]
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    for worker in workers:
        idle.put(worker)
    shelf = _Shelf()

    def load(number: int, source: str) -> Loaded:
        shelf.wait_for_room(number)
        worker = idle.get()
        try:
            one = worker.load(source)
        finally:
            idle.put(worker)
        shelf.put(one)
        return one

    ahead: deque[Future[Loaded]] = deque()
    pool = ThreadPoolExecutor(jobs)
    try:
        for number, source in enumerate(sources):
            ahead.append(pool.submit(load, number, source))
            if len(ahead) > jobs * AHEAD_A_WORKER:
                yield shelf.take(ahead.popleft())
        while ahead:
            yield shelf.take(ahead.popleft())
    finally:
        shelf.close()
        for worker in workers:
            worker.stop()
        pool.shutdown(cancel_futures=True)
        for worker in workers:
            worker.close()


class _Shelf:
    """Keeps count of the text that is loaded and not yet taken, so that a few huge files side by side do not add up."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._characters = self._next = 0
        self._closed = False

    def wait_for_room(self, number: int) -> None:
        """Wait until there is room, or this is the file to be taken next."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or number == self._next or self._characters < AHEAD_CHARACTERS)

    def put(self, one: Loaded) -> None:
        with self._changed:
            self._characters += _size(one)

    def take(self, future: Future[Loaded]) -> Loaded:
        """Wait for the next file, and make room."""
        one = result_of(future)
        with self._changed:
            self._characters -= _size(one)
            self._next += 1
            self._changed.notify_all()
        return one

    def close(self) -> None:
        """Let go who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _size(one: Loaded) -> int:
    return len(one.document.text) if one.document else 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A worker's answer, or None where it gave none that can be used; and the most memory that it was seen to hold."""

    answer: bytearray | None
    timed_out: bool = False
    too_long: bool = False
    memory: int = 0


class _Worker:
    """One process, started at its first file and again after it died or has grown."""

    def __init__(self, limits: Limits, passwords: Sequence[str] = ()) -> None:
        self._limits = limits
        self._settings = {**asdict(limits), "passwords": list(passwords)}
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def load(self, source: str) -> Loaded:
        if self._process is not None and self._process.poll() is not None:  # ended from outside, between two files
            self.close()
        if self._process is None and not self._stopped.is_set():
            self._process = _start()
        process = self._process
        if self._stopped.is_set() or process is None:  # while it was being started, or before
            return _failed(source, "unreadable", f"Loading {source} was interrupted.")
        outcome = _ask(process, {"source": source, **self._settings}, self._limits)
        one = self._loaded(source, outcome, process) if outcome.answer else self._not_loaded(source, outcome, process)
        if outcome.answer is None or _is_worn_out(process, one):
            self.close()
        return one

    def stop(self) -> None:
        """End the process; the file in its hands fails."""
        self._stopped.set()
        if self._process is not None:
            _kill(self._process)

    def close(self) -> None:
        """The process is gone afterwards; the next file starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what was not yet written to it is of no use any more
                    pipe.close()

    def _loaded(self, source: str, outcome: _Outcome, process: subprocess.Popen[bytes]) -> Loaded:
        """What the answer says. A worker whose parser was tricked may say anything, and is not used again."""
        assert outcome.answer is not None
        try:
            return loaded(source, json.loads(outcome.answer))
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            _kill(process)
            return _failed(source, "corrupt", f"Reading {source} gave no usable answer; the file is probably damaged.")

    def _not_loaded(self, source: str, outcome: _Outcome, process: subprocess.Popen[bytes]) -> Loaded:
        """The cause of death."""
        if outcome.timed_out:
            return _failed(
                source, "timeout", f"Reading {source} took longer than {self._limits.seconds:g} s. Split it, or allow more."
            )
        if outcome.too_long:
            return _failed(source, "too-large", f"Reading {source} gave no end of text.")
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        killed = process.returncode == -signal.SIGKILL  # which nobody does but the system, where memory runs out
        if (
            killed or outcome.memory > self._limits.memory / 4
        ):  # memory that grows does so by doubling: old and new side by side
            return _failed(source, "too-large", f"Reading {source} took more memory than a file may. Split it, or allow more.")
        return _failed(source, "corrupt", f"Reading {source} crashed the parser; the file is probably damaged.")


def _start() -> subprocess.Popen[bytes]:
    """A worker that has said that it is ready. Raises RagError, which names the cause, where it does not."""
    paths = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    try:
        process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, **GIVE_BACK, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,  # so that it ends with all its children, and Ctrl-C reaches neither
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


def _ask(process: subprocess.Popen[bytes], request: dict[str, Any], limits: Limits) -> _Outcome:
    """Wait for the answer, as long as it may take and not longer than it may be."""
    assert process.stdin is not None
    assert process.stdout is not None
    until = time.monotonic() + limits.seconds
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return _Outcome(None)
    answer, memory = bytearray(), 0
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if not poll.poll(1000 * min(left, SECONDS_BETWEEN_LOOKS)):
            memory = max(memory, _held(process, DATA))
            continue
        block = os.read(process.stdout.fileno(), 2**20)
        answer += block
        if not block:
            return _Outcome(None, memory=memory)
        if block.endswith(b"\n"):
            return _Outcome(answer)
        if len(answer) > most_bytes(limits.characters):
            return _Outcome(None, too_long=True)
    return _Outcome(None, timed_out=True)


RESIDENT, DATA = 1, 5
"""Columns of Linux's /proc/PID/statm."""


def _held(process: subprocess.Popen[bytes], column: int) -> int:
    """Bytes that a process holds; 0 where there is no way to know."""
    try:
        return int(Path(f"/proc/{process.pid}/statm").read_text("ascii").split()[column]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _is_worn_out(process: subprocess.Popen[bytes], one: Loaded) -> bool:
    """Whether a worker has grown, or met with a refusal of memory, which few libraries are prepared for."""
    refused = one.failure is not None and one.failure.status == "too-large"
    return refused or _held(process, RESIDENT) > RETIRED_FROM


def loaded(source: str, answer: dict[str, Any]) -> Loaded:
    """What a worker's answer says; see `rag.documents.loading.worker.load_file`. Raises an error of some kind for any other answer."""
    if answer.keys().isdisjoint({"document", "error", "gone"}):
        raise ValueError("an answer that tells nothing")
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


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a worker and the children that it may have."""
    if process.returncode is None:  # its number still is its own
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
