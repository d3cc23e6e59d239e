"""What an evaluation comes to, whatever it measures."""

from __future__ import annotations

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
"""For each metric, values by question. A question that a metric says nothing of is not there."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The values of one configuration, their means and how sure these are; a metric without a value has the mean None."""

    name: str
    values: Values
    means: dict[str, float | None]
    intervals: dict[str, Interval | None]

    @classmethod
    def of(cls, name: str, values: Values) -> Figures:
        """Means and intervals over the questions."""
        lists = {metric: list(by_question.values()) for metric, by_question in values.items()}
        means = {metric: fmean(numbers) if numbers else None for metric, numbers in lists.items()}
        return cls(name, values, means, {metric: interval_of(numbers) for metric, numbers in lists.items()})

    def against(self, other: Figures) -> list[Comparison]:
        """Every metric that both have of a common question, this configuration's mean minus the other's."""
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
    """What was measured. `kind` is "retrieval", "answers" or "summaries".

    `before` and `after` are the facts that stand around the figures in the JSON. `figures` begins with the configuration that was
    asked for; `comparisons` hold it against each of the others. `questions` has a row for each question, with the reason why it
    failed, or an empty one. `runs` has the rankings by configuration, where there are any.
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
        """The configuration that was asked for."""
        return self.figures[0]

    @property
    def reasons(self) -> dict[str, int]:
        """Why questions failed, and how many for each reason, the most frequent first."""
        told = [row["reason"] for row in self.questions if row.get("reason")]
        return {reason: told.count(reason) for reason in sorted(set(told), key=lambda reason: (-told.count(reason), reason))}

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as docs/reference/json.md describes it; rows and rankings are in files of their own."""
        told: dict[str, Any] = {**self.before, **self.main.means, **self.after, "intervals": self.main.intervals}
        told["reasons"] = self.reasons
        if len(self.figures) > 1:
            told["runs"] = [figures.to_dict() for figures in self.figures]
            told["comparisons"] = [comparison.to_dict() for comparison in self.comparisons]
        return plain_dict(told)


def compared(main: Figures, others: Sequence[Figures]) -> tuple[Comparison, ...]:
    """The first configuration against each of the others."""
    return tuple(comparison for other in others for comparison in main.against(other))
