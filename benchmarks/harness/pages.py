"""A benchmark's page: text and tables, from which both the Markdown and the figures are made.

    page("## Speed", table(("", "seconds"), [("ours", spread([1, 2, 4]))])).figures  # {"Speed | ours | seconds": Figure(2, 1, 4)}

A cell that is a number or a `Figure` is a figure; text is text, whatever it holds. A figure is named `HEADING | ROW | COLUMN`.
Where a cell is a tuple of several (`0.9 / 0.8`), the corner of its table names them (`median / mean`), and the name goes on
with `| mean`. Rows that begin alike have their other texts in their names. Names that are still alike are counted: `p95`,
`p95 (2)`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.figures import Figure, Figures, from_json, numbered, to_json

FIGURES = "BENCH_FIGURES"
"""Environment variable: the file to which `publish` adds a line of JSON with the figures."""

SEVERAL = " / "
Cell = str | int | float | Figure | tuple[int | float | Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The names of the columns and the rows of a Markdown table."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __str__(self) -> str:
        """Markdown; the columns after the first are aligned to the right."""
        lines = [self.header, ["---", *["---:"] * (len(self.header) - 1)], *self.rows]
        return "\n".join("| " + " | ".join(map(shown, line)) + " |" for line in lines)

    def figures(self, heading: str) -> Iterator[tuple[str, Figure]]:
        """Every figure and its name below a heading, row by row."""
        corner, *names = map(bare, self.header)
        columns = numbered(names)
        for label, row in zip(_labels(self.rows), self.rows, strict=True):
            for column, cell in zip(columns, row[1:], strict=False):
                for name, figure in _of_cell(cell, corner):
                    yield " | ".join(filter(None, (heading, label, column, name))), figure


@dataclass(frozen=True, slots=True)
class Page:
    """Markdown, and the figures in its tables."""

    markdown: str
    figures: Figures


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    return Table(list(header), [list(row) for row in rows])


def page(*blocks: str | Table | Page) -> Page:
    """The blocks one below the other, empty ones left out. A table belongs to the last heading above it."""
    parts, figures, heading = [], Figures(), ""
    for block in blocks:
        markdown = block.markdown if isinstance(block, Page) else str(block)
        if isinstance(block, Table):
            add_figures(figures, block.figures(heading))
        elif isinstance(block, Page):
            add_figures(figures, block.figures.items())
        heading = _last_heading(markdown) or heading
        parts.append(markdown.strip("\n"))
    return Page("\n\n".join(filter(None, parts)), figures)


def publish(page: Page, output: Path | None) -> None:
    """Print the page, and write it to a file where one is named. Its figures go to the file that `FIGURES` names."""
    print(page.markdown)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page.markdown + "\n", encoding="utf-8")
    if path := os.environ.get(FIGURES):
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(to_json(page.figures), ensure_ascii=False) + "\n")


def published_figures(path: Path) -> Figures:
    """The figures that all pages of a run added to a file."""
    figures = Figures()
    for line in path.read_text(encoding="utf-8").splitlines():
        add_figures(figures, from_json(json.loads(line)).items())
    return figures


def add_figures(figures: Figures, more: Iterable[tuple[str, Figure]]) -> None:
    """Add figures under names that are still free."""
    for name, figure in more:
        figures[_unused(name, figures)] = figure


def shown(cell: Cell) -> str:
    return SEVERAL.join(map(str, cell)) if isinstance(cell, tuple) else str(cell)


def bare(text: str) -> str:
    """A cell's text without Markdown's marks."""
    return re.sub(r"\*\*|`", "", text).strip()


def _last_heading(markdown: str) -> str:
    headings = re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)
    return headings[-1].strip() if headings else ""


def _labels(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """What each row is about: its first cell, and its other texts where several rows begin alike."""
    firsts = [bare(shown(row[0])) for row in rows]
    if len(set(firsts)) == len(firsts):
        return firsts
    texts = [[bare(cell) for cell in row[1:] if isinstance(cell, str) and cell] for row in rows]
    return [", ".join([first, *more]) for first, more in zip(firsts, texts, strict=True)]


def _of_cell(cell: Cell, corner: str) -> Iterator[tuple[str, Figure]]:
    """The figures of a cell; of several, each with the corner's name for it. Raises ValueError where names are missing."""
    if isinstance(cell, tuple):
        names = corner.partition(",")[0].split(SEVERAL)
        for name, one in zip(names, cell, strict=True):
            yield name, _figure(one)
    elif not isinstance(cell, str):
        yield "", _figure(cell)


def _figure(cell: int | float | Figure) -> Figure:
    return cell if isinstance(cell, Figure) else Figure(cell, cell, cell)


def _unused(name: str, taken: Mapping[str, Figure]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
