"""The worker process. It answers each request for a file with the document or the failure (see `rag.system.processes.serve`).

Parsers run here, so that a crash or a hang costs one file and not the run. Answers are plain JSON, so that a tricked parser
cannot run code in the main process. Requests contain passwords, so they come through stdin and not as arguments.
"""

from __future__ import annotations

import json
import re
import resource
import signal
from contextlib import contextmanager
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.documents import load_bytes
from rag.documents.common.sidecar import sidecar_of, with_sidecar
from rag.documents.loading.stamps import Stamp, sidecar_stamp, stamp_of
from rag.errors import DocumentError, MissingExtraError
from rag.reading import CHARACTERS_A_FILE
from rag.system.processes import serve
from rag.text.surrogates import utf8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.types import Document

READINGS = 5
"""Attempts to read a file that changes meanwhile. Then it fails in this run."""

BYTES_A_CHARACTER = 8
"""The bytes of an answer for each character that a text may have. Headings, places and metadata are included."""

SECONDS_OVER = 10.0
"""The main process ends a worker whose time is up. Without a main process, the worker ends itself this much later."""

NO_MEMORY = re.compile(
    r"fail(ed|ure) to allocate|cannot allocate|bad_alloc|out of memory|memory allocation failed", re.IGNORECASE
)
"""Messages of libraries that do not raise MemoryError."""

UNSETTLED = Stamp(-1, -1, "unsettled")
"""The stamp of a file that kept changing. No file has it, so the next run tries again."""


def load_file(source: str, *, passwords: Sequence[str] = (), characters: int = CHARACTERS_A_FILE) -> dict[str, Any]:
    """The answer for one file. Every answer has its "hash" and its "stamp", which is null if the file could not be read.

    It also has "gone" if the file no longer exists, or "error": {"source", "status", "message", "page"}, or "document".
    Beside a document, "error" is that of an unusable side-car. A text of more than `characters` characters is an error.
    """
    answer: dict[str, Any] = {"hash": "", "stamp": None}
    try:
        try:
            content, stamp = _read(source)
        except (FileNotFoundError, NotADirectoryError):
            return {**answer, "gone": True}
        answer |= {"hash": blake2b(content, digest_size=16).hexdigest(), "stamp": asdict(stamp.to_keep())}
        return {**answer, **_parsed(content, source, stamp, passwords, characters)}
    except Exception as error:  # noqa: BLE001 (any error of a parser fails this file only, and is reported with its cause)
        return {**answer, "error": _error(error, source)}


def _error(error: Exception, source: str) -> dict[str, Any]:
    """The "error" of an answer for an exception."""
    if _ran_out_of_memory(error):
        return _problem(source, "too-large", f"{source} needs more memory than the limit. Split it, or allow more.")
    if isinstance(error, DocumentError):
        return _problem(source, error.status, str(error), error.page)
    if isinstance(error, MissingExtraError):
        return _problem(source, "unsupported", f"{source}: {error}")
    if isinstance(error, RecursionError):
        return _problem(source, "corrupt", f"{source} is nested too deeply to be read ({error}).")
    if isinstance(error, OSError):
        return _problem(source, "unreadable", f"{source} cannot be read: {error.strerror or error}.")
    return _problem(source, "corrupt", f"{source} could not be parsed ({type(error).__name__}: {error}).")


def _ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, even if a loader reported it as a fault of the file."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, (MemoryError, SystemError)) or NO_MEMORY.search(str(error)):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _read(source: str) -> tuple[bytes, Stamp]:
    """The bytes of a file and their stamp. The stamp is UNSETTLED if the file changed during every attempt."""
    content = b""
    for _ in range(READINGS):
        before = stamp_of(source)
        content = Path(source).read_bytes()
        if stamp_of(source) == before:
            return content, before
    return content, UNSETTLED


def _parsed(content: bytes, source: str, stamp: Stamp, passwords: Sequence[str], characters: int) -> dict[str, Any]:
    """The rest of the answer for a file that was read."""
    if stamp == UNSETTLED:
        message = f"{source} kept changing while it was read. Index it again when no program writes to it."
        raise DocumentError(message, status="unreadable")
    document = load_bytes(content, source=source, passwords=passwords)
    if len(document.text) > characters:
        message = f"{source} has {len(document.text):,} characters, more than the limit of {characters:,}. Split it."
        raise DocumentError(message, status="too-large")
    document, problem, sidecar = _described(document, Path(source))
    answer: dict[str, Any] = {"document": asdict(document), "stamp": asdict(replace(stamp, sidecar=sidecar).to_keep())}
    if problem is not None and (beside := sidecar_of(Path(source))):
        answer["error"] = _problem(str(beside), problem.status, str(problem))
    return answer


def _described(document: Document, path: Path) -> tuple[Document, DocumentError | None, str]:
    """The document with the metadata of its side-car, the error of the side-car or None, and the side-car's stamp."""
    described, problem = document, None
    for _ in range(READINGS):
        before = sidecar_stamp(sidecar_of(path))
        described, problem = with_sidecar(document, path)
        if sidecar_stamp(sidecar_of(path)) == before:
            return described, problem, before
    return described, problem, UNSETTLED.sidecar


def _problem(source: str, status: str, message: str, page: int | None = None) -> dict[str, Any]:
    return {"source": source, "status": status, "message": message, "page": page}


def most_bytes(characters: int) -> int:
    """The longest answer in bytes, if a text may have this many characters."""
    return BYTES_A_CHARACTER * characters + 2**20


def answer_to(request: dict[str, Any]) -> bytes:
    """The line that answers a request. Its "source" is read with its "passwords" and within its limits."""
    with _within(request["memory"], request["seconds"]):
        return _answer_to(request)


def _answer_to(request: dict[str, Any]) -> bytes:
    source, characters = request["source"], request["characters"]
    answer = load_file(source, passwords=request["passwords"], characters=characters)
    try:
        line = _line(answer)
    except Exception as error:  # noqa: BLE001 (a parser can put anything into metadata)
        return _line({**answer, "document": None, "error": _error(error, source)})
    if len(line) <= most_bytes(characters):
        return line
    message = f"{source} has more headings, places and metadata than the limit. Split it."
    return _line({**answer, "document": None, "error": _problem(source, "too-large", message)})


def _line(answer: dict[str, Any]) -> bytes:
    record = {key: value for key, value in answer.items() if value is not None or key == "stamp"}
    return utf8(json.dumps(record, ensure_ascii=False)) + b"\n"


@contextmanager
def _within(memory: int, seconds: float) -> Iterator[None]:
    """Limit the memory (bytes) and the time of one file.

    RLIMIT_DATA counts memory that is written, whereas RLIMIT_AS also counts what libraries map or reserve. A child process,
    such as an OCR engine, may take as much again.
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    soft = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    signal.setitimer(signal.ITIMER_REAL, seconds + SECONDS_OVER)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Serve until stdin ends."""
    serve(answer_to, ends_with_thread=True)


if __name__ == "__main__":
    main()
