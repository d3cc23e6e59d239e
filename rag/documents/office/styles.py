"""The styles of a Word document, as far as they say what a paragraph is: a heading, an item of a list, code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.documents.office.package import number, value

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADING = re.compile(r"heading ([1-9])")
_CODE = re.compile(r"\b(source code|code|preformatted|verbatim|code block|macro)\b")
_MONOSPACE = re.compile(r"\b(mono|courier|consolas|menlo|monaco|code|terminal|fixedsys)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    parent: str
    outline: str | None
    numbering: str | None
    level: str | None
    font: str


class Styles:
    """Paragraph styles by id, each taking from the one that it is based on."""

    def __init__(self, root: Any = None) -> None:
        found = [] if root is None else root.iterfind("{*}style")
        self._styles = {value(element, name="styleId") or "": _style(element) for element in found}

    def heading_level(self, style: str) -> int:
        """1 and deeper for the styles of headings and the title, 0 for others. Names are English in every language of Word."""
        for one in self._chain(style):
            if one.outline is not None:
                level = number(one.outline, 9) + 1
                return level if level <= 9 else 0
            if heading := _HEADING.fullmatch(one.name):
                return int(heading[1])
            if one.name == "title":
                return 1
        return 0

    def numbering(self, style: str) -> tuple[str, str | None]:
        """The list that a style belongs to, and its level there if that is said; "" for none."""
        found = next((one for one in self._chain(style) if one.numbering is not None), None)
        return (found.numbering or "", found.level) if found else ("", None)

    def is_code(self, style: str) -> bool:
        """Whether spaces count in paragraphs of this style."""
        return any(_CODE.search(one.name) for one in self._chain(style))

    def is_monospaced(self, style: str) -> bool:
        """Whether a style is written in letters of one width, which code is."""
        return any(is_monospace(one.font) for one in self._chain(style))

    def _chain(self, style: str) -> Iterator[_Style]:
        """The style and what it is based on, nearest first; a circle ends where it would close."""
        seen = set[str]()
        while style in self._styles and style not in seen:
            seen.add(style)
            yield self._styles[style]
            style = self._styles[style].parent


def is_monospace(font: str | None) -> bool:
    """Whether a font's name is that of letters of one width."""
    return bool(font and _MONOSPACE.search(font))


def _style(element: Any) -> _Style:
    return _Style(
        name=(value(element, "name") or "").lower(),
        parent=value(element, "basedOn") or "",
        outline=value(element, "pPr/outlineLvl"),
        numbering=value(element, "pPr/numPr/numId"),
        level=value(element, "pPr/numPr/ilvl"),
        font=value(element, "rPr/rFonts", name="ascii") or "",
    )
