"""A folder of summaries: one Markdown file a document, and a log of JSON lines."""

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
        self._file: IO[bytes] | None = None
        self._held = ExitStack()

    def __enter__(self) -> SummaryFolder:
        with ExitStack() as opened:
            self._file = self._opened(opened)
            self._held = opened.pop_all()
        return self

    def _opened(self, opened: ExitStack) -> IO[bytes]:
        """The log to add to, under its lock."""
        lock = lock_beside(self.log)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if lock.exists() and lock.stat().st_size:  # a lock is empty, and taking it would empty another's file
                raise UsageError(f"{lock} is not a lock of `rag summarize`. Choose another --output folder, or move that file.")
            opened.enter_context(locked(lock, leave=False))
            self._mend()
            return opened.enter_context(self.log.open("ab"))
        except BusyError as error:
            raise UsageError(
                f"Another process writes summaries to {self.folder}. Wait for it, or name another folder."
            ) from error
        except OSError as error:
            raise UsageError(f"Summaries cannot be written to {self.folder}: {error.strerror or error}.") from error

    def _mend(self) -> None:
        """Take away a last line that a kill has torn. Raises UsageError for a log with lines of somebody else."""
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
            with replacing(path) as file:
                file.write(signed(summary_text(outcome)).encode())
        record = {**outcome.to_dict(), **({"file": path.name} if path else {}), KEY: _digest(well_formed(outcome.source), 8)}
        self._file.write(well_formed(json.dumps(record, ensure_ascii=False)).encode() + b"\n")
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
    text = well_formed(text)
    return f"{text}<!-- {MARK} {_digest(text, 16)} -->\n"


def _digest(text: str, size: int) -> str:
    return blake2b(utf8(text), digest_size=size).hexdigest()


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


def _is_from_here(record: dict[str, Any]) -> bool:
    return isinstance(record.get("source"), str) and record.get(KEY) == _digest(record["source"], 8)


def _keep_last_lines(path: Path) -> None:
    """Leave of each document's lines the last. Only their places are held in memory."""
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
