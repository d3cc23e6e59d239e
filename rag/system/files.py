"""Paths, the cache folder, locks, and atomic writing of files."""

from __future__ import annotations

import json
import os
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_BINARY = getattr(os, "O_BINARY", 0)


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced by the user's folder. The `~` of an unknown user is not changed."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises RuntimeError)


def cache_folder() -> Path:
    """The folder for derived files, which can be rebuilt: `RAG_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("RAG_CACHE"):
        return expanded(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("groundtext", appauthor=False)


def read_json(path: Path) -> dict[str, Any]:
    """Read the JSON object in a file; empty if there is no such file or no object in it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object as JSON. A reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=1).encode())


@contextmanager
def replacing(path: Path, *, durable: bool = False, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Open a file for writing that replaces `path` at the end of the block. After an error, the old file is kept.

    `durable` waits until the new file is on the disk. `mode` is its permissions, before the user's mask.
    """
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode), "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def lock_beside(path: Path) -> Path:
    """The path of a file's lock, for files that one process at a time may write.

    >>> lock_beside(Path("answers.jsonl"))
    PosixPath('answers.jsonl.lock')
    """
    return path.with_name(f"{path.name}.lock")


class BusyError(Exception):
    """Another process holds a lock."""


@contextmanager
def locked(lock: Path, *, patience: float = 0.0, leave: bool = True) -> Iterator[None]:
    """Hold a lock, which the system releases when the process ends. Waits `patience` seconds for it, forever if negative.

    The lock file is kept, since another process may wait for it, unless `leave` is False. Raises BusyError, and OSError if
    the file cannot be written.
    """
    from filelock import FileLock, Timeout

    file_lock = FileLock(lock, timeout=patience, poll_interval=0.02)
    try:
        file_lock.acquire()
    except Timeout as error:
        raise BusyError(str(lock)) from error
    try:
        yield
    finally:
        file_lock.release()
        if not leave:
            lock.unlink(missing_ok=True)
