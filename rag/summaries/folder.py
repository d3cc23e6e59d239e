"""A folder of summaries: one Markdown file a document, and a log of JSON lines."""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from itertools import chain, count
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from filelock import FileLock, Timeout

from rag.documents.loading.find import is_under
from rag.errors import RagError, UsageError
from rag.notebook import place, printable
from rag.summaries.types import Summary
from rag.system.files import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from rag.summaries.types import FailedSummary

LOG = "summaries.jsonl"
KEY = "key"
"""The member of a line of the log that no other program writes: a hash of its document's place."""

BEGINNING = b'{"source": '
"""What each of its lines begins with."""

MARK = "rag summarize"
"""Begins the last line of a summary's file, before a hash of the lines above."""

UNSUPPORTED = {"none": " *(not supported)*", "partial": " *(partly supported)*"}
QUOTED_CHARACTERS = 300


class SummaryFolder:
    """Where a run leaves its summaries; a document's file is written whole or not at all, whatever ends the run.

    The log has a line for each document: its last summary, or why it has none. Files that others wrote, and summaries that
    were changed by hand, stay as they are: a summary then gets another name. Raises UsageError where the folder cannot be
    written, another process writes there, or the log holds what is not from here.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = expanded(folder).absolute()
        self.log = self.folder / LOG
        self._file: IO[str] | None = None
        self._lock = FileLock(f"{self.log}.lock", timeout=0)

    def __enter__(self) -> SummaryFolder:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take()
            _mend(self.log)
            self._file = self.log.open("a", encoding="utf-8")
        except Timeout as error:
            raise UsageError(
                f"Another process writes summaries to {self.folder}. Wait for it, or name another folder."
            ) from error
        except OSError as error:
            self._release()
            raise UsageError(f"Summaries cannot be written to {self.folder}: {error.strerror or error}.") from error
        except UsageError:
            self._release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()
        if error is None:
            _keep_last_lines(self.log)
        self._release()

    def _take(self) -> None:
        lock = Path(self._lock.lock_file)
        if lock.exists() and lock.stat().st_size:  # a lock is empty, and taking it would empty another's file
            raise UsageError(f"{lock} is no lock of summaries. Name another folder, or move that file away.")
        self._lock.acquire()

    def _release(self) -> None:
        if self._lock.is_locked:
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)

    def add(self, outcome: Summary | FailedSummary) -> Path | None:
        """Write a summary to its file, and a line to the log. Returns the file. Raises RagError where that cannot be done."""
        try:
            return self._added(outcome)
        except OSError as error:
            raise RagError(
                f"The summary of {outcome.source} cannot be written to {self.folder}: {error.strerror or error}. Once it can, the same "
                "command goes on where it was."
            ) from error

    def _added(self, outcome: Summary | FailedSummary) -> Path | None:
        assert self._file is not None
        path = None
        if isinstance(outcome, Summary):
            path = self._free(outcome.source)
            _write_whole(path, signed(summary_text(outcome)))
        told = {**outcome.to_dict(), **({"file": path.name} if path else {}), KEY: _digest(_storable(outcome.source), 8)}
        self._file.write(_storable(json.dumps(told, ensure_ascii=False)) + "\n")
        self._file.flush()
        return path

    def _free(self, source: str) -> Path:
        """The first of a document's names that is free, or has an earlier summary of it."""
        name = file_name(source)
        names = chain([name], (f"{name.removesuffix('.md')}.{number}.md" for number in count(2)))
        paths = (self.folder / name for name in names)
        return next(path for path in paths if not os.path.lexists(path) or is_ours(path))


def lies_among(folder: Path, sources: Iterable[str]) -> bool:
    """Whether summaries would come to lie beside documents, where they would be documents themselves the next time."""
    real = expanded(folder).resolve()
    named = [expanded(source).absolute() for source in sources]
    return any(is_under(str(real), [str(one.resolve())]) if one.is_dir() else real == one.parent.resolve() for one in named)


def is_ours(path: Path) -> bool:
    """Whether a file is a summary as it was written here."""
    try:
        text = path.read_bytes().decode() if path.is_file() and not path.is_symlink() else ""
    except (OSError, UnicodeDecodeError):
        return False
    return bool(text) and signed(text.rpartition(f"<!-- {MARK} ")[0]) == text


def signed(text: str) -> str:
    """The text with a last line, which Markdown does not show, that tells a changed or foreign file from one of ours."""
    text = _storable(text)
    return f"{text}<!-- {MARK} {_digest(text, 16)} -->\n"


def _storable(text: str) -> str:
    """The text without halves of characters, which UTF-8 cannot write."""
    return text.encode("utf-8", "replace").decode()


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def _write_whole(path: Path, text: str) -> None:
    new = _beside(path)
    try:
        with new.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    """A name that nobody has, for what is to take the place of a file."""
    return path.with_name(f".{path.name}.{uuid4().hex}.new")


def file_name(source: str) -> str:
    """The name of a summary's file: that of the document, and a few letters that tell apart what is called the same elsewhere."""
    name = "".join(sign if sign.isalnum() or sign in "-_. " else "_" for sign in PurePath(source).name) or "document"
    return f"{name.encode('utf-8', 'ignore')[:150].decode('utf-8', 'ignore').lstrip('.-')}.{_digest(source, 4)}.md"


def summary_text(summary: Summary) -> str:
    """The summary as Markdown: sentences with their markers, then each citation with its place and its quote."""
    body = " ".join(_line(sentence.cited_text) + UNSUPPORTED.get(sentence.support, "") for sentence in summary.sentences)
    lines = [f"# {_line(summary.title or summary.source)}", "", body or "—", ""]
    for citation in summary.citations:
        where = place({"source": PurePath(citation.source).name, "pages": citation.pages, "place": citation.place})
        lines.append(f"- [{citation.marker}] {_line(where)}: “{_shortened(_line(citation.quote))}”")
    lines += ["", *(f"*{_line(note)}*" for note in summary.notes)]
    told = f"{summary.chain} · {summary.calls} calls · {summary.words} words · {summary.model}"
    return "\n".join([*lines, *([""] if summary.notes else []), f"*{_line(summary.source)} · {told}*", ""])


def _line(text: str) -> str:
    """The text on one line, without control characters and as Markdown that holds no HTML."""
    return printable(text).replace("<", "&lt;")


def _shortened(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _mend(path: Path) -> None:
    """Take away a last line that a kill has torn. Raises UsageError for a log with lines that are not from here."""
    if not path.exists():
        return
    if not path.is_file():
        raise UsageError(f"{path} is no file. Name another folder for the summaries.")
    sound, last = 0, b"\n"
    for number, line in enumerate(_lines(path), 1):
        if line.strip() and not _is_from_here(line):
            if line.startswith(BEGINNING) and not line.endswith(b"\n"):
                break
            raise UsageError(f"{path}, line {number}, is of no summary. Name another folder, or move this file away.")
        sound, last = sound + len(line), line
    with path.open("rb+") as file:
        file.truncate(sound)
        if not last.endswith(b"\n"):
            file.seek(sound)
            file.write(b"\n")


def _is_from_here(line: bytes) -> bool:
    told = _read(line)
    return isinstance(told.get("source"), str) and told.get(KEY) == _digest(told["source"], 8)


def _keep_last_lines(path: Path) -> None:
    """Leave of each document's lines the last. Only their places are held in memory."""
    last: dict[str, int] = {}
    number = -1
    for number, line in enumerate(_lines(path)):
        if "source" in (told := _read(line)):
            last[told["source"]] = number
    if len(last) == number + 1:
        return
    kept = frozenset(last.values())
    new = _beside(path)
    with new.open("xb") as file:
        file.writelines(line for number, line in enumerate(_lines(path)) if number in kept)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _read(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
