"""Markdown: the file's own text, marks included, with the places of its headings."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

from rag.documents.text import read
from rag.documents.titles import readable_name, title_like
from rag.types import Document, Heading

# A rule ("---") may open a file too: it is front matter only where a key follows.
_FRONT_MATTER = re.compile(
    r"""\A(---|\+\+\+)[ \t]*\n(?=\s*(?:\[|["']?\w[\w-]*["']?\s*[:=]))(.*?\n)(?:\1|\.\.\.)[ \t]*(?:\n|\Z)""", re.DOTALL
)
_TITLE = re.compile(r"""^title[ \t]*[:=][ \t]*(["']?)(.*?)\1[ \t]*$""", re.MULTILINE | re.IGNORECASE)
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*\}\s*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_MARKS = re.compile(r"\*\*|__|`+|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text as it stands; a heading starts where its line starts. Raises DocumentError when there is no text."""
    text = read(content, source=source)
    front = _FRONT_MATTER.match(text)
    headings = _headings(text, front.end() if front else 0)
    declared = _TITLE.search(front[2]) if front else None
    first = next((heading.text for heading in headings if heading.level == 1), "")
    title = title_like(declared[2] if declared else "") or title_like(first) or readable_name(name)
    return Document(text=text, source=source, title=title, media_type="text/markdown", headings=headings)


def _headings(text: str, begin: int) -> tuple[Heading, ...]:
    """The headings of the text from `begin` on, those inside lists and quotations left out."""
    from markdown_it import MarkdownIt

    body = text[begin:]
    line_starts = list(accumulate((len(line) + 1 for line in body.split("\n")), initial=begin))
    # Only blocks are needed; not parsing the inline marks saves most of the time.
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(body)
    return tuple(
        Heading(line_starts[token.map[0]], int(token.tag[1:]), _plain(content.content))
        for token, content in pairwise(tokens)
        if token.type == "heading_open" and token.map and token.level == 0 and content.content.strip()
    )


def _plain(heading: str) -> str:
    """The heading's words on one line, without marks, link targets and attributes."""
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", _ATTRIBUTES.sub("", heading))).split()) or heading.strip()
