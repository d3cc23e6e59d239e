"""An evaluation as one HTML page: no scripts, no external files, all texts escaped."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.evaluation.measures.statistics import gains_over
from rag.evaluation.reasons import MEANINGS
from rag.evaluation.report.plots import gains_plot, means_plot, reasons_plot

if TYPE_CHECKING:
    from rag.evaluation.results import Evaluation

TEMPLATE = "page.html.jinja"
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, characters that change the direction of writing, and lone surrogates."""

MOST_ROWS = 500
LONGEST_CELL = 600


def page(evaluation: Evaluation) -> str:
    """The page as HTML."""
    failed = [row for row in evaluation.questions if row["reason"]]
    html: str = _template().render(
        kind=evaluation.kind,
        facts={**evaluation.before, **evaluation.after},
        figures=evaluation.figures,
        comparisons=evaluation.comparisons,
        means=means_plot(evaluation.figures),
        gains=_gains(evaluation),
        reasons=evaluation.reasons,
        reason_bars=reasons_plot(evaluation.reasons),
        meanings=MEANINGS,
        rows=failed[:MOST_ROWS],
        left_out=max(0, len(failed) - MOST_ROWS),
        total=len(evaluation.questions),
    )
    return html


def plain(text: str) -> str:
    """The text on one line, without invisible characters."""
    return INVISIBLE.sub("", " ".join(text.split()))


def _gains(evaluation: Evaluation) -> list[dict[str, Any]]:
    """For each other configuration, the difference of every question in the first metric."""
    plots = []
    metric, values = next(iter(evaluation.main.values.items()))
    for other in evaluation.figures[1:]:
        gains = gains_over(values, other.values.get(metric, {}))
        if bars := gains_plot(gains):
            names = {"metric": metric, "name": evaluation.main.name, "other": other.name}
            plots.append({**names, "bars": bars, "most": max(map(abs, gains))})
    return plots


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = _cell
    environment.filters["figure"] = _figure
    return environment.from_string(Path(__file__).with_name(TEMPLATE).read_text(encoding="utf-8"))


def _cell(value: object) -> str:
    """A value as text: lists joined, long texts cut, invisible characters removed."""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value)) or "–"
    if value is None or value == "":
        return "–"
    text = plain(f"{value:.4g}" if isinstance(value, float) else str(value))
    return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + " …"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
