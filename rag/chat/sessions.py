"""What was said in a conversation, kept as JSON lines: in the `chats` folder of an index, or in a file.

A turn is one line, which is written at once and at the end of the file, under a lock: a line that a crash has cut short, or left
empty, is no turn, and two processes that go on with one session take turns. Nothing is ever written anew; what was cleared is
marked as such.
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
"""How the lines of a session begin; what a crash has left of one begins so too, or is a beginning of that."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked and answered. `question` is what was looked for: `asked`, made whole where it leant on what was said before.

    `answer` has no markers. `at` is in ISO 8601, UTC.
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
    """The turns since the conversation was last cleared. `summary` is that of the first `summarised` of them."""

    turns: tuple[Turn, ...] = ()
    summary: str = ""
    summarised: int = 0


class Session:
    """A conversation in memory; with a `path`, also in that file, where other processes may go on with it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._told = Told()
        self._read_bytes = -1
        self._has_told_of_a_loss = False
        if path is not None:
            self.told()

    def told(self) -> Told:
        """What was said so far, by whichever process. Raises IndexStoreError where the file is no session."""
        if self.path is not None:
            content, empty = _content(self.path)
            if empty and not self._has_told_of_a_loss:
                self._has_told_of_a_loss = True
                warnings.warn(_loss(self.path, empty), stacklevel=2)
            if len(content) != self._read_bytes:
                self._told, self._read_bytes = _told(content, self.path), len(content)
        return self._told

    def check(self) -> None:
        """Raise IndexStoreError where turns could not be written; nothing is."""
        if self.path is not None:
            with _locked(self.path):
                if self.path.exists() and not os.access(self.path, os.W_OK):
                    raise _cannot_be_kept(self.path, os.strerror(errno.EACCES))

    def detach(self) -> None:
        """Go on in memory, with what was said so far; the file stays as it is."""
        with suppress(IndexStoreError):
            self.told()
        self.path = None

    def add(self, turn: Turn) -> None:
        """Keep a turn."""
        self._keep({"turn": replace(turn, at=turn.at or _now()).to_dict()})

    def summarise(self, summary: str, turns: int) -> None:
        """Keep a summary of the first `turns` turns, which takes their place in prompts."""
        self._keep({"summary": summary, "turns": turns})

    def clear(self) -> None:
        """Begin anew. The file keeps what was said before."""
        self._keep({"cleared": _now()})

    def _keep(self, record: dict[str, Any]) -> None:
        if self.path is None:
            self._told = _with_record(self._told, record)
            return
        with _locked(self.path):
            _append(self.path, line_of(record))


def session_at(session: str | Path | None, *, index: Path) -> Session:
    """The session of that name in an index folder, or in a file: a path has a folder in it, or ends with ".jsonl".

    None is a session that is kept nowhere, and so is, with a warning, a named one in a folder that cannot be written. Raises
    UsageError for a name that cannot be that of a file everywhere, IndexStoreError for a file that cannot be written.
    """
    if session is None:
        return Session()
    if _is_path(session):
        path = Path(session).expanduser().absolute()
        if not path.parent.is_dir():
            raise UsageError(f"There is no folder {path.parent} for the session {path.name}.")
        kept = Session(path)
        kept.check()
        return kept
    if not NAME.fullmatch(str(session)):
        raise UsageError(
            f"'{session}' cannot be the name of a session. Use letters, digits, spaces and . _ + @ -, 80 characters at most."
        )
    if not index.is_dir():
        raise UsageError(f"{index} is not a folder that can keep chats. Keep the session in a file: --session PATH{SUFFIX}")
    folder = index.absolute() / FOLDER
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise IndexStoreError(f"{folder} is no folder of chats. Keep the session in a file: --session PATH{SUFFIX}")
    named = Session(folder / f"{session}{SUFFIX}")
    try:
        named.check()
    except IndexStoreError as error:
        warnings.warn(f"{error} Without it, what is said from now on is remembered until the end only.", stacklevel=2)
        named.detach()
    return named


def _is_path(session: str | Path) -> bool:
    return isinstance(session, Path) or session.endswith(SUFFIX) or Path(session).name != session


def sessions_of(index: Path) -> list[str]:
    """The names of the sessions in an index folder."""
    folder = index / FOLDER
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}")) if not folder.is_symlink() else []


def _content(path: Path) -> tuple[bytes, int]:
    """The whole lines of a session's file, and how many NUL bytes stand at its end; nothing where there is no file yet."""
    try:
        there = path.lstat()
        if not stat.S_ISREG(there.st_mode) or there.st_size > MOST_BYTES:
            raise IndexStoreError(f"{path} is no session: it is no plain file, or a very large one. Choose another name.")
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
        f"What was said last in the session {path} was lost as the machine went down: its last {empty:,} bytes are empty. "
        "The turns before that are kept."
    )


def _check_torn(line: bytes, path: Path, place: str) -> None:
    """Raise IndexStoreError for a last line without an end that is not the rest of one of ours."""
    if not is_torn(line, BEGINNINGS):
        raise _no_turn(path, place)


def _told(content: bytes, path: Path) -> Told:
    told = Told()
    for number, line in enumerate(content.splitlines(), 1):
        try:
            told = _with_record(told, json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _no_turn(path, f"line {number}") from error
    return told


def _no_turn(path: Path, place: str) -> IndexStoreError:
    return IndexStoreError(f"{path}, {place}, is no turn of a chat. Choose another session, or take the line out.")


def _with_record(told: Told, record: dict[str, Any]) -> Told:
    if "cleared" in record:
        return Told()
    if "summary" in record:
        return replace(told, summary=str(record["summary"]), summarised=min(int(record["turns"]), len(told.turns)))
    return replace(told, turns=(*told.turns, _turn(record["turn"])))


def _turn(told: dict[str, Any]) -> Turn:
    citations = tuple(Citation(**{**one, "pages": one["pages"] and tuple(one["pages"])}) for one in told["citations"])
    turn = Turn(**{**told, "citations": citations})
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
        raise IndexStoreError(f"The session {path} is being written by another process for too long. Try again.") from error
    except OSError as error:
        raise _cannot_be_kept(path, error.strerror or str(error)) from error


def _cannot_be_kept(path: Path, reason: str) -> IndexStoreError:
    return IndexStoreError(f"The session {path} cannot be written: {reason}. Keep it elsewhere: --session PATH{SUFFIX}.")


def _append(path: Path, line: bytes) -> None:
    """After the last whole line: what a crash has left of another goes. A link is not followed."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(file, "r+b") as opened:
        try:
            append_durably(opened, line, beginnings=BEGINNINGS)
        except ForeignLineError as error:
            raise _no_turn(path, "the last line") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
