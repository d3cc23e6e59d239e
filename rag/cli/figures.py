"""The lines that an evaluation prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.evaluation.report.page import plain
from rag.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.evaluation.results import Evaluation, Figures

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
    named = [f"{name} {_value(facts[name])}" for name in FACTS[evaluation.kind] if facts.get(name) not in (None, 0)]
    lines = [" · ".join([*named, f"{facts['seconds']:.1f} s"]), ""]
    for figures in evaluation.figures:
        lines += _figures(figures, has_name=len(evaluation.figures) > 1)
    if facts.get("auroc") is not None:
        lines.append(f"  {'auroc of evidence':<{NAME}} {facts['auroc']:.3f}")
    if evaluation.comparisons:
        lines += ["", *map(_comparison, evaluation.comparisons)]
    if unknown := facts.get("unknown_sources"):
        lines += ["", f"not in the index: {counted(len(unknown), 'expected source')}, such as {_short(unknown[0])}"]
    return lines + _failed(evaluation)


def _figures(figures: Figures, *, has_name: bool) -> list[str]:
    lines = [plain(figures.name)] if has_name else []
    for metric, mean in figures.means.items():
        if mean is not None:
            interval = figures.intervals[metric]
            range_ = f"  [{interval[0]:.3f}–{interval[1]:.3f}]" if interval else ""
            lines.append(f"  {plain(metric):<{NAME}} {mean:.3f}{range_}")
    return lines


def _comparison(difference: Any) -> str:
    interval, p = difference.interval, difference.p
    range_ = f" [{interval[0]:+.3f} to {interval[1]:+.3f}]" if interval else ""
    if p is not None:
        range_ += ", p <.001" if p < 0.001 else f", p {p:.3f}"
    names = f"{plain(difference.name)} over {plain(difference.other)}, {difference.questions}"
    return f"  {plain(difference.metric):<{NAME}} {difference.difference:+.3f}{range_}  {names}"


def _failed(evaluation: Evaluation) -> list[str]:
    failed = [row for row in evaluation.questions if row["reason"]]
    if not failed:
        return []
    counts = ", ".join(f"{count} {reason}" for reason, count in evaluation.reasons.items())
    lines = ["", f"{len(failed)} of {counted(len(evaluation.questions), 'question')} failed: {counts}"]
    lines += [
        f"  {_short(row['id'], 28)}  {row['reason']}: {_short(row['question'])}{_detail(row)}" for row in failed[:MOST_SHOWN]
    ]
    if len(failed) > MOST_SHOWN:
        lines.append(f"  … and {len(failed) - MOST_SHOWN} more; --output DIR has them all")
    return lines


def _detail(row: Mapping[str, Any]) -> str:
    """The error of a failed question, or the sources that were expected."""
    if row.get("error"):
        return f" · {_short(row['error'])}"
    expected = ", ".join(map(str, row.get("expected", ())))
    return f" · expected {_short(expected)}" if expected else ""


def _short(value: object, longest: int = LONGEST) -> str:
    text = plain(str(value))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _value(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else plain(str(value))
