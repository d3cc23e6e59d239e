"""Paths, the cache folder, locks, and files that are never half written."""

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
    """The path with `~` as the user's folder; a `~` that stands for nobody is a name like any other."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises RuntimeError)


def cache_folder() -> Path:
    """Where derived files live that can be made again: `RAG_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("RAG_CACHE"):
        return expanded(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("groundtext", appauthor=False)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is no such file or it holds no object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=1).encode())


@contextmanager
def replacing(path: Path, *, durable: bool = False, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` at the end; the old one stays if anything is raised.

    `durable` waits until the new one is on the disk. `mode` is its permissions, less the user's mask.
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
    """The lock of a file that one process at a time may write.

    >>> lock_beside(Path("answers.jsonl"))
    PosixPath('answers.jsonl.lock')
    """
    return path.with_name(f"{path.name}.lock")


class BusyError(Exception):
    """Another process holds a lock."""


@contextmanager
def locked(lock: Path, *, patience: float = 0.0, leave: bool = True) -> Iterator[None]:
    """Hold a lock that ends with its process; wait `patience` seconds for it, or without end where that is negative.

    The file of the lock is left there, since another process may wait for it, unless `leave` is False. Raises BusyError, and
    OSError where the file cannot be written.
    """
    from filelock import FileLock, Timeout

    held = FileLock(lock, timeout=patience, poll_interval=0.02)
    try:
        held.acquire()
    except Timeout as error:
        raise BusyError(str(lock)) from error
    try:
        yield
    finally:
        held.release()
        if not leave:
            lock.unlink(missing_ok=True)
