"""Progress bars on stderr. They are silent where stderr is not a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import click

from rag.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


class IndexingProgress:
    """A bar with the rate and the time left.

    The number of chunks is unknown until all documents are loaded. It is estimated from those that are.
    """

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()
        self._bar: Any = None
        self._documents = self._done = self._loaded = self._chunks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove the bar, so that the next line is printed in its place."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def expect(self, unit: str, count: int) -> None:
        """Start the bar with the documents, and lengthen it by the chunks of each."""
        if unit == "chunks":
            self._loaded += bool(count)
            self._chunks += count
            self._move()
            return
        self._documents = count
        if self._shown:
            self._bar = _bar("documents", "rate", has_description=True)
            self._task = self._bar.add_task("reading", total=None, documents=self._documents_done(), rate="")
            self._bar.start()

    def advance(self, unit: str, count: int = 1) -> None:
        """Move the bar by embedded chunks. Committed documents are counted beside it."""
        self._done += count if unit == "documents" else 0
        self._move(count if unit == "chunks" else 0)

    def _move(self, chunks: int = 0) -> None:
        if self._bar is None:
            return
        task = self._bar.tasks[0]
        total = self._chunks * self._documents / self._loaded if self._loaded else None
        rate = f"{task.finished_speed or task.speed or 0:.0f} chunks/s" if task.completed else ""
        self._bar.update(
            self._task,
            advance=chunks,
            total=total,
            description="embedding" if self._loaded else "reading",
            documents=self._documents_done(),
            rate=rate,
        )

    def _documents_done(self) -> str:
        return f"{self._done}/{counted(self._documents, 'document')}"


class SummaryProgress:
    """A bar by tokens with the time left.

    The number of tokens is estimated from the documents that are cut already.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self.documents = self._done = self._cut = self._cut_tokens = self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the bar."""
        if self._bar:
            self._bar.stop()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the bar while lines are printed."""
        if self._bar:
            self._bar.stop()
        yield
        if self._bar:
            self._bar.start()

    def expect(self, unit: str, count: int) -> None:
        """Start the bar with the documents, and lengthen it by the tokens of each."""
        if unit == "tokens":
            self._cut += bool(count)
            self._cut_tokens += count
            self._move()
            return
        self.documents = count
        if sys.stderr and sys.stderr.isatty():
            self._bar = _bar("counts")
            self._task = self._bar.add_task("summarizing", total=None, counts=self._documents_done())
            self._bar.start()

    def advance(self, unit: str, count: int = 1) -> None:
        """Move the bar by the tokens that the model has read. Finished documents are counted beside it."""
        self._done += count if unit == "documents" else 0
        self._read += count if unit == "tokens" else 0
        self._move()

    def _move(self) -> None:
        if self._bar:
            total = self._cut_tokens * self.documents / self._cut if self._cut else None
            counts = f"{self._documents_done()}, {self._read:,} tokens"
            self._bar.update(self._task, completed=self._read, total=total, counts=counts)

    def _documents_done(self) -> str:
        return f"{self._done}/{counted(self.documents, 'document')}"


class EvaluationProgress:
    """One bar for each step of an evaluation, such as "indexing" or "questions"."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def expect(self, unit: str, count: int) -> None:
        """Start a bar in place of the last one."""
        self.end()
        self._bar = click.progressbar(length=count, label=unit, file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=True)
        self._bar.__enter__()

    def advance(self, unit: str, count: int = 1) -> None:
        """Move the bar."""
        if self._bar:
            self._bar.update(count)

    def end(self) -> None:
        """Remove the bar, so that the next line is printed in its place."""
        if self._bar:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _bar(*fields: str, has_description: bool = False) -> Any:
    """A bar with these fields of its task behind it, then the time left. The description, if wanted, comes first."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    description = [TextColumn("{task.description}")] if has_description else []
    texts = [TextColumn(f"{{task.fields[{name}]}}") for name in fields]
    columns = (*description, BarColumn(), *texts, TimeRemainingColumn(compact=True))
    return Progress(*columns, console=Console(stderr=True), transient=True)
