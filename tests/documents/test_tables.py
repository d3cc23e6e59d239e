"""Tables of web pages, books and messages: values stay below their headers."""

from __future__ import annotations

import random
import time

import pytest

from rag.documents import load_bytes


def html(inside: str) -> str:
    """The text of a page with one table."""
    return load_bytes(
        f"<!doctype html><html><body><main><table>{inside}</table></main></body></html>".encode(), source="a.html"
    ).text


def tr(*cells: str) -> str:
    return f"<tr>{''.join(cell if cell.startswith('<') else f'<td>{cell}</td>' for cell in cells)}</tr>"


@pytest.mark.parametrize("attribute", ["", "x", "-3", "0", "1e9"])
def test_a_span_that_is_no_number_is_none(attribute: str) -> None:
    assert html(tr(f"<td colspan='{attribute}'>a</td>", "b") + tr("c", "d")) == "a | b\nc | d"


@pytest.mark.parametrize(
    "rows",
    [
        tr("<td rowspan=999999999 colspan=999999999>a</td>" * 50, "b") + tr("c") * 2000,
        pytest.param(tr("<td rowspan=65534>a</td>" * 3_000) + tr("b") * 3_000, marks=pytest.mark.slow),
        tr("<td rowspan=65534></td>" * 3_000) + tr("b") * 3_000,
        tr("<td>a</td>" * 3_000) + tr("<td colspan=1000></td>" * 19, "b") * 500,
        tr(f"<td rowspan=0>{'w' * 80}</td>" * 2000) + tr("b") * 3_000,
    ],
    ids=["huge numbers", "many spans", "many empty spans", "far columns", "long texts"],
)
def test_spans_made_to_do_harm_cost_nothing(rows: str) -> None:
    began = time.process_time()
    text = html(rows)
    assert len(text) < len(rows) + 10_000_000
    assert time.process_time() - began < 5
    assert text.endswith("b") or text.endswith("c")


@pytest.mark.parametrize("seed", range(20))
def test_values_stand_where_a_browser_shows_them(seed: int) -> None:
    """A grid that is full by construction: random rectangles are merged, and each row's values must come out in their columns."""
    chosen = random.Random(seed)
    rows, columns = chosen.randint(2, 6), chosen.randint(2, 6)
    grid = [[""] * columns for _ in range(rows)]
    cells: list[list[str]] = [[] for _ in range(rows)]
    names = (f"w{number}" for number in range(100))
    for row in range(rows):
        for column in range(columns):
            if not grid[row][column]:
                room = next((i for i in range(column, columns) if grid[row][i]), columns) - column
                wide, high, name = chosen.randint(1, min(room, 2)), chosen.randint(1, min(3, rows - row)), next(names)
                for r in range(row, row + high):
                    for c in range(column, column + wide):
                        grid[r][c] = name if c == column else "-"
                cells[row].append(f"<td colspan={wide} rowspan={high}>{name}</td>")
    shown = html("".join(tr(*row) for row in cells)).split("\n")
    kept = [c for c in range(columns) if any(row[c] != "-" for row in grid)]
    wanted = [[("" if row[c] == "-" else row[c]) for c in kept] for row, own in zip(grid, cells, strict=True) if own]
    assert shown == [" ".join(" | ".join(_without_last(row)).split()) for row in wanted]


def _without_last(row: list[str]) -> list[str]:
    """The row without the empty cells at its end."""
    while row and not row[-1]:
        row = row[:-1]
    return row
