"""Positions of the marks in the page's plots, in SVG units. The template decides how they look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.results import Figures

LEFT, WIDTH, RIGHT = 150.0, 440.0, 130.0
ROW, GROUP = 16.0, 14.0
GAINS_WIDTH, GAINS_HEIGHT = 640.0, 160.0


@dataclass(frozen=True, slots=True)
class Mark:
    """The mean of a metric for one configuration: a dot at `x`, a line from `low` to `high`, a colour by `place`."""

    y: float
    x: float
    low: float
    high: float
    place: int
    label: str


@dataclass(frozen=True, slots=True)
class Metric:
    """The marks of one metric, under its name."""

    name: str
    y: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """All metrics on one axis from 0 to 1."""

    height: float
    metrics: tuple[Metric, ...]
    ticks: tuple[tuple[float, str], ...] = tuple((LEFT + WIDTH * part / 5, f"{part / 5:.1f}") for part in range(6))
    width: float = LEFT + WIDTH + RIGHT


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar at (x, y), `width` by `height`, with its label and value."""

    x: float
    y: float
    width: float
    height: float
    name: str
    label: str


def means_plot(figures: Sequence[Figures]) -> Means:
    """Every metric with a dot for each configuration."""
    y = 0.0
    metrics: list[Metric] = []
    for name in figures[0].means:
        marks: list[Mark] = []
        top = y + GROUP
        for place, configuration in enumerate(figures):
            mean = configuration.means.get(name)
            if mean is None:
                continue
            low, high = configuration.intervals.get(name) or (mean, mean)
            marks.append(Mark(top + ROW * len(marks), _x(mean), _x(low), _x(high), place, f"{mean:.3f} [{low:.3f}–{high:.3f}]"))
        if marks:
            metrics.append(Metric(name, top, tuple(marks)))
            y = marks[-1].y + GROUP / 2
    return Means(y + 2 * GROUP, tuple(metrics))


def gains_plot(gains: Sequence[float]) -> tuple[Bar, ...]:
    """A bar for each question, the largest gain first; no bars if no question differs."""
    ordered = sorted(gains, reverse=True)
    most = max(map(abs, ordered), default=0.0)
    if not most:
        return ()
    width, middle = GAINS_WIDTH / len(ordered), GAINS_HEIGHT / 2
    return tuple(
        Bar(
            x=round(width * place, 2),
            y=round(middle - max(gain, 0.0) / most * middle, 1),
            width=round(width, 2),
            height=round(abs(gain) / most * middle, 1),
            name="",
            label=f"{gain:+.3f}",
        )
        for place, gain in enumerate(ordered)
    )


def reasons_plot(reasons: Mapping[str, int]) -> tuple[Bar, ...]:
    """A bar for each reason; its width shows the count."""
    most = max(reasons.values(), default=1)
    return tuple(
        Bar(260.0, 22.0 * place, round(300.0 * count / most, 1), 16.0, reason, str(count))
        for place, (reason, count) in enumerate(reasons.items())
    )


def _x(value: float) -> float:
    return round(LEFT + WIDTH * min(1.0, max(0.0, value)), 1)
