"""Markdown: the file's own text, marks included, with the places of its headings."""

from __future__ import annotations

import re
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from rag.documents.common.front_matter import read_front_matter
from rag.documents.common.metadata import text_of
from rag.documents.common.titles import readable_name, title_like
from rag.documents.plain.text import line_places, read
from rag.types import Document, Heading

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*\}\s*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_MARKS = re.compile(r"\*\*|__|`+|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text unchanged; a heading starts where its line starts. Raises DocumentError when there is no text."""
    text = read(content, source=source)
    metadata, begin = read_front_matter(text)
    headings = headings_of(text, begin)
    first = next((heading.text for heading in headings if heading.level == 1), "")
    title = title_like(text_of(metadata.get("title", ""))) or title_like(first) or readable_name(name)
    return Document(text, source, title, "text/markdown", headings=headings, metadata=metadata, places=line_places(text))


def headings_of(text: str, begin: int = 0) -> tuple[Heading, ...]:
    """The headings of a Markdown text from `begin` on, those inside lists and quotations left out."""
    body = text[begin:]
    line_starts = list(accumulate((len(line) + 1 for line in body.split("\n")), initial=begin))
    tokens = _parser().parse(body)
    return tuple(
        Heading(line_starts[token.map[0]], int(token.tag[1:]), _plain(content.content))
        for token, content in pairwise(tokens)
        if token.type == "heading_open" and token.map and token.level == 0 and content.content.strip()
    )


@cache
def _parser() -> MarkdownIt:
    """Only blocks are needed; not parsing the inline marks saves most of the time."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable("inline")


def _plain(heading: str) -> str:
    """The heading's words on one line, without marks, link targets and attributes."""
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", _ATTRIBUTES.sub("", heading))).split()) or heading.strip()
