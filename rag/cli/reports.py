"""The lines that commands about an index print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.cli.terminal import megabytes, relative, table_lines
from rag.notebook import printable
from rag.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.ingest.costs import Cost, Costs
    from rag.ingest.plan import Plan
    from rag.ingest.reports import RemoveReport, SyncReport

FAILURES_SHOWN = REMOVALS_SHOWN = 20
KINDS_SHOWN = 8


def report_lines(report: SyncReport) -> list[str]:
    """What an indexing run did: one line of counts, one of skipped files, then each failure with its cause."""
    counts = (
        (report.added, "added"),
        (report.changed, "changed"),
        (report.renamed, "renamed"),
        (report.removed, "removed"),
        (report.unchanged, "unchanged"),
        (len(report.failed), "failed"),
    )
    done = ", ".join(f"{number} {word}" for number, word in counts if number)
    lines = [f"{done or 'nothing to do'} · {_contents(report)} · {report.seconds:.1f} s"]
    if report.skipped:
        lines.append(_skipped_line(report))
    lines += [f"  {failure.status}: {printable(failure.message)}" for failure in report.failed[:FAILURES_SHOWN]]
    if len(report.failed) > FAILURES_SHOWN:
        lines.append(f"  … and {len(report.failed) - FAILURES_SHOWN} more; `rag status` lists them all")
    return lines


def _skipped_line(report: SyncReport) -> str:
    kinds = [f"{number} {printable(kind)}" for kind, number in report.skipped_kinds.items()]
    if len(kinds) > KINDS_SHOWN:
        kinds[KINDS_SHOWN:] = ["…"]
    return f"{report.skipped} passed over: {', '.join(kinds)} (--include GLOB takes files of other kinds)"


def _contents(report: SyncReport | RemoveReport) -> str:
    """The size of the index after a run, and its folder."""
    documents, chunks = counted(report.documents, "document"), counted(report.chunks, "chunk")
    return f"{documents}, {chunks} in {relative(report.index)}"


def plan_lines(plan: Plan) -> list[str]:
    """What indexing would do, one document a line."""
    lines = [f"added    {_path(source)}" for source in plan.added]
    lines += [f"changed  {_path(source)}" for source in plan.changed]
    lines += [f"renamed  {_path(plan.former[source])} → {_path(source)}" for source in plan.renamed]
    lines += [f"removed  {_path(source)}" for source in plan.removed]
    return lines or ["Nothing would change."]


def removal_lines(report: RemoveReport) -> list[str]:
    """The removed documents, and the size of the index without them."""
    number = len(report.removed)
    lines = [f"removed  {_path(source)}" for source in report.removed[:REMOVALS_SHOWN]]
    if number > REMOVALS_SHOWN:
        lines.append(f"… and {number - REMOVALS_SHOWN} more")
    return [
        *lines,
        f"{number} removed · {_contents(report)} · {report.seconds:.1f} s",
        "Files that are still in a folder that you index come back with the next `rag index`; --exclude keeps them out.",
    ]


def status_lines(status: Mapping[str, Any]) -> list[str]:
    """The figures of an index and its failed files; see `rag.index.status.index_status`."""
    sizes = ", ".join(f"{part} {megabytes(size)}" for part, size in status["sizes"].items())
    if status["free_bytes"] > 1e6:
        sizes += f", {megabytes(status['free_bytes'])} unused: `rag compact` gives them back"
    return [
        f"index      {status['index']}",
        f"documents  {status['documents']}",
        f"chunks     {status['chunks']}",
        f"embedder   {status['embedder'] or 'none yet'}",
        f"generation {status['generation']}",
        f"format     {status['format']}",
        f"size       {megabytes(status['bytes'])} ({sizes})",
        *(f"failed     {printable(failure['message'])} ({failure['status']})" for failure in status["failed"]),
    ]


def check_lines(checked: Mapping[str, Any]) -> list[str]:
    """Whether an index is sound, and what to do if it is not; see `rag.index.status.check_index`."""
    problems = [printable(problem) for problem in checked["problems"]]
    if checked["sound"]:
        documents, chunks = counted(checked["documents"], "document"), counted(checked["chunks"], "chunk")
        line = f"sound: {documents}, {chunks}, every file read · {checked['seconds']:.1f} s"
        return [*problems, f"repaired, and {line}"] if checked["repaired"] else [line]
    return [
        *problems,
        f"{counted(len(problems), 'problem')}. `rag verify --repair` rebuilds everything but catalog.sqlite. If the catalog "
        "itself is damaged, restore a copy of the index folder, or remove the folder and index its sources again.",
    ]


def cost_lines(costs: Costs) -> list[str]:
    """What files cost, one file a line, then their total, then each failure with its cause."""
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


def _path(source: str) -> str:
    return printable(relative(source))
