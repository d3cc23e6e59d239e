"""A folder of summaries: one Markdown file a document, and a log of JSON lines."""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from rag.errors import UsageError
from rag.notebook import place
from rag.pretrained import expanded
from rag.summaries.types import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from rag.summaries.types import FailedSummary

LOG = "summaries.jsonl"
UNSUPPORTED = {"none": " *(not supported)*", "partial": " *(partly supported)*"}
QUOTED_CHARACTERS = 300


class SummaryFolder:
    """Where a run leaves its summaries; a document's file is written whole or not at all, whatever ends the run.

    The log has a line for each document: its last summary, or why it has none. Raises UsageError where the folder cannot be
    written, or another process writes there.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = expanded(folder).absolute()
        self.log = self.folder / LOG
        self._file: IO[str] | None = None
        self._lock = FileLock(f"{self.log}.lock", timeout=0)

    def __enter__(self) -> SummaryFolder:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            _end_torn_line(self.log)
            self._file = self.log.open("a", encoding="utf-8")
        except Timeout as error:
            raise UsageError(
                f"Another process writes summaries to {self.folder}. Wait for it, or name another folder."
            ) from error
        except OSError as error:
            raise UsageError(f"Summaries cannot be written to {self.folder}: {error.strerror or error}.") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()
        if error is None:
            _keep_last_lines(self.log)
        self._lock.release()
        Path(f"{self.log}.lock").unlink(missing_ok=True)

    def add(self, outcome: Summary | FailedSummary) -> Path | None:
        """Write a summary to its file, and a line to the log. Returns the file."""
        assert self._file is not None
        path = None
        if isinstance(outcome, Summary):
            path = self.folder / file_name(outcome.source)
            new = path.with_name(f"{path.name}.new")
            new.write_text(summary_text(outcome), encoding="utf-8", errors="replace")
            new.replace(path)
        told = {**outcome.to_dict(), **({"file": path.name} if path else {})}
        self._file.write(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")
        self._file.flush()
        return path


def file_name(source: str) -> str:
    """The name of a summary's file: that of the document, and a few letters that tell apart what is called the same elsewhere."""
    digest = blake2b(source.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    name = "".join(sign if sign.isalnum() or sign in "-_. " else "_" for sign in PurePath(source).name) or "document"
    return f"{name.encode('utf-8', 'ignore')[:150].decode('utf-8', 'ignore').lstrip('.')}.{digest}.md"


def summary_text(summary: Summary) -> str:
    """The summary as Markdown: sentences with their markers, then each citation with its place and its quote."""
    body = " ".join(sentence.cited_text + UNSUPPORTED.get(sentence.support, "") for sentence in summary.sentences)
    lines = [f"# {_line(summary.title or summary.source)}", "", body or "—", ""]
    for citation in summary.citations:
        where = place({"source": PurePath(citation.source).name, "pages": citation.pages, "place": citation.place})
        lines.append(f"- [{citation.marker}] {_line(where)}: “{_shortened(_line(citation.quote))}”")
    lines += ["", *(f"*{_line(note)}*" for note in summary.notes)]
    told = f"{summary.chain} · {summary.calls} calls · {summary.words} words · {summary.model}"
    return "\n".join([*lines, *([""] if summary.notes else []), f"*{_line(summary.source)} · {told}*", ""])


def _line(text: str) -> str:
    return " ".join(text.split())


def _shortened(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _end_torn_line(path: Path) -> None:
    """A line that a kill has torn stays, unreadable; the next begins on its own."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


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
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
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
