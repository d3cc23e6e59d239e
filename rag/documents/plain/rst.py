"""reStructuredText: the file's own text, marks included, with the places of its headings as docutils finds them."""

from __future__ import annotations

import re
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rag.documents.common.metadata import flatten, text_of
from rag.documents.common.titles import readable_name, title_like
from rag.documents.plain.text import line_places, read
from rag.types import Document, Heading

if TYPE_CHECKING:
    from docutils import nodes

_ADORNMENT = re.compile(r"[ \t]*([!-/:-@\[-`{-~])\1*[ \t]*")
_ROLE = re.compile(r"(?::[\w.+:-]+:)?`+(?:!|~[\w.]*\.)?([^`<]*?)(?:\s*<[^`>]*>)?`+_{0,2}")
_MARKS = re.compile(r"\*\*|(?<!\w)[*|](?=\S)|(?<=\S)[*|]_?(?!\w)|(?<=\w)_{1,2}(?!\w)")
_LONGEST_TITLE = 1000
_SETTINGS = {
    # Nothing but the text itself is read, nothing is run, nothing is printed, and no complaint ends the parsing.
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "syntax_highlight": "none",
    "report_level": 5,
    "halt_level": 6,
    "warning_stream": False,
    "line_length_limit": 1_000_000,
    "pep_references": False,
    "rfc_references": False,
}


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text unchanged; a heading starts where its line, or the line above it, starts.

    The fields that open the text (`:Author: …`) are its metadata. Raises DocumentError when there is no text.
    """
    text = read(content, source=source)
    tree = _parse(text)
    headings = _headings(tree, text) if tree else ()
    metadata = flatten(_fields(tree))[0] if tree else {}
    first = next((heading.text for heading in headings if heading.level == 1), "")
    title = title_like(text_of(metadata.get("title", ""))) or title_like(first) or readable_name(name)
    return Document(text, source, title, "text/x-rst", headings=headings, metadata=metadata, places=line_places(text))


def _parse(text: str) -> nodes.document | None:
    """The tree of blocks, marks inside paragraphs left as they are; None where it is nested deeper than can be followed."""
    from docutils.frontend import get_default_settings
    from docutils.parsers.rst import Parser
    from docutils.utils import new_document

    parser = Parser(inliner=_inliner())
    settings = get_default_settings(parser)
    vars(settings).update(_SETTINGS)
    tree = new_document("", settings)
    try:
        parser.parse(text, tree)
    except RecursionError:
        return None
    return tree


@cache
def _inliner() -> Any:
    """Blocks are all that is needed; an inliner that leaves the text alone saves most of the time, and knows no roles."""
    from docutils import nodes
    from docutils.parsers.rst.states import Inliner

    def untouched(text: str, lineno: int, memo: Any, parent: Any) -> tuple[list[nodes.Node], list[Any]]:
        return [nodes.Text(text)], []

    inliner: Any = Inliner()
    inliner.parse = untouched
    return inliner


def _headings(tree: nodes.document, text: str) -> tuple[Heading, ...]:
    from docutils import nodes

    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    found = []
    for section in tree.findall(nodes.section):
        raw, level = section[0].astext(), 1
        above = section.parent
        while isinstance(above, nodes.section):
            level, above = level + 1, above.parent
        at = _line_of(lines, raw, section.line or 0)
        if at is not None and (words := _plain(raw)):
            found.append(Heading(starts[at], level, words))
    return tuple(sorted(found, key=lambda heading: heading.start))


def _line_of(lines: list[str], title: str, near: int) -> int | None:
    """The number from 0 of the line where the heading begins: its title's, or that of the adornment above it."""
    for at in (near - 2, near - 1, near, near - 3):
        if 0 <= at < len(lines) and lines[at].strip() == title.strip():
            over = at > 0 and _ADORNMENT.fullmatch(lines[at - 1]) and lines[at - 1].strip() == lines[at + 1].strip()
            return at - 1 if over else at
    return None


def _fields(tree: nodes.document) -> dict[str, str]:
    """Names and values of the field list that opens the document, or follows its first heading."""
    from docutils import nodes

    blocks = [node for node in tree.children if not isinstance(node, (nodes.comment, nodes.target))]
    if blocks and isinstance(blocks[0], nodes.section):
        blocks = blocks[0].children[1:]
    if not blocks or not isinstance(blocks[0], nodes.field_list):
        return {}
    pairs = (field.children[:2] for field in blocks[0].children)
    return {name.astext(): " ".join(value.astext().split()) for name, value in pairs}


def _plain(title: str) -> str:
    """The title's words on one line, without marks, roles and targets of links."""
    title = " ".join(title[:_LONGEST_TITLE].split())
    return " ".join(_MARKS.sub("", _ROLE.sub(r"\1", title)).split()) or title
