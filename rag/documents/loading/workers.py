"""Load files in worker processes, several at once, and return them in order."""

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
"""Files that each worker loads ahead: enough to keep it busy, few enough to limit memory."""

AHEAD_CHARACTERS = 2 * CHARACTERS_A_FILE
"""While this many characters are loaded but not taken, only the next file is loaded."""

RETIRED_FROM = 768 * 2**20
"""A worker with more bytes of memory after a file is replaced, since few libraries return memory."""

WORKER = module_command("rag.documents.loading.worker")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1"}
"""All cores are busy with files, so a library must not use all of them for one file."""

GIVE_BACK = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "1048576", "MALLOC_MMAP_THRESHOLD_": "1048576"}
"""For glibc: return the memory of a large file to the system as soon as the file is read."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result for one file: a document, or a failure, or neither if the file no longer exists.

    Beside a document, `failure` is that of its side-car. `stamp` has the size, time and hash of the bytes that were read;
    None if nothing was read.
    """

    source: str
    document: Document | None = None
    failure: Failure | None = None
    stamp: FileStamp | None = None


def load_all(
    sources: Sequence[str], *, jobs: int | None = None, limits: Limits = DEFAULT_LIMITS, passwords: Sequence[str] = ()
) -> Generator[Loaded, None, None]:
    """Load every source, in order, in `jobs` processes (by default one a core).

    A file that exceeds one of the limits fails with `timeout` or `too-large`. A file that crashes its parser fails with
    `corrupt`. `passwords` are tried on encrypted files. Raises RagError if no worker process can be started.
    """
    jobs = max(1, min(jobs or usable_cores(), len(sources)))
    environment = {**ONE_THREAD, **GIVE_BACK}
    pool = Pool([Worker(WORKER, environment=environment, seconds_to_start=SECONDS_TO_START) for _ in range(jobs)])
    reader, shelf = _Reader(pool, limits, passwords), _Shelf()

    def load(number: int, source: str) -> Loaded:
        shelf.wait_for_room(number)
        file = reader.load(source)
        shelf.put(file)
        return file

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
    """Counts the characters that are loaded but not taken, so that huge files do not fill the memory together."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._characters = self._next = 0
        self._closed = False

    def wait_for_room(self, number: int) -> None:
        """Wait until there is room, or this file is the next to be taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or number == self._next or self._characters < AHEAD_CHARACTERS)

    def put(self, file: Loaded) -> None:
        with self._changed:
            self._characters += _size(file)

    def take(self, future: Future[Loaded]) -> Loaded:
        """Wait for the next file, and make room."""
        file = result_of(future)
        with self._changed:
            self._characters -= _size(file)
            self._next += 1
            self._changed.notify_all()
        return file

    def close(self) -> None:
        """Release all threads that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _size(file: Loaded) -> int:
    return len(file.document.text) if file.document else 0


class _Reader:
    """Reads files with the workers of a pool, all within the same limits."""

    def __init__(self, pool: Pool, limits: Limits, passwords: Sequence[str] = ()) -> None:
        self._pool, self._limits = pool, limits
        self._settings = {**asdict(limits), "passwords": list(passwords)}

    def load(self, source: str) -> Loaded:
        """The result for one file. Raises RagError if no worker can be started."""
        with self._pool.worker() as worker:
            try:
                reply = worker.ask(
                    {"source": source, **self._settings},
                    seconds=self._limits.seconds,
                    most_bytes=most_bytes(self._limits.characters),
                )
            except StartError as error:
                raise RagError(
                    f"Files cannot be read, because the worker process does not start: {error}. "
                    f"To see the error, run: {' '.join(WORKER)}"
                ) from error
            if reply.line is None:
                return self._not_loaded(source, reply)
            result = _loaded(source, reply.line)
            if result is None or _refused_memory(result) or worker.memory > RETIRED_FROM:
                worker.end()
        return result or _failed(source, "corrupt", f"Reading {source} gave an invalid answer; the file is probably damaged.")

    def _not_loaded(self, source: str, reply: Reply) -> Loaded:
        """The failure for a file whose worker gave no answer."""
        if reply.reason == "interrupted":
            return _failed(source, "unreadable", f"Loading {source} was interrupted.")
        if reply.reason == "timed-out":
            return _failed(
                source, "timeout", f"Reading {source} took longer than {self._limits.seconds:g} s. Split it, or allow more."
            )
        if reply.reason == "too-long":
            return _failed(source, "too-large", f"Reading {source} gave an answer that is too long. Split it.")
        # a buffer grows by doubling: for a moment, old and new need memory together
        if reply.reason == "killed" or reply.memory > self._limits.memory / 4:
            return _failed(source, "too-large", f"Reading {source} took more memory than the limit. Split it, or allow more.")
        return _failed(source, "corrupt", f"Reading {source} crashed the parser; the file is probably damaged.")


def _loaded(source: str, line: bytearray) -> Loaded | None:
    """The file in an answer; None for an invalid answer, which a worker with a tricked parser may write."""
    try:
        return loaded(source, json.loads(line))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _refused_memory(result: Loaded) -> bool:
    """Whether a worker ran out of memory, which leaves many libraries in a bad state."""
    return result.failure is not None and result.failure.status == "too-large"


def loaded(source: str, answer: dict[str, Any]) -> Loaded:
    """The file in a worker's answer; see `rag.documents.loading.worker.load_file`. An invalid answer raises some exception."""
    if answer.keys().isdisjoint({"document", "error", "gone"}):
        raise ValueError("an answer without document, error or gone")
    stamp = FileStamp(**answer["stamp"], content_hash=answer["hash"]) if answer["stamp"] else None
    failure = Failure(**answer["error"]) if "error" in answer else None
    return Loaded(source, _document(answer["document"]) if "document" in answer else None, failure, stamp)


def _document(fields: dict[str, Any]) -> Document:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    values["headings"] = tuple(Heading(**heading) for heading in values["headings"])
    if places := values["places"]:
        values["places"] = Places(places["unit"], tuple(places["starts"]), tuple(places["labels"]))
    return Document(**values)


def _failed(source: str, status: str, message: str) -> Loaded:
    return Loaded(source, failure=Failure(source, status, message))
