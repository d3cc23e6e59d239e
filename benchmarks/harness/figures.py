"""Measured numbers with their ranges, what they are called, and how JSON keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and the range around it: the least and the most of several rounds, or an interval. Without one, all three are alike.

    `form` and `unit` say how a page shows it. They are no part of the value, and JSON does not keep them.
    """

    value: float
    low: float
    high: float
    form: str = field(default=".4g", compare=False)
    unit: str = field(default="", compare=False)

    @property
    def has_range(self) -> bool:
        return self.low < self.high

    def __str__(self) -> str:
        value, low, high = (f"{number:{self.form}}" for number in (self.value, self.low, self.high))
        if not self.has_range:
            return f"{value}{self.unit}"
        to = " to " if self.low < 0 else "–"
        return f"{value}{self.unit} [{low}{to}{high}]"

    def over(self, other: Figure) -> Figure:
        """The quotient, and how far it can lie off when the two ranges are at odds. `other` is above 0."""
        return Figure(self.value / other.value, self.low / other.high, self.high / other.low)

    def meets(self, other: Figure) -> bool:
        """Whether the two ranges have anything in common."""
        return self.low <= other.high and other.low <= self.high


Figures = dict[str, Figure]


def find(figures: Mapping[str, Figure], pattern: str) -> Figure | None:
    """The last figure whose name is `pattern`, in which `*` stands for anything: of columns by size, the largest."""
    fitting = [figure for name, figure in figures.items() if fnmatchcase(name, pattern)]
    return fitting[-1] if fitting else None


def numbered(names: Iterable[str]) -> list[str]:
    """The names, each told from those before it."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def to_json(figures: Mapping[str, Figure]) -> dict[str, float | list[float]]:
    """A number, or a number with the ends of its range; six digits of each."""
    return {
        name: [_six_digits(end) for end in (one.value, one.low, one.high)] if one.has_range else _six_digits(one.value)
        for name, one in figures.items()
    }


def _six_digits(number: float) -> float:
    return number if isinstance(number, int) else float(f"{number:.6g}")


def from_json(told: Mapping[str, float | Sequence[float]]) -> Figures:
    """The figures that `to_json` wrote."""
    return {name: Figure(*one) if isinstance(one, Sequence) else Figure(one, one, one) for name, one in told.items()}
