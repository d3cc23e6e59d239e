"""A plot of costs against sizes, both logarithmic, as an SVG that needs nothing to be drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50
COLOURS = ("#1b6ca8", "#c8553d", "#3c7d3e", "#8a5aa3", "#b08900")
Points = Sequence[tuple[float, float]]


def growth(points: Points) -> float:
    """The exponent g of cost ~ size^g that fits best: 1 is linear, 0 does not grow."""
    sizes, costs = np.log(np.array(points, float).T)
    return float(np.polyfit(sizes, costs, 1)[0])


def log_plot(title: str, across: str, up: str, curves: Mapping[str, Points]) -> str:
    """The SVG. Each curve is named beside its last point, with its growth."""
    values = [point for points in curves.values() for point in points]
    x_range, y_range = _ends([x for x, _ in values]), _decades([y for _, y in values])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
        *_grid(x_range, y_range),
    ]
    label_rows = _apart([_place(points[-1][1], y_range, HEIGHT - BOTTOM, TOP) for points in curves.values()])
    for (name, points), colour, row in zip(curves.items(), COLOURS, label_rows, strict=False):
        places = [(_place(x, x_range, LEFT, WIDTH - RIGHT), _place(y, y_range, HEIGHT - BOTTOM, TOP)) for x, y in points]
        parts += _curve(places, colour)
        label = f"{name} (n^{growth(points):.2f})" if len(points) > 1 else name
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{row + 4:.1f}" fill="{colour}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _grid(x_range: tuple[float, float], y_range: tuple[float, float]) -> Iterator[str]:
    for value in _marks(x_range):
        x = _place(value, x_range, LEFT, WIDTH - RIGHT)
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:,.0f}</text>'
    for value in _marks(y_range):
        y = _place(value, y_range, HEIGHT - BOTTOM, TOP)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'


def _curve(places: Points, colour: str) -> Iterator[str]:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(max(values), min(values) * 2)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    return 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))


def _marks(ends: tuple[float, float]) -> list[float]:
    """1, 3, 10, 30, … between the ends."""
    first, last = math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1]))
    marks = [digit * 10**power for power in range(first, last + 1) for digit in (1, 3)]
    return [mark for mark in marks if ends[0] * 0.99 <= mark <= ends[1] * 1.01]


def _place(value: float, ends: tuple[float, float], low: float, high: float) -> float:
    share = (math.log(value) - math.log(ends[0])) / (math.log(ends[1]) - math.log(ends[0]))
    return low + share * (high - low)


def _apart(rows: Sequence[float], distance: float = 16) -> list[float]:
    """The rows in their order from top to bottom, moved so that no two labels overlap."""
    moved = list(rows)
    last = -math.inf
    for position in sorted(range(len(rows)), key=lambda i: rows[i]):
        moved[position] = last = max(rows[position], last + distance)
    return moved
