"""The worker process: it answers each request for a file with what became of it (see `rag.system.processes.serve`).

Parsers run here and not in the main process, so that one that crashes or hangs costs a file and not the run. Answers
are plain JSON, so that nothing that a parser was tricked into can run code in the main process. Requests come by stdin and
not as arguments, because they hold passwords.
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.types import Document

READINGS = 5
"""How often a file is read that changes meanwhile, before it is given up for this run."""

BYTES_A_CHARACTER = 8
"""An answer takes at most so many bytes for each character that a text may have, whatever else it says of the document."""

SECONDS_OVER = 10.0
"""The main process ends a worker whose time is up; so much later a worker ends itself, should there be no main process."""

NO_MEMORY = re.compile(
    r"fail(ed|ure) to allocate|cannot allocate|bad_alloc|out of memory|memory allocation failed", re.IGNORECASE
)
"""What libraries say that do not raise MemoryError."""

UNSETTLED = Stamp(-1, -1, "unsettled")
"""The stamp of what went on changing. No file looks like it, so the next run tries again."""


def load_file(source: str, *, passwords: Sequence[str] = (), characters: int = CHARACTERS_A_FILE) -> dict[str, Any]:
    """What became of one file. All answers have its "hash" and its "stamp" as it was read (null where that is not known).

    Also "gone": there is no such file any more; or "error": {"source", "status", "message", "page"}; or "document", and
    with it the "error" of its side-car, if there is one that cannot be used. A text of more than so many `characters` is an
    error.
    """
    answer: dict[str, Any] = {"hash": "", "stamp": None}
    try:
        try:
            content, stamp = _read(source)
        except (FileNotFoundError, NotADirectoryError):
            return {**answer, "gone": True}
        answer |= {"hash": blake2b(content, digest_size=16).hexdigest(), "stamp": asdict(stamp.to_keep())}
        return {**answer, **_parsed(content, source, stamp, passwords, characters)}
    except Exception as error:  # noqa: BLE001 (whatever a parser stumbles over costs this file and is reported with its cause)
        return {**answer, "error": _told(error, source)}


def _told(error: Exception, source: str) -> dict[str, Any]:
    """What an error says about the file."""
    if _ran_out_of_memory(error):
        return _problem(source, "too-large", f"{source} needs more memory than a file may take. Split it, or allow more.")
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
    """Whether this is what happened, also where a loader took it for a flaw of the file."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, (MemoryError, SystemError)) or NO_MEMORY.search(str(error)):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _read(source: str) -> tuple[bytes, Stamp]:
    """The bytes of a file and the stamp that belongs to them, which is UNSETTLED where it changes during every reading."""
    content = b""
    for _ in range(READINGS):
        before = stamp_of(source)
        content = Path(source).read_bytes()
        if stamp_of(source) == before:
            return content, before
    return content, UNSETTLED


def _parsed(content: bytes, source: str, stamp: Stamp, passwords: Sequence[str], characters: int) -> dict[str, Any]:
    """The rest of the answer about a file whose bytes are there."""
    if stamp == UNSETTLED:
        message = f"{source} went on changing while it was read. Index it again when nobody writes to it."
        raise DocumentError(message, status="unreadable")
    document = load_bytes(content, source=source, passwords=passwords)
    if len(document.text) > characters:
        message = f"{source} holds {len(document.text):,} characters, and a file may hold {characters:,}. Split it."
        raise DocumentError(message, status="too-large")
    document, problem, sidecar = _described(document, Path(source))
    answer: dict[str, Any] = {"document": asdict(document), "stamp": asdict(replace(stamp, sidecar=sidecar).to_keep())}
    if problem is not None and (beside := sidecar_of(Path(source))):
        answer["error"] = _problem(str(beside), problem.status, str(problem))
    return answer


def _described(document: Document, path: Path) -> tuple[Document, DocumentError | None, str]:
    """The document with what its side-car says, what is wrong with the side-car, and the side-car's stamp."""
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
    """How long an answer may be, in bytes, where a text may have so many characters."""
    return BYTES_A_CHARACTER * characters + 2**20


def answer_to(request: dict[str, Any]) -> bytes:
    """The line that answers a request: its "source" is read with its "passwords", and within its other limits."""
    with _within(request["memory"], request["seconds"]):
        return _answer_to(request)


def _answer_to(request: dict[str, Any]) -> bytes:
    source, characters = request["source"], request["characters"]
    answer = load_file(source, passwords=request["passwords"], characters=characters)
    try:
        line = _line(answer)
    except Exception as error:  # noqa: BLE001 (metadata can be anything that a parser makes of a file)
        return _line({**answer, "document": None, "error": _told(error, source)})
    if len(line) <= most_bytes(characters):
        return line
    message = f"{source} says more about its headings, places and metadata than a file may. Split it."
    return _line({**answer, "document": None, "error": _problem(source, "too-large", message)})


def _line(answer: dict[str, Any]) -> bytes:
    told = {key: value for key, value in answer.items() if value is not None or key == "stamp"}
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


@contextmanager
def _within(memory: int, seconds: float) -> Iterator[None]:
    """Bound what a file may take.

    RLIMIT_DATA counts what is written to, and not, as RLIMIT_AS does, what libraries map or reserve. A child, such as an
    engine that reads scans, may take as much again.
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))
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
