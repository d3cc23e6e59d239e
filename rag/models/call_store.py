"""Finished calls, kept in one SQLite file under a hash of what determined them."""

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
"""Written in the file's header, so that another program's database is told apart."""

SECONDS_TO_WAIT = 60.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key BLOB PRIMARY KEY, text TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, and the tokens that it took."""

    text: str
    usage: Usage


def call_key(model: str, messages: Sequence[Message], sampling: Sampling) -> bytes:
    """The hash of all that determines what a model writes; `model` tells which it is (see `rag.models.identity`)."""
    told = [model, [[message.role, message.content] for message in messages], asdict(sampling)]
    return sha256(json.dumps(told, sort_keys=True).encode()).digest()


def default_path() -> Path:
    """Where finished calls are kept if nobody says."""
    return cache_folder() / FILE


class CallStore:
    """Finished calls; any number of processes may use one file. `path` None is `calls.sqlite` in the cache folder.

    A call is on disk when `keep` returns, and outlives a kill. Raises UsageError for a file that is something else,
    CallStoreError for one that is damaged, or on a full disk.
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
        """Commit a finished call; one that is there under the same key gives way."""
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
                f"The disk is full on which finished calls are kept ({self.path}). Make room, or name a file elsewhere (--calls); "
                "the same command then goes on where it was."
            )
        return CallStoreError(
            f"The finished calls in {self.path} cannot be used ({error}). If the file is damaged, remove it: what it held is "
            "asked again. Or name another file (--calls)."
        )
