"""A folder of summaries: a Markdown file for each document, and a log of JSON lines."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from hashlib import blake2b
from itertools import chain, count
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any

from rag.documents.loading.find import is_under
from rag.errors import RagError, UsageError
from rag.notebook import place, printable
from rag.summaries.types import Summary
from rag.system.files import BusyError, expanded, lock_beside, locked, replacing
from rag.system.jsonl import ForeignLineError, record_of, records
from rag.text.surrogates import utf8, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from rag.summaries.types import FailedSummary

LOG = "summaries.jsonl"
KEY = "key"
"""The key in each line of the log that no other program writes: a hash of the document's path."""

BEGINNING = b'{"source": '
"""The beginning of each line of the log."""

MARK = "rag summarize"
"""Begins the last line of a summary's file; a hash of the lines above follows."""

UNSUPPORTED = {"none": " *(not supported)*", "partial": " *(partly supported)*"}
QUOTED_CHARACTERS = 300


class SummaryFolder:
    """The output folder of a run, a context manager. A file is written whole or not at all, even if the run is killed.

    The log has a line for each document: its last summary, or the error. Foreign files and summaries that a person has
    edited are never overwritten; the new summary gets another name. Raises UsageError on entry if the folder cannot be
    written, another process writes to it, or the log has foreign lines.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = expanded(folder).absolute()
        self.log = self.folder / LOG
        self._file: IO[bytes] | None = None
        self._held = ExitStack()

    def __enter__(self) -> SummaryFolder:
        with ExitStack() as opened:
            self._file = self._opened(opened)
            self._held = opened.pop_all()
        return self

    def _opened(self, opened: ExitStack) -> IO[bytes]:
        """Lock the log and open it for appending."""
        lock = lock_beside(self.log)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if lock.exists() and lock.stat().st_size:  # a lock is empty; locking a foreign file would empty that
                raise UsageError(f"{lock} is not a lock of `rag summarize`. Choose another --output folder, or move that file.")
            opened.enter_context(locked(lock, leave=False))
            self._mend()
            return opened.enter_context(self.log.open("ab"))
        except BusyError as error:
            raise UsageError(
                f"Another process writes summaries to {self.folder}. Wait for it, or choose another --output folder."
            ) from error
        except OSError as error:
            raise UsageError(f"Summaries cannot be written to {self.folder}: {error.strerror or error}.") from error

    def _mend(self) -> None:
        """Remove a last line that a kill has cut off. Raises UsageError for a log with foreign lines."""
        if not self.log.exists():
            return
        if not self.log.is_file():
            raise UsageError(f"{self.log} is not a regular file. Choose another --output folder.")
        try:
            for _ in records(self.log, is_ours=_is_from_here, beginnings=(BEGINNING,)):
                pass
        except ForeignLineError as error:
            raise UsageError(
                f"{self.log}, line {error.number}: not written by `rag summarize`. Choose another --output folder, or move this file."
            ) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._held:
            if self._file:
                self._file.close()
            if error is None:
                _keep_last_lines(self.log)

    def add(self, outcome: Summary | FailedSummary) -> Path | None:
        """Write a summary to its file, and a line to the log. Returns the file's path, None for a failure. Raises RagError."""
        try:
            return self._added(outcome)
        except OSError as error:
            raise RagError(
                f"The summary of {outcome.source} cannot be written to {self.folder}: {error.strerror or error}. Repair that and run "
                "the same command again: it continues where it stopped."
            ) from error

    def _added(self, outcome: Summary | FailedSummary) -> Path | None:
        assert self._file is not None
        path = None
        if isinstance(outcome, Summary):
            path = self._free(outcome.source)
            with replacing(path) as file:
                file.write(signed(summary_text(outcome)).encode())
        record = {**outcome.to_dict(), **({"file": path.name} if path else {}), KEY: _digest(well_formed(outcome.source), 8)}
        self._file.write(well_formed(json.dumps(record, ensure_ascii=False)).encode() + b"\n")
        self._file.flush()
        return path

    def _free(self, source: str) -> Path:
        """The first name for a document that is free, or has its earlier summary."""
        name = file_name(source)
        names = chain([name], (f"{name.removesuffix('.md')}.{number}.md" for number in count(2)))
        paths = (self.folder / name for name in names)
        return next(path for path in paths if not os.path.lexists(path) or is_ours(path))


def lies_among(folder: Path, sources: Iterable[str]) -> bool:
    """Whether the folder lies among the sources, where the next run would read the summaries as documents."""
    real = expanded(folder).resolve()
    named = [expanded(source).absolute() for source in sources]
    folders = [str(path.resolve()) for path in named if path.is_dir()]
    parents = [path.parent.resolve() for path in named if not path.is_dir()]
    return real in parents or any(is_under(str(real), [source]) for source in folders)


def is_ours(path: Path) -> bool:
    """Whether a file is a summary from `SummaryFolder` that nobody has edited."""
    try:
        text = path.read_bytes().decode() if path.is_file() and not path.is_symlink() else ""
    except (OSError, UnicodeDecodeError):
        return False
    return bool(text) and signed(text.rpartition(f"<!-- {MARK} ")[0]) == text


def signed(text: str) -> str:
    """The text and a last line that Markdown hides: a hash, by which `is_ours` recognises an unedited summary."""
    text = well_formed(text)
    return f"{text}<!-- {MARK} {_digest(text, 16)} -->\n"


def _digest(text: str, size: int) -> str:
    return blake2b(utf8(text), digest_size=size).hexdigest()


def file_name(source: str) -> str:
    """The file name of a summary: the document's name and a short hash of its path, since names may repeat in other folders."""
    name = "".join(sign if sign.isalnum() or sign in "-_. " else "_" for sign in PurePath(source).name) or "document"
    return f"{name.encode('utf-8', 'ignore')[:150].decode('utf-8', 'ignore').lstrip('.-')}.{_digest(source, 4)}.md"


def summary_text(summary: Summary) -> str:
    """The summary as Markdown: sentences with markers, then each citation with its place and quote."""
    body = " ".join(_line(sentence.cited_text) + UNSUPPORTED.get(sentence.support, "") for sentence in summary.sentences)
    lines = [f"# {_line(summary.title or summary.source)}", "", body or "—", ""]
    for citation in summary.citations:
        where = place({"source": PurePath(citation.source).name, "pages": citation.pages, "place": citation.place})
        lines.append(f"- [{citation.marker}] {_line(where)}: “{_shortened(_line(citation.quote))}”")
    lines += ["", *(f"*{_line(note)}*" for note in summary.notes)]
    facts = f"{summary.chain} · {summary.calls} calls · {summary.words} words · {summary.model}"
    return "\n".join([*lines, *([""] if summary.notes else []), f"*{_line(summary.source)} · {facts}*", ""])


def _line(text: str) -> str:
    """The text on one line, without control characters and HTML."""
    return printable(text).replace("<", "&lt;")


def _shortened(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _is_from_here(record: dict[str, Any]) -> bool:
    return isinstance(record.get("source"), str) and record.get(KEY) == _digest(record["source"], 8)


def _keep_last_lines(path: Path) -> None:
    """Keep only the last line of each document. Holds line numbers in memory, not the lines."""
    last: dict[str, int] = {}
    number = -1
    for number, line in enumerate(_lines(path)):
        record = record_of(line) or {}
        if "source" in record:
            last[record["source"]] = number
    if len(last) == number + 1:
        return
    kept = frozenset(last.values())
    with replacing(path, durable=True) as file:
        file.writelines(line for number, line in enumerate(_lines(path)) if number in kept)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file
