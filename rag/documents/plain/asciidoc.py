"""AsciiDoc: the file's own text, marks included, with the places of its headings and the attributes of its header."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rag.documents.common.front_matter import read_front_matter
from rag.documents.common.metadata import flatten, text_of
from rag.documents.common.titles import readable_name, title_like
from rag.documents.plain.text import line_places, read
from rag.types import Document, Heading

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE_LINE = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*?)(?:[ \t]+\1)?[ \t]*")
_UNDERLINE = re.compile(r"(=+|-+|~+|\^+|\++)[ \t]*")
_UNDERLINE_LEVELS = "=-~^+"
_UNDERLINED = re.compile(r"[^\s.\[|].*\w.*")
_VERBATIM = re.compile(r"(-{4,}|\.{4,}|\+{4,}|/{4,}|`{3,})[\w,+-]*[ \t]*")
_COMPOUND = re.compile(r"(={4,}|\*{4,}|_{4,}|--|[|,:!]={3,})[ \t]*")
_BESIDE = re.compile(r"\[.*\][ \t]*|:!?[\w-]+!?:.*|//.*|\.\S.*|")
"""What may stand right above a heading: its attributes, an entry, a comment, a caption, nothing."""

_ATTRIBUTE = re.compile(r":([\w-]+):[ \t]*(.*)")
_AUTHOR = re.compile(r"([^\W\d_][\w.'-]*(?: [\w.'-]+){0,3})(?: <([^<>]+)>)?(?:;.*)?")
_REVISION = re.compile(r"(?:v?([\d.]+)(?:,[ \t]*|(?=:|\Z)))?(\d[^:]*)?(?::.*)?")
_MARKS = re.compile(r"`+|\*\*?(?=\S)|(?<=\S)\*\*?|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)|\[\[[^\]]*\]\]")
_LINK = re.compile(r"(?:(?:https?|link|xref):[^\s\[\]]*|<<[^<>,]*,?)(?:\[([^\[\]]*)\]|([^<>]*)>>)")
_LONGEST_TITLE = 1000
"""Characters from which on a line is neither a title nor any other part of a header."""

_Found = tuple[int, int, str]
"""Number of the line from 0, level, title."""


def load(content: bytes, *, source: str, name: str) -> Document:
    """The text unchanged; a heading starts where its line starts. Raises DocumentError when there is no text."""
    text = read(content, source=source)
    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    headings = tuple(Heading(starts[at], level, words) for at, level, title in _headings(lines) if (words := _plain(title)))
    metadata = {**read_front_matter(text)[0], **flatten(_header(lines))[0]}
    first = next((heading.text for heading in headings if heading.level == 1), "")
    title = title_like(text_of(metadata.get("title", ""))) or title_like(first) or readable_name(name)
    return Document(text, source, title, "text/asciidoc", headings=headings, metadata=metadata, places=line_places(text))


def _headings(lines: list[str]) -> Iterator[_Found]:
    """The headings outside of delimited blocks, in either of the two ways to write them."""
    blocks: list[str] = []
    skip = -1
    for number, line in enumerate(lines):
        if number == skip:
            continue
        fence = _VERBATIM.fullmatch(line) or _COMPOUND.fullmatch(line)
        if blocks and line.rstrip() == blocks[-1]:
            blocks.pop()
        elif blocks and _VERBATIM.fullmatch(blocks[-1]):
            continue
        elif fence:
            blocks.append(fence[1])
        elif not blocks and (found := _heading_at(lines, number)):
            yield found
            skip = number + 1 if _ONE_LINE.fullmatch(line) is None else -1


def _heading_at(lines: list[str], number: int) -> _Found | None:
    line = lines[number]
    if len(line) > _LONGEST_TITLE:
        return None
    if one := _ONE_LINE.fullmatch(line):
        return number, len(one[1]), one[2]
    below = _UNDERLINE.fullmatch(lines[number + 1]) if number + 1 < len(lines) else None
    if below is None or not _UNDERLINED.fullmatch(line) or abs(len(below[1]) - len(line.rstrip())) > 1:
        return None
    if number and not _BESIDE.fullmatch(lines[number - 1]):
        return None
    return number, _UNDERLINE_LEVELS.index(below[1][0]) + 1, line


def _header(lines: list[str]) -> dict[str, Any]:
    """What the document's header says: author, revision and date below its title, and the attributes around these."""
    said: dict[str, Any] = {}
    below = -1  # lines since the title
    for number, line in enumerate(lines):
        if len(line) > _LONGEST_TITLE:
            break
        attribute = _ATTRIBUTE.fullmatch(line)
        if attribute:
            said.setdefault(attribute[1].lower(), attribute[2].strip())
        elif below < 0 and (found := _heading_at(lines, number)):
            if found[1] > 1:
                break
            below = 0 if _ONE_LINE.fullmatch(line) else -1
        elif below == 0 and (author := _AUTHOR.fullmatch(line.rstrip())):
            said |= {"author": author[1], "email": author[2]}
            below = 1
        elif below == 1 and (revision := _REVISION.fullmatch(line.rstrip())) and any(revision.groups()):
            said |= {"revnumber": revision[1], "revdate": (revision[2] or "").strip()}
        elif below >= 0 if not line.strip() else not line.startswith("//"):
            break
    return said


def _plain(title: str) -> str:
    """The title's words on one line, without marks and targets of links."""
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1\2", title)).split()) or title.strip()
