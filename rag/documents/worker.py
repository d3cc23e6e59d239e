"""The worker process: reads one path a line on stdin, answers one JSON object a line on stdout, ends when stdin ends.

Parsers run here and not in the main process, so that one that crashes or hangs costs a file and not the run. Answers
are plain JSON, so that nothing that a parser was tricked into can run code in the main process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rag.documents import load_bytes
from rag.errors import DocumentError


def load_file(source: str) -> dict[str, Any]:
    """{"hash", "document"} or {"hash", "error": {"status", "message", "page"}} for one file."""
    digest = ""
    try:
        content = Path(source).read_bytes()
        digest = blake2b(content, digest_size=16).hexdigest()
        return {"hash": digest, "document": asdict(load_bytes(content, source=source))}
    except DocumentError as error:
        problem: dict[str, Any] = {"status": error.status, "message": str(error), "page": error.page}
    except MemoryError:
        problem = {"status": "too-large", "message": f"{source} needs more memory than there is.", "page": None}
    except RecursionError as error:
        problem = {"status": "corrupt", "message": f"{source} is nested too deeply to be read ({error}).", "page": None}
    except OSError as error:
        problem = {"status": "unreadable", "message": f"{source} cannot be read: {error.strerror or error}.", "page": None}
    except Exception as error:  # noqa: BLE001 (whatever a parser stumbles over costs this file and is reported with its cause)
        problem = {
            "status": "corrupt",
            "message": f"{source} could not be parsed ({type(error).__name__}: {error}).",
            "page": None,
        }
    return {"hash": digest, "error": problem}


def main() -> None:
    """Serve until stdin ends. Ctrl-C is for the main process, which closes stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints must not end up among the answers
    for line in sys.stdin.buffer:
        answers.write(json.dumps(load_file(json.loads(line))).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
