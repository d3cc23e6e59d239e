"""The one place of a writer: a lock that ends with its process, and a note of who holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rag.errors import IndexLockedError, IndexStoreError
from rag.index.stamped import take_away
from rag.system.files import BusyError, locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def writers_place(folder: Path, *, patience: float) -> Iterator[None]:
    """Hold the lock of an index folder, waiting `patience` seconds for it. Raises IndexLockedError, which names who holds it."""
    holder = folder / "writer.json"
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / "write.lock", patience=patience))
        except BusyError as error:
            raise IndexLockedError(
                f"The index {folder} is being written by {_describe(holder)}. Try again when it is done, or wait for it with --wait."
            ) from error
        except OSError as error:
            raise IndexStoreError(f"The index {folder} cannot be written: {error.strerror or error}.") from error
        try:
            _note(holder)
            yield
        finally:
            with suppress(OSError):
                holder.unlink(missing_ok=True)


def _note(holder: Path) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": " ".join(sys.argv)[:200]}
    try:
        take_away(holder)  # a link there must not be followed
        with holder.open("x", encoding="utf-8") as file:
            json.dump(who, file)
    except OSError as error:
        raise IndexStoreError(f"The index {holder.parent} cannot be written: {error.strerror or error}.") from error


def _describe(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']} ({who['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
