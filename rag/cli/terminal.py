"""What a person sees: answers and passages on stdout, progress on stderr and only on a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rag.evaluation.report.page import plain
from rag.notebook import place, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from rag.evaluation.results import Evaluation, Figures
    from rag.ingest.costs import Cost, Costs
    from rag.ingest.plan import Plan
    from rag.ingest.reports import RemoveReport, SyncReport
    from rag.types import Answer, Citation, Hit, Sentence

WIDTH = 100
PASSAGE_CHARACTERS = 300
COLUMN = 48
FAILURES_SHOWN = REMOVALS_SHOWN = 20
KINDS_SHOWN = 8


def relative(source: str) -> str:
    """A path as seen from here, where that is shorter."""
    if not os.path.isabs(source):  # noqa: PTH117 (a source may be any string)
        return source
    here = os.path.relpath(source)
    return here if len(here) < len(source) else source


def _path(source: str) -> str:
    return printable(relative(source))


def where(item: Hit | Citation) -> str:
    """Source, pages and heading of a passage, for people."""
    heading = getattr(item, "heading", "")
    return printable(
        place({"source": relative(item.source), "pages": item.pages, "place": item.place})
        + (f" · {heading}" if heading else "")
    )


def sentence_text(sentence: Sentence) -> str:
    """The sentence with its markers; one that the sources do not bear out says so."""
    return printable(sentence.cited_text) + {"none": " (not supported)", "partial": " (partly supported)"}.get(
        sentence.support, ""
    )


def answer_lines(answer: Answer, *, with_text: bool = True) -> list[str]:
    """The answer, its sources with their quotes, and what it was made with."""
    if not answer.answerable:
        lines = [answer.text]
        if answer.hits:
            lines += ["", "Nearest passages:", *(f"  {where(hit)}: {_shortened(hit.text, 120)}" for hit in answer.hits[:3])]
        return lines
    lines = [" ".join(sentence_text(sentence) for sentence in answer.sentences), ""] if with_text else [""]
    for citation in answer.citations:
        lines += [f"  [{citation.marker}] {where(citation)}", *_wrapped(f"“{printable(citation.quote)}”", "      ")]
    return lines


def answer_footnote(answer: Answer) -> str:
    """One line about how the answer came about."""
    cut = " · cut at the most tokens that it may have (--max-tokens)" if answer.cut else ""
    return f"{answer.model} · evidence {answer.evidence:.2f} · {answer.seconds:.1f} s{cut}"


def hit_lines(hits: Iterable[Hit]) -> list[str]:
    """Each passage with its rank, score and place."""
    lines = []
    for hit in hits:
        lines += [f"{hit.rank:3}. {hit.score:.3f}  {where(hit)}", *_wrapped(_shortened(hit.text, PASSAGE_CHARACTERS), "     ")]
    return lines


def report_lines(report: SyncReport) -> list[str]:
    """What an indexing run did, and each file that failed with its cause."""
    counts = ((report.added, "added"), (report.changed, "changed"), (report.renamed, "renamed"), (report.removed, "removed"))
    done = [
        f"{number} {word}"
        for number, word in (*counts, (report.unchanged, "unchanged"), (len(report.failed), "failed"))
        if number
    ]
    lines = [
        f"{', '.join(done) or 'nothing to do'} · {report.documents} documents, {report.chunks} chunks in {relative(report.index)}"
        f" · {report.seconds:.1f} s"
    ]
    if report.skipped:
        kinds = [f"{number} {printable(kind)}" for kind, number in report.skipped_kinds.items()]
        told = ", ".join(kinds[:KINDS_SHOWN] + ["…"] * (len(kinds) > KINDS_SHOWN))
        lines.append(f"{report.skipped} passed over: {told} (--include GLOB takes files of other kinds)")
    for failure in report.failed[:FAILURES_SHOWN]:
        lines.append(f"  {failure.status}: {printable(failure.message)}")
    if len(report.failed) > FAILURES_SHOWN:
        lines.append(f"  … and {len(report.failed) - FAILURES_SHOWN} more; `rag status` names them all")
    return lines


def plan_lines(plan: Plan) -> list[str]:
    """What indexing would do, a document a line."""
    lines = [f"added    {_path(source)}" for source in plan.added]
    lines += [f"changed  {_path(source)}" for source in plan.changed]
    lines += [f"renamed  {_path(plan.former[source])} → {_path(source)}" for source in plan.renamed]
    lines += [f"removed  {_path(source)}" for source in plan.removed]
    return lines or ["Nothing would change."]


def removal_lines(report: RemoveReport) -> list[str]:
    """What was taken out of an index, and what it holds now."""
    number = len(report.removed)
    return [
        *(f"removed  {_path(source)}" for source in report.removed[:REMOVALS_SHOWN]),
        *([f"… and {number - REMOVALS_SHOWN} more"] if number > REMOVALS_SHOWN else []),
        f"{number} removed · {report.documents} documents, {report.chunks} chunks in {relative(report.index)} · {report.seconds:.1f} s",
        "Files that are still in a folder that you index come back with the next `rag index`; --exclude keeps them out.",
    ]


def status_lines(status: Mapping[str, Any]) -> list[str]:
    """What an index holds; see `rag.index.status.index_status`."""
    sizes = ", ".join(f"{part} {megabytes(size)}" for part, size in status["sizes"].items())
    unused = f", {megabytes(status['free_bytes'])} unused: `rag compact` gives them back" if status["free_bytes"] > 1e6 else ""
    return [
        f"index      {status['index']}",
        f"documents  {status['documents']}",
        f"chunks     {status['chunks']}",
        f"embedder   {status['embedder'] or 'none yet'}",
        f"generation {status['generation']}",
        f"format     {status['format']}",
        f"size       {megabytes(status['bytes'])} ({sizes}{unused})",
        *(f"failed     {printable(failure['message'])} ({failure['status']})" for failure in status["failed"]),
    ]


def check_lines(checked: Mapping[str, Any]) -> list[str]:
    """Whether an index is sound, and what to do if not; see `rag.index.status.check_index`."""
    problems = [printable(problem) for problem in checked["problems"]]
    if checked["sound"]:
        holds = (
            f"sound: {checked['documents']} documents, {checked['chunks']} chunks, every file read · {checked['seconds']:.1f} s"
        )
        return [*problems, f"repaired, and {holds}"] if checked["repaired"] else [holds]
    return [
        *problems,
        f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}. `rag verify --repair` makes all but catalog.sqlite anew; "
        "for the catalog itself, take a copy of the index folder from before the damage, or remove the folder and index its "
        "sources again.",
    ]


def megabytes(size: int) -> str:
    """A number of bytes, for people."""
    return f"{size / 1e6:.1f} MB"


def table_lines(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> list[str]:
    """Columns aligned by their widest cell; numbers to the right. Cells wider than COLUMN push only their own line."""
    cells = [[printable(str("" if cell is None else cell)) for cell in row] for row in (header, *rows)]
    widths = [min(COLUMN, max(map(len, column))) for column in zip(*cells, strict=True)]
    numeric = [all(isinstance(row[i], int) or row[i] is None for row in rows) for i in range(len(header))]
    return [
        "  ".join(
            cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    ]


def cost_lines(costs: Costs) -> list[str]:
    """What files cost, a file a line, what they cost together, and each that could not be read with its cause."""
    header = ["source", "pages", "characters", "tokens", "chunks"]
    if costs.total.llm_tokens is not None:
        header.append("llm tokens")
    rows = [_cost_row(relative(cost.source), cost) for cost in costs.files]
    if len(rows) > 1:
        rows.append(_cost_row(costs.total.source, costs.total))
    lines = table_lines([row[: len(header)] for row in rows], header) if rows else []
    return [*lines, *(f"{failure.status}: {printable(failure.message)}" for failure in costs.failed)]


def _cost_row(name: str, cost: Cost) -> list[str | int | None]:
    return [name, cost.pages, cost.characters, cost.tokens, cost.chunks, cost.llm_tokens]


class IndexingProgress:
    """A bar with rate and time left on stderr; silent where stderr is not a terminal.

    The number of chunks is not known before all documents are loaded: it is estimated from those that are.
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
        """Take the bar away; what is printed next stands where it was."""
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
            self._bar = _bar()
            self._task = self._bar.add_task("reading", total=None, documents=f"0/{count} documents", rate="")
            self._bar.start()

    def advance(self, unit: str, count: int = 1) -> None:
        """Move the bar by embedded chunks; committed documents are counted beside it."""
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
            documents=f"{self._done}/{self._documents} documents",
            rate=rate,
        )


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[documents]}"),
        TextColumn("{task.fields[rate]}"),
    )
    return Progress(*columns, TimeRemainingColumn(compact=True), console=Console(stderr=True), transient=True)


def display_path(path: Path) -> str:
    """A path as seen from here."""
    return relative(str(path.absolute()))


def _shortened(text: str, characters: int) -> str:
    line = printable(text)
    return line if len(line) <= characters else line[:characters].rsplit(" ", 1)[0] + " …"


def _wrapped(text: str, indent: str) -> list[str]:
    from textwrap import wrap

    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


FACTS = {
    "retrieval": ("documents", "queries", "unjudged", "embedder"),
    "answers": ("documents", "questions", "answered", "failed", "embedder", "llm"),
    "summaries": ("summaries", "failed", "words", "calls", "llm"),
}
MOST_SHOWN = 10
LONGEST = 70
NAME = 24


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Figures with their ranges, differences, and the first questions that failed."""
    facts = {**evaluation.before, **evaluation.after}
    told = [f"{name} {_value(facts[name])}" for name in FACTS[evaluation.kind] if facts.get(name) not in (None, 0)]
    lines = [" · ".join([*told, f"{facts['seconds']:.1f} s"]), ""]
    lines += [line for one in evaluation.figures for line in _figures(one, has_name=len(evaluation.figures) > 1)]
    if facts.get("auroc") is not None:
        lines.append(f"  {'auroc of evidence':<{NAME}} {facts['auroc']:.3f}")
    if evaluation.comparisons:
        lines += ["", *map(_comparison, evaluation.comparisons)]
    if unknown := facts.get("unknown_sources"):
        lines += ["", f"{len(unknown)} of the expected sources are not in the index, such as {_short(unknown[0])}"]
    return lines + _failed(evaluation)


def _figures(figures: Figures, *, has_name: bool) -> list[str]:
    lines = [plain(figures.name)] if has_name else []
    for metric, mean in figures.means.items():
        if mean is not None:
            interval = figures.intervals[metric]
            range_ = f"  [{interval[0]:.3f}–{interval[1]:.3f}]" if interval else ""
            lines.append(f"  {plain(metric):<{NAME}} {mean:.3f}{range_}")
    return lines


def _comparison(one: Any) -> str:
    range_ = f" [{one.interval[0]:+.3f} to {one.interval[1]:+.3f}]" if one.interval else ""
    if one.p is not None:
        range_ += ", p <.001" if one.p < 0.001 else f", p {one.p:.3f}"
    return f"  {plain(one.metric):<{NAME}} {one.difference:+.3f}{range_}  {plain(one.name)} over {plain(one.other)}, {one.questions}"


def _failed(evaluation: Evaluation) -> list[str]:
    failed = [row for row in evaluation.questions if row["reason"]]
    if not failed:
        return []
    counts = ", ".join(f"{count} {reason}" for reason, count in evaluation.reasons.items())
    lines = ["", f"{len(failed)} of {len(evaluation.questions)} questions failed: {counts}"]
    for row in failed[:MOST_SHOWN]:
        expected = ", ".join(map(str, row.get("expected", ())))
        of = f" · {_short(row['error'])}" if row.get("error") else f" · expected {_short(expected)}" if expected else ""
        lines.append(f"  {_short(row['id'], 28)}  {row['reason']}: {_short(row['question'])}{of}")
    if len(failed) > MOST_SHOWN:
        lines.append(f"  … and {len(failed) - MOST_SHOWN} more; --output DIR has them all")
    return lines


def _short(value: object, longest: int = LONGEST) -> str:
    text = plain(str(value))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _value(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else plain(str(value))
