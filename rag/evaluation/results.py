"""The result of an evaluation of any kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rag.evaluation.measures.statistics import compare, interval_of
from rag.types import plain_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.data.runs import Run
    from rag.evaluation.measures.statistics import Comparison, Interval

Values = dict[str, dict[str, float]]
"""Values by metric and question. A question to which a metric does not apply is missing."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The values of one configuration, with means and 95 % intervals. The mean is None for a metric without values."""

    name: str
    values: Values
    means: dict[str, float | None]
    intervals: dict[str, Interval | None]

    @classmethod
    def of(cls, name: str, values: Values) -> Figures:
        """Figures with the means and intervals of the values."""
        lists = {metric: list(by_question.values()) for metric, by_question in values.items()}
        means = {metric: fmean(numbers) if numbers else None for metric, numbers in lists.items()}
        return cls(name, values, means, {metric: interval_of(numbers) for metric, numbers in lists.items()})

    def against(self, other: Figures) -> list[Comparison]:
        """Compare each metric that both have for a common question: this mean minus the other."""
        return [
            compare(metric, self.name, by_question, other.name, other.values[metric])
            for metric, by_question in self.values.items()
            if not by_question.keys().isdisjoint(other.values.get(metric, {}))
        ]

    def to_dict(self) -> dict[str, Any]:
        """The figures as docs/reference/json.md describes them."""
        return plain_dict({"name": self.name, **self.means, "intervals": self.intervals})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation. `kind` is "retrieval", "answers" or "summaries".

    `before` and `after` are the facts before and after the figures in the JSON. `figures` begins with the measured
    configuration; `comparisons` compare it with each of the others. `questions` has a row for each question, whose "reason"
    says why it failed, or is empty. `runs` has the rankings by configuration, if there are any.
    """

    kind: str
    before: dict[str, Any]
    after: dict[str, Any]
    figures: tuple[Figures, ...]
    comparisons: tuple[Comparison, ...] = ()
    questions: tuple[dict[str, Any], ...] = ()
    runs: Mapping[str, Run] = field(default_factory=dict)

    @property
    def main(self) -> Figures:
        """The measured configuration."""
        return self.figures[0]

    @property
    def reasons(self) -> dict[str, int]:
        """Number of failed questions by reason, the most frequent first."""
        counts = Counter(row["reason"] for row in self.questions if row.get("reason"))
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as docs/reference/json.md describes it. Rows and rankings have separate files."""
        record: dict[str, Any] = {**self.before, **self.main.means, **self.after, "intervals": self.main.intervals}
        record["reasons"] = self.reasons
        if len(self.figures) > 1:
            record["runs"] = [figures.to_dict() for figures in self.figures]
            record["comparisons"] = [comparison.to_dict() for comparison in self.comparisons]
        return plain_dict(record)


def compared(main: Figures, others: Sequence[Figures]) -> tuple[Comparison, ...]:
    """Compare the first configuration with each of the others."""
    return tuple(comparison for other in others for comparison in main.against(other))
