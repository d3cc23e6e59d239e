"""The text of an HTML tree as a reader sees it: paragraphs apart, list items and table rows on lines, headings known."""

from __future__ import annotations

import re
from typing import Any

from rag.documents.common.flow import Flow
from rag.documents.web.tables import Cell, Tables
from rag.types import Heading

_LEVELS = {f"h{level}": level for level in range(1, 7)}
_PARAGRAPHS = ("p", "pre", "blockquote", "table", "ul", "ol", "dl", "section", "article", "figure", "hr", "details", *_LEVELS)
_LINES = ("div", "li", "tr", "td", "th", "dt", "dd", "address", "header", "main", "aside", "form", "fieldset", "figcaption")
# How many line feeds at least stand between an element and what is beside it.
_GAPS = {**dict.fromkeys(_PARAGRAPHS, 2), **dict.fromkeys((*_LINES, "caption", "summary"), 1)}
_UNSEEN = frozenset({"head", "script", "style", "template", "noscript", "svg", "iframe", "object", "canvas", "audio", "video"})
_CONTROLS = frozenset({"button", "select", "datalist", "textarea"})
_FURNITURE = frozenset({"nav", "footer"})
_LEFT_OUT = _UNSEEN | _CONTROLS | _FURNITURE
_FURNITURE_ROLES = frozenset({"navigation", "banner", "contentinfo", "search"})
_PERMALINKS = frozenset({"¶", "#", "§", "🔗"})
# A table row that holds one of these is page layout, not data, and keeps its line breaks.
_LAYOUT = ("table", "ul", "ol", "dl", "pre", "blockquote", "article", "section", *_LEVELS)
_GROUPS = frozenset({"thead", "tbody", "tfoot"})
_FRAMES = _GROUPS | {"table", "tr", "colgroup", "col"}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def render(root: Any) -> tuple[str, tuple[Heading, ...]]:
    """The text below an lxml element, and its headings: `text[h.start:]` begins with `h.text`.

    Menus, footers and what a browser would not show are left out.
    """
    from lxml import etree

    reader = _Reader()
    skipped: Any = None
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if event == "start" and _is_unseen(element):
            skipped = element
            walk.skip_subtree()
        elif event == "start":
            reader.open(element)
        else:
            if element is not skipped:
                reader.close(element)
            if element is not root:
                reader.write(element.tail)
    reader.write_rows()
    return reader.flow.text, tuple(reader.headings)


def _is_unseen(element: Any) -> bool:
    tag = element.tag
    if tag in _LEFT_OUT or element.get("role") in _FURNITURE_ROLES:
        return True
    if element.get("hidden") in ("", "hidden") or element.get("aria-hidden") == "true":
        return True
    if tag == "a" and "".join(element.itertext()).strip() in _PERMALINKS:
        return True
    return _HIDDEN_STYLE.search(element.get("style", "")) is not None


class _Reader:
    """Follows the opening and closing of elements, and says where lines break."""

    def __init__(self) -> None:
        self.flow = Flow()
        self.headings: list[Heading] = []
        self._page = self.flow  # where `flow` returns to at the end of a row, whose cells have texts of their own
        self._heading: tuple[Any, int] | None = None  # the open heading, and the mark where it began
        self._lists: list[int | None] = []  # the last number of each open list; None for bullets
        self._rows: list[list[Cell] | None] = []  # for each open table row its cells; None where it is no data
        self._tables = Tables()
        self._pre = 0

    def open(self, element: Any) -> None:
        tag = element.tag
        if tag not in _FRAMES:
            self.write_rows()
        if tag == "table":
            self.write_rows()
            self._tables.begin()
        self._part(tag)
        if tag in ("ul", "ol"):
            self._lists.append(_number(element.get("start"), 1) - 1 if tag == "ol" else None)
        elif tag == "li":
            self.flow.lead(self._next_bullet(element.get("value")))
        elif tag == "tr":
            self._open_row(element)
        elif tag in ("td", "th") and self._cells is not None:
            self._cells.append(Cell.of(element))
            self.flow = self._cells[-1].flow
        elif tag in _GROUPS:
            self._tables.end_group()
        elif tag in _LEVELS and not self._heading:
            self._heading = element, self.flow.mark()
        self._pre += tag == "pre"
        self.write(element.text)

    def close(self, element: Any) -> None:
        tag = element.tag
        if tag in ("ul", "ol"):
            self._lists.pop()
        elif tag == "tr":
            self._close_row()
        elif tag in _GROUPS:
            self._tables.end_group()
        elif tag == "table" or tag in _LEVELS:
            self.write_rows()
        if tag == "table":
            self._tables.end()
        if tag == "li":
            self.flow.lead("")
        if self._heading and self._heading[0] is element:
            self._end_heading(_LEVELS[tag], self._heading[1])
        self._pre -= tag == "pre"
        if tag != "br":
            self._part(tag)

    def write(self, text: str | None) -> None:
        if text and not text.isspace():
            self.write_rows()
        if text and self._pre:
            self.flow.write_as_is(text)
        elif text:
            self.flow.write(text)

    def write_rows(self) -> None:
        """The rows of data that were read, once all are known between which columns are kept."""
        if self._cells is None:
            for line in self._tables.take():
                self._part("tr")
                self.flow.write(line)
                self._part("tr")

    @property
    def _cells(self) -> list[Cell] | None:
        """The cells of the row of data that is open."""
        return self._rows[-1] if self._rows else None

    def _open_row(self, element: Any) -> None:
        """A row of data, or one that lays out other things. One right inside a row of data goes on with its cells."""
        if self._cells is not None:
            self._rows.append(self._cells)
        elif next(element.iter(*_LAYOUT), None) is None:
            stray = Cell()  # for words outside of cells
            self._rows.append([stray])
            self.flow = stray.flow
        else:
            self.write_rows()
            self._rows.append(None)

    def _close_row(self) -> None:
        cells = self._rows.pop()
        if cells is None:
            self.write_rows()
            self._tables.add([])
        elif self._cells is not cells:
            self._tables.add(cells if cells[0].flow.text else cells[1:])
            self.flow = self._page

    def _part(self, tag: str) -> None:
        """Keep the element apart from its neighbour: by a space inside a heading or a row of data, else by line feeds."""
        gap = _GAPS.get(tag, 0)
        if (gap or tag == "br") and (self._heading or self._cells is not None):
            self.flow.space()
        elif tag == "br":
            self.flow.break_line()
        elif gap:
            self.flow.break_lines(gap)

    def _next_bullet(self, value: str | None) -> str:
        indent = "  " * (len(self._lists) - 1)
        if not self._lists or self._lists[-1] is None:
            return f"{indent}- "
        self._lists[-1] = _number(value, self._lists[-1] + 1)
        return f"{indent}{self._lists[-1]}. "

    def _end_heading(self, level: int, mark: int) -> None:
        start, text = self.flow.since(mark)
        if text:
            self.headings.append(Heading(start, level, text))
        self._heading = None


def _number(text: str | None, otherwise: int) -> int:
    """A number that an element gives to a list or an item."""
    return int(text) if text and re.fullmatch(r"\s*-?\d{1,9}\s*", text, re.ASCII) else otherwise
