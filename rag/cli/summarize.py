"""`rag summarize`: summaries of documents."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.cli.options import (
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    Command,
    as_json,
    debug,
    flag,
    flags_of,
    llm,
    under,
)
from rag.cli.progress import SummaryProgress
from rag.cli.reading import choosing, read_options, reading
from rag.cli.shared import llm_of, settings_with
from rag.summaries.options import SummaryOptions
from rag.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import FrameType

    from rag.summaries.summarize import Outcome
    from rag.summaries.types import FailedSummary, Summary
    from rag.types import Document

SECONDS_TO_END = 0.8


@click.command("summarize", cls=Command, short_help="Summarise documents of any length.")
@click.argument("sources", nargs=-1, required=True, metavar="FILE…")
@under("Summary", *flags_of(SummaryOptions, "words", "focus", "chain", "strict"))
@under("Model", llm, *flags_of(SummaryOptions, "piece_tokens"))
@under(
    "Output",
    flag(
        "--output",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Write a file for each summary, and a log of JSON lines.",
    ),
    as_json,
)
@under("Finished calls", *flags_of(SummaryOptions, "calls", "fresh"))
@choosing
@reading
@debug
def summarize_command(sources: tuple[str, ...], llm: str | None, output: Path | None, as_json: bool, **chosen: Any) -> None:
    """Summarise documents of any length, each sentence with its pages. The file - is read from stdin.

    A folder means every document in it. A stopped run continues, because finished calls are kept.
    """
    from functools import partial

    from rag.errors import UsageError
    from rag.specs import using_llm
    from rag.summaries.folder import lies_among
    from rag.summaries.summarize import summarized_many

    if output and lies_among(output, [source for source in sources if source != "-"]):
        raise UsageError(f"--output {output} lies among the sources. Choose another folder.")
    reading_options = read_options(chosen)
    options = SummaryOptions(**chosen)
    with using_llm(llm_of(settings_with(llm=llm))) as model:
        documents = [_source(name, is_kept=output is not None) for name in sources]
        begin = partial(summarized_many, documents, llm=model, options=options, reading=reading_options)
        show_outcomes(begin, output=output, as_json=as_json, calls=chosen["calls"], fresh=options.fresh)


def show_outcomes(
    begin: Callable[..., Generator[Outcome, None, None]],
    *,
    output: Path | None,
    as_json: bool,
    calls: Path | None = None,
    fresh: bool = False,
    are_written: bool = False,
) -> None:
    """Show summaries as they finish, and write them to a folder. Exits with 3 if some failed.

    `calls` is the file of finished calls. With `fresh`, calls of earlier runs are made again. With `are_written`, `begin`
    writes the summaries itself.
    """
    from contextlib import closing, nullcontext

    from rag.summaries.folder import SummaryFolder

    started = time.perf_counter()
    total, progress = _Total(), SummaryProgress()

    def tell() -> None:
        progress.stop()
        click.echo(total.line_when_stopped(progress.documents, output, calls, fresh=fresh), err=True)

    with (
        _ending_soon(tell),
        SummaryFolder(output) if output and not are_written else nullcontext() as folder,
        progress,
        closing(begin(progress=progress)) as outcomes,
    ):
        for outcome in outcomes:
            total.add(outcome)
            if folder:
                folder.add(outcome)
            with progress.hidden():
                _show(outcome, as_json=as_json, is_kept=output is not None)
    click.echo(total.line(time.perf_counter() - started, output), err=True)
    if total.failed:
        sys.exit(EXIT_SOME_FAILED)


@contextmanager
def _ending_soon(tell: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls `tell` and ends the process within a second, even if a thread waits for a silent server."""
    import os
    import signal
    import threading

    has_told = threading.Event()

    def tell_once() -> None:
        if not has_told.is_set():
            has_told.set()
            tell()

    def end() -> None:
        tell_once()
        os._exit(EXIT_INTERRUPTED)

    late = threading.Timer(SECONDS_TO_END, end)
    late.daemon = True

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not late.is_alive():
            late.start()
        signal.default_int_handler(number, frame)

    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not is_usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        tell_once()
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _source(name: str, *, is_kept: bool) -> str | Document:
    """The path, or for `-` the document on stdin. If it is kept, its source has a hash, so that every text has its own name."""
    from hashlib import sha256

    from rag.documents import load_bytes

    if name != "-":
        return name
    content = sys.stdin.buffer.read()
    return load_bytes(content, source=f"stdin-{sha256(content).hexdigest()[:8]}" if is_kept else "-", name_hint="stdin")


def _show(outcome: Summary | FailedSummary, *, as_json: bool, is_kept: bool) -> None:
    """Print a failure to stderr. Print a summary as a JSON line, or as text unless a folder keeps it."""
    from rag.notebook import printable
    from rag.summaries.types import FailedSummary

    if isinstance(outcome, FailedSummary):
        click.echo(f"failed: {printable(outcome.error)}", err=True)
    if as_json:
        click.echo(json.dumps(outcome.to_dict(), ensure_ascii=False))
    elif not isinstance(outcome, FailedSummary) and not is_kept:
        click.echo("\n".join(_lines(outcome)) + "\n")


def _lines(summary: Summary) -> list[str]:
    from textwrap import wrap

    from rag.cli.terminal import WIDTH, sentence_text, where
    from rag.notebook import printable

    lines = [click.style(printable(summary.title or summary.source), bold=True), ""]
    lines += wrap(" ".join(map(sentence_text, summary.sentences)), WIDTH) or ["Nothing."]
    lines += ["", *(f"  [{citation.marker}] {where(citation)}" for citation in summary.citations)]
    return [*lines, *(click.style(f"  {printable(note)}", dim=True) for note in summary.notes)]


class _Total:
    """The totals of a run."""

    def __init__(self) -> None:
        self.done = self.failed = self.calls = self.reused = self.read = self.cached = self.written = 0

    def add(self, outcome: Summary | FailedSummary) -> None:
        from rag.summaries.types import FailedSummary

        if isinstance(outcome, FailedSummary):
            self.failed += 1
            return
        self.done += 1
        self.calls += outcome.calls
        self.reused += outcome.reused_calls
        self.read += outcome.usage.prompt_tokens
        self.cached += outcome.usage.cached_tokens
        self.written += outcome.usage.completion_tokens

    def line(self, seconds: float, output: Path | None) -> str:
        parts = [f"{self.done} summarized, {self.failed} failed in {seconds:.1f} s"]
        if self.calls:
            parts.append(f"{counted(self.calls, 'call')}, {self.reused} of them from before")
        if self.read:
            cached = f" ({self.cached / self.read:.0%} of them cached)" if self.cached else ""
            rate = f"{(self.read + self.written) / max(seconds, 1e-9):,.0f} tokens/s"
            parts.append(f"{self.read:,} tokens read{cached}, {self.written:,} written, {rate}")
        if output:
            parts.append(f"in {output}")
        return "; ".join(parts) + "."

    def line_when_stopped(self, documents: int, output: Path | None, calls: Path | None, *, fresh: bool) -> str:
        from rag.models.call_store import default_path

        where = f" in {output}" if output else ""
        again = "The same command without --fresh" if fresh else "The same command"
        return (
            f"Stopped: {self.done} of {counted(documents, 'document')} summarized{where}. Finished calls are kept in "
            f"{calls or default_path()}. {again} continues from there."
        )
