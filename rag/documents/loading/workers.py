"""Files are loaded by worker processes, several at once, and come back in the order given."""

from __future__ import annotations

import json
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rag.documents.loading.stamps import FileStamp
from rag.documents.loading.worker import most_bytes
from rag.errors import RagError
from rag.reading import CHARACTERS_A_FILE, DEFAULT_LIMITS, Limits
from rag.system.cpu import usable_cores
from rag.system.processes import SECONDS_TO_START, Pool, StartError, Worker, module_command
from rag.system.waiting import result_of
from rag.types import Document, Failure, Heading, Places

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from rag.system.processes import Reply

AHEAD_A_WORKER = 4
"""Files loaded before they are needed, for each worker: enough to keep it busy, few enough to bound memory."""

AHEAD_CHARACTERS = 2 * CHARACTERS_A_FILE
"""While so much text waits to be taken, no more files are loaded, but for the one that is to be taken next."""

RETIRED_FROM = 768 * 2**20
"""A worker that holds more bytes after a file makes way for a new one; few libraries give back what they once took."""

WORKER = module_command("rag.documents.loading.worker")
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
    pool = Pool(
        [Worker(WORKER, environment={**ONE_THREAD, **GIVE_BACK}, seconds_to_start=SECONDS_TO_START) for _ in range(jobs)]
    )
    reader, shelf = _Reader(pool, limits, passwords), _Shelf()

    def load(number: int, source: str) -> Loaded:
        shelf.wait_for_room(number)
        one = reader.load(source)
        shelf.put(one)
        return one

    ahead: deque[Future[Loaded]] = deque()
    threads = ThreadPoolExecutor(jobs)
    try:
        for number, source in enumerate(sources):
            ahead.append(threads.submit(load, number, source))
            if len(ahead) > jobs * AHEAD_A_WORKER:
                yield shelf.take(ahead.popleft())
        while ahead:
            yield shelf.take(ahead.popleft())
    finally:
        shelf.close()
        pool.stop()
        threads.shutdown(cancel_futures=True)
        pool.close()


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


class _Reader:
    """Has files read by the workers of a pool, each within the same limits."""

    def __init__(self, pool: Pool, limits: Limits, passwords: Sequence[str] = ()) -> None:
        self._pool, self._limits = pool, limits
        self._settings = {**asdict(limits), "passwords": list(passwords)}

    def load(self, source: str) -> Loaded:
        """Raises RagError where no worker can be started."""
        with self._pool.worker() as worker:
            try:
                reply = worker.ask(
                    {"source": source, **self._settings},
                    seconds=self._limits.seconds,
                    most_bytes=most_bytes(self._limits.characters),
                )
            except StartError as error:
                raise RagError(
                    f"Files cannot be read, because the process that reads them does not start: {error}. "
                    f"To see it fail, run: {' '.join(WORKER)}"
                ) from error
            if reply.line is None:
                return self._not_loaded(source, reply)
            result = _loaded(source, reply.line)
            if result is None or _refused_memory(result) or worker.memory > RETIRED_FROM:
                worker.end()
        return result or _failed(source, "corrupt", f"Reading {source} gave no usable answer; the file is probably damaged.")

    def _not_loaded(self, source: str, reply: Reply) -> Loaded:
        """The cause of death."""
        if reply.reason == "interrupted":
            return _failed(source, "unreadable", f"Loading {source} was interrupted.")
        if reply.reason == "timed-out":
            return _failed(
                source, "timeout", f"Reading {source} took longer than {self._limits.seconds:g} s. Split it, or allow more."
            )
        if reply.reason == "too-long":
            return _failed(source, "too-large", f"Reading {source} gave no end of text.")
        # memory that grows does so by doubling: old and new side by side
        if reply.reason == "killed" or reply.memory > self._limits.memory / 4:
            return _failed(source, "too-large", f"Reading {source} took more memory than a file may. Split it, or allow more.")
        return _failed(source, "corrupt", f"Reading {source} crashed the parser; the file is probably damaged.")


def _loaded(source: str, line: bytearray) -> Loaded | None:
    """The file in an answer. None for an answer of any other form: a worker whose parser was tricked may write anything."""
    try:
        return loaded(source, json.loads(line))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _refused_memory(result: Loaded) -> bool:
    """Whether a worker met with a refusal of memory, which few libraries are prepared for."""
    return result.failure is not None and result.failure.status == "too-large"


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
