"""The lines that a person reads: answers, passages, tables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rag.notebook import place, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rag.types import Answer, Citation, Hit, Sentence

WIDTH = 100
PASSAGE_CHARACTERS = 300
COLUMN = 48
NOTES = {"none": " (not supported)", "partial": " (partly supported)"}


def relative(source: str) -> str:
    """The path relative to the current folder, if that is shorter."""
    if not os.path.isabs(source):  # noqa: PTH117 (a source may be any string)
        return source
    here = os.path.relpath(source)
    return here if len(here) < len(source) else source


def where(item: Hit | Citation) -> str:
    """Source, pages and heading of a passage, as in "handbook.pdf, p. 3 · Safety"."""
    words = place({"source": relative(item.source), "pages": item.pages, "place": item.place})
    if heading := getattr(item, "heading", ""):
        words += f" · {heading}"
    return printable(words)


def sentence_text(sentence: Sentence) -> str:
    """The sentence with its markers, and a note if the sources do not fully support it."""
    return printable(sentence.cited_text) + NOTES.get(sentence.support, "")


def answer_lines(answer: Answer, *, with_text: bool = True) -> list[str]:
    """The answer and its sources with their quotes, or the nearest passages if there is no answer."""
    if not answer.answerable:
        lines = [answer.text]
        if answer.hits:
            lines += ["", "Nearest passages:", *(f"  {where(hit)}: {_shortened(hit.text, 120)}" for hit in answer.hits[:3])]
        return lines
    lines = [" ".join(sentence_text(sentence) for sentence in answer.sentences), ""] if with_text else [""]
    for citation in answer.citations:
        lines += [f"  [{citation.marker}] {where(citation)}", *_wrapped(f"“{printable(citation.quote)}”", "      ")]
    return lines


def answer_footnote(answer: Answer) -> str:
    """One line with the model, the evidence, the time, and whether the answer was cut."""
    cut = " · cut at --max-tokens" if answer.cut else ""
    return f"{answer.model} · evidence {answer.evidence:.2f} · {answer.seconds:.1f} s{cut}"


def hit_lines(hits: Iterable[Hit]) -> list[str]:
    """Each passage with its rank, score and place."""
    lines = []
    for hit in hits:
        lines += [f"{hit.rank:3}. {hit.score:.3f}  {where(hit)}", *_wrapped(_shortened(hit.text, PASSAGE_CHARACTERS), "     ")]
    return lines


def megabytes(size: int) -> str:
    """A number of bytes in megabytes, as in "1.5 MB"."""
    return f"{size / 1e6:.1f} MB"


def table_lines(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> list[str]:
    """A table with aligned columns, numbers to the right. A cell longer than COLUMN shifts only its own line."""
    cells = [[_cell(value) for value in row] for row in (header, *rows)]
    widths = [min(COLUMN, max(map(len, column))) for column in zip(*cells, strict=True)]
    numeric = [all(isinstance(row[i], int) or row[i] is None for row in rows) for i in range(len(header))]
    aligned = [str.rjust if is_number else str.ljust for is_number in numeric]
    return [
        "  ".join(align(cell, width) for cell, width, align in zip(row, widths, aligned, strict=True)).rstrip() for row in cells
    ]


def _cell(value: Any) -> str:
    return "" if value is None else printable(str(value))


def display_path(path: Path) -> str:
    """The path of an index or file for messages, relative to the current folder if that is shorter."""
    return relative(str(path.absolute()))


def _shortened(text: str, characters: int) -> str:
    line = printable(text)
    return line if len(line) <= characters else line[:characters].rsplit(" ", 1)[0] + " …"


def _wrapped(text: str, indent: str) -> list[str]:
    from textwrap import wrap

    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
