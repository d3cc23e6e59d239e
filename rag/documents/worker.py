"""The worker process: reads one path a line on stdin, answers one JSON object a line on stdout, ends when stdin ends.

Parsers run here and not in the main process, so that one that crashes or hangs costs a file and not the run. Answers
are plain JSON, so that nothing that a parser was tricked into can run code in the main process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.documents import load_bytes
from rag.documents.sidecar import sidecar_of, with_sidecar
from rag.documents.stamps import Stamp, sidecar_stamp, stamp_of
from rag.errors import DocumentError

if TYPE_CHECKING:
    from rag.types import Document

READY = b"ready\n"
"""What a worker says before anything else, once it can load files."""

READINGS = 5
"""How often a file is read that changes meanwhile, before it is given up for this run."""

UNSETTLED = Stamp(-1, -1, "unsettled")
"""The stamp of what went on changing. No file looks like it, so the next run tries again."""


def load_file(source: str) -> dict[str, Any]:
    """What became of one file. All answers have its "hash" and its "stamp" as it was read (null where that is not known).

    Also "gone": there is no such file any more; or "error": {"source", "status", "message", "page"}; or "document", and
    with it the "error" of its side-car, if there is one that cannot be used.
    """
    answer: dict[str, Any] = {"hash": "", "stamp": None}
    try:
        try:
            content, stamp = _read(source)
        except (FileNotFoundError, NotADirectoryError):
            return {**answer, "gone": True}
        answer |= {"hash": blake2b(content, digest_size=16).hexdigest(), "stamp": asdict(stamp.to_keep())}
        return {**answer, **_parsed(content, source, stamp)}
    except DocumentError as error:
        problem = _problem(source, error.status, str(error), error.page)
    except MemoryError:
        problem = _problem(source, "too-large", f"{source} needs more memory than there is.")
    except RecursionError as error:
        problem = _problem(source, "corrupt", f"{source} is nested too deeply to be read ({error}).")
    except OSError as error:
        problem = _problem(source, "unreadable", f"{source} cannot be read: {error.strerror or error}.")
    except Exception as error:  # noqa: BLE001 (whatever a parser stumbles over costs this file and is reported with its cause)
        problem = _problem(source, "corrupt", f"{source} could not be parsed ({type(error).__name__}: {error}).")
    return {**answer, "error": problem}


def _read(source: str) -> tuple[bytes, Stamp]:
    """The bytes of a file and the stamp that belongs to them, which is UNSETTLED where it changes during every reading."""
    content = b""
    for _ in range(READINGS):
        before = stamp_of(source)
        content = Path(source).read_bytes()
        if stamp_of(source) == before:
            return content, before
    return content, UNSETTLED


def _parsed(content: bytes, source: str, stamp: Stamp) -> dict[str, Any]:
    """The rest of the answer about a file whose bytes are there."""
    if stamp == UNSETTLED:
        message = f"{source} went on changing while it was read. Index it again when nobody writes to it."
        raise DocumentError(message, status="unreadable")
    document, problem, sidecar = _described(load_bytes(content, source=source), Path(source))
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


def main() -> None:
    """Serve until stdin ends. Ctrl-C is for the main process, which closes stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what a library prints must not end up among the answers
    os.dup2(nowhere, 2)  # until here, the main process reads why a worker could not start
    answers.write(READY)
    answers.flush()
    for line in sys.stdin.buffer:
        answers.write(json.dumps(load_file(json.loads(line))).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
