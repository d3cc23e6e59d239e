"""Sessions: the turns of a conversation as JSON lines, in the `chats` folder of an index or in a file.

A turn is one line, appended under a lock, so that two processes can share a session. A line that a crash cut short or left empty
is ignored. Lines are never rewritten: clearing a session appends a mark.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import warnings
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import IndexStoreError, UsageError
from rag.system.files import BusyError, lock_beside, locked
from rag.system.jsonl import NUL, ForeignLineError, append_durably, is_torn, line_of
from rag.types import Citation

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "chats"
SUFFIX = ".jsonl"
NAME = re.compile(r"\w[\w .+@-]{0,79}(?<![ .])")
MOST_BYTES = 64_000_000
SECONDS_FOR_A_LINE = 10.0
BEGINNINGS = (b'{"turn": {"asked": "', b'{"summary": "', b'{"cleared": "')
"""The first bytes of every line. A torn line starts with one of them, or is a prefix of one."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer. `asked` is the person's text, `question` the completed question of the search.

    `answer` has no citation markers. `at` is a time in ISO 8601, UTC.
    """

    asked: str
    question: str
    answer: str
    answerable: bool = False
    citations: tuple[Citation, ...] = ()
    model: str = ""
    at: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The turn as docs/reference/json.md describes it."""
        return {**asdict(self), "citations": [citation.to_dict() for citation in self.citations]}


@dataclass(frozen=True, slots=True)
class Told:
    """The turns since the last `clear()`. `summary` covers the first `summarised` of them."""

    turns: tuple[Turn, ...] = ()
    summary: str = ""
    summarised: int = 0


class Session:
    """A conversation in memory, or with a `path` in a file that several processes may share."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._told = Told()
        self._read_bytes = -1
        self._has_told_of_a_loss = False
        if path is not None:
            self.told()

    def told(self) -> Told:
        """The conversation so far, with the turns of all processes. Raises IndexStoreError if the file is not a session."""
        if self.path is not None:
            content, empty = _content(self.path)
            if empty and not self._has_told_of_a_loss:
                self._has_told_of_a_loss = True
                warnings.warn(_loss(self.path, empty), stacklevel=2)
            if len(content) != self._read_bytes:
                self._told, self._read_bytes = _told(content, self.path), len(content)
        return self._told

    def check(self) -> None:
        """Raise IndexStoreError if turns cannot be written. Writes nothing."""
        if self.path is not None:
            with _locked(self.path):
                if self.path.exists() and not os.access(self.path, os.W_OK):
                    raise _cannot_be_kept(self.path, os.strerror(errno.EACCES))

    def detach(self) -> None:
        """Continue in memory with the turns so far. The file stays as it is."""
        with suppress(IndexStoreError):
            self.told()
        self.path = None

    def add(self, turn: Turn) -> None:
        """Append a turn, with the current time unless it has one."""
        self._keep({"turn": replace(turn, at=turn.at or _now()).to_dict()})

    def summarise(self, summary: str, turns: int) -> None:
        """Append a summary of the first `turns` turns, which replaces them in prompts."""
        self._keep({"summary": summary, "turns": turns})

    def clear(self) -> None:
        """Start over. The file keeps the earlier turns."""
        self._keep({"cleared": _now()})

    def _keep(self, record: dict[str, Any]) -> None:
        if self.path is None:
            self._told = _with_record(self._told, record)
            return
        with _locked(self.path):
            _append(self.path, line_of(record))


def session_at(session: str | Path | None, *, index: Path) -> Session:
    """The session of a name (in an index folder), or of a path. A string with a folder or the suffix ".jsonl" is a path.

    None is a session in memory. So is a named session in a folder that cannot be written, with a warning. Raises UsageError for
    a name that some file systems refuse, IndexStoreError for a path that cannot be written.
    """
    if session is None:
        return Session()
    if _is_path(session):
        path = Path(session).expanduser().absolute()
        if not path.parent.is_dir():
            raise UsageError(f"There is no folder {path.parent} for the session {path.name}.")
        saved = Session(path)
        saved.check()
        return saved
    if not NAME.fullmatch(str(session)):
        raise UsageError(
            f"'{session}' cannot be the name of a session. Use letters, digits, spaces and . _ + @ -, 80 characters at most."
        )
    if not index.is_dir():
        raise UsageError(f"{index} is not a folder and cannot store sessions. Use a file: --session PATH{SUFFIX}")
    folder = index.absolute() / FOLDER
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise IndexStoreError(f"{folder} is not a folder of sessions. Use a file: --session PATH{SUFFIX}")
    named = Session(folder / f"{session}{SUFFIX}")
    try:
        named.check()
    except IndexStoreError as error:
        warnings.warn(f"{error} Without it, the conversation is remembered until the end only.", stacklevel=2)
        named.detach()
    return named


def _is_path(session: str | Path) -> bool:
    return isinstance(session, Path) or session.endswith(SUFFIX) or Path(session).name != session


def sessions_of(index: Path) -> list[str]:
    """The names of the sessions in an index folder, sorted. A folder behind a link is ignored."""
    folder = index / FOLDER
    if folder.is_symlink():
        return []
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))


def _content(path: Path) -> tuple[bytes, int]:
    """The complete lines of a session's file, and the number of NUL bytes at its end; (b"", 0) if there is no file yet."""
    try:
        there = path.lstat()
        if not stat.S_ISREG(there.st_mode) or there.st_size > MOST_BYTES:
            raise IndexStoreError(
                f"{path} is not a session: it is not a regular file, or larger than {MOST_BYTES // 10**6} MB. Choose another name."
            )
        content = path.read_bytes()
    except FileNotFoundError:
        return b"", 0
    except OSError as error:
        raise IndexStoreError(f"The session {path} cannot be read: {error.strerror or error}.") from error
    end = content.rfind(b"\n") + 1
    _check_torn(content[end:], path, f"line {content[:end].count(10) + 1}")
    return content[:end], len(content) - len(content.rstrip(NUL))


def _loss(path: Path, empty: int) -> str:
    return (
        f"The end of the session {path} was lost when the machine went down: its last {empty:,} bytes are empty. "
        "Earlier turns are intact."
    )


def _check_torn(line: bytes, path: Path, place: str) -> None:
    """Raise IndexStoreError for an unfinished last line that is not part of a session's line."""
    if not is_torn(line, BEGINNINGS):
        raise _no_turn(path, place)


def _told(content: bytes, path: Path) -> Told:
    conversation = Told()
    for number, line in enumerate(content.splitlines(), 1):
        try:
            conversation = _with_record(conversation, json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _no_turn(path, f"line {number}") from error
    return conversation


def _no_turn(path: Path, place: str) -> IndexStoreError:
    return IndexStoreError(f"{path}, {place}: not a turn of a chat. Choose another session, or remove the line.")


def _with_record(conversation: Told, record: dict[str, Any]) -> Told:
    if "cleared" in record:
        return Told()
    if "summary" in record:
        summarised = min(int(record["turns"]), len(conversation.turns))
        return replace(conversation, summary=str(record["summary"]), summarised=summarised)
    return replace(conversation, turns=(*conversation.turns, _turn(record["turn"])))


def _turn(record: dict[str, Any]) -> Turn:
    citations = [{**entry, "pages": entry["pages"] and tuple(entry["pages"])} for entry in record["citations"]]
    turn = Turn(**{**record, "citations": tuple(Citation(**entry) for entry in citations)})
    if not all(isinstance(text, str) for text in (turn.asked, turn.question, turn.answer, turn.model, turn.at)):
        raise TypeError("a text is missing")
    return turn


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(exist_ok=True)
        with locked(lock_beside(path), patience=SECONDS_FOR_A_LINE):
            yield
    except BusyError as error:
        raise IndexStoreError(f"Another process has been writing to the session {path} for too long. Try again.") from error
    except OSError as error:
        raise _cannot_be_kept(path, error.strerror or str(error)) from error


def _cannot_be_kept(path: Path, reason: str) -> IndexStoreError:
    return IndexStoreError(f"The session {path} cannot be written: {reason}. Use another file: --session PATH{SUFFIX}.")


def _append(path: Path, line: bytes) -> None:
    """Append after the last complete line, and remove a torn one. A link is not followed."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(file, "r+b") as opened:
        try:
            append_durably(opened, line, beginnings=BEGINNINGS)
        except ForeignLineError as error:
            raise _no_turn(path, "the last line") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
