"""Finished calls to models, in one SQLite file. The key is a hash of everything that determines a reply."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import CallStoreError, UsageError
from rag.system.files import cache_folder, expanded
from rag.text.surrogates import well_formed
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rag.sampling import Sampling
    from rag.types import Message

FILE = "calls.sqlite"
APPLICATION_ID = 0x67744361
"""Written into the file's header, to recognise databases of other programs."""

SECONDS_TO_WAIT = 60.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key BLOB PRIMARY KEY, text TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of a model, and its tokens."""

    text: str
    usage: Usage


def call_key(model: str, messages: Sequence[Message], sampling: Sampling) -> bytes:
    """The hash of everything that determines a reply. `model` is the model's identity (see `rag.models.identity`)."""
    parts = [model, [[message.role, message.content] for message in messages], asdict(sampling)]
    return sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def default_path() -> Path:
    """The default file of finished calls, in the cache folder."""
    return cache_folder() / FILE


class CallStore:
    """A file of finished calls. Any number of processes may use it. `path` None is `calls.sqlite` in the cache folder.

    A call is on disk when `keep` returns, and survives a kill. Raises UsageError for a file of another kind, CallStoreError
    for a damaged or locked file and for a full disk.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = expanded(path).absolute() if path else default_path()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"Finished calls cannot be kept in {self.path}: {error}. Name another file (--calls).") from error
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> CallStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def find(self, key: bytes) -> Reply | None:
        """A finished call, or None."""
        try:
            row = self._database.execute(
                "SELECT text, prompt_tokens, completion_tokens FROM calls WHERE key = ?", (key,)
            ).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return Reply(row[0], Usage(row[1], row[2])) if row else None

    def keep(self, key: bytes, reply: Reply) -> None:
        """Commit a finished call. It replaces a call with the same key."""
        values = (key, well_formed(reply.text), reply.usage.prompt_tokens, reply.usage.completion_tokens)
        try:
            self._database.execute("INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)", values)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _prepare(self) -> None:
        try:
            self._database.execute("PRAGMA trusted_schema = OFF")
            known = self._database.execute("PRAGMA application_id").fetchone()[0]
            tables = [name for (name,) in self._database.execute("SELECT name FROM sqlite_master ORDER BY name")]
            if known not in (0, APPLICATION_ID) or tables not in ([], ["calls"]):
                raise UsageError(f"{self.path} is another program's database. Name another file for finished calls (--calls).")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            if not tables:
                self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._database.execute(SCHEMA)
            self._database.execute("SELECT key, text, prompt_tokens, completion_tokens FROM calls LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> CallStoreError:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return CallStoreError(f"{self.path} is locked by another process. Wait for it, or name another file (--calls).")
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            return CallStoreError(
                f"The disk with the finished calls ({self.path}) is full. Make room, or name a file elsewhere (--calls); the same "
                "command then continues."
            )
        return CallStoreError(
            f"The finished calls in {self.path} cannot be used ({error}). If the file is damaged, remove it, and its calls are "
            "made again. Or name another file (--calls)."
        )
