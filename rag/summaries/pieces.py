"""Document → pieces: spans that end at a heading, page, paragraph, sentence or word, and are as large as a prompt may be.

The end of a piece depends only on its start and on the text near its end. So after a change in a document, the cuts soon fall
on the same places as before, and the later pieces are the same (as in content-defined chunking; Muthitacharoen, Chen and
Mazières, "A Low-bandwidth Network File System", SOSP 2001).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zlib import crc32

from rag.types import Passage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rag.types import Document

    Measure = Callable[["Piece"], int]

CHARACTERS_A_TOKEN = 3.0
"""An estimate for text that has not been counted yet."""

AIM = 0.94
"""Share of the room that a piece should take. The rest is a margin for text with more tokens per character."""

WORTH_LENGTHENING = 0.7
EARLIEST_HEADING, EARLIEST_BREAK, EARLIEST_MARKED = 0.4, 0.6, 0.85
"""Shares of the room after which a cut may fall: before the highest heading in the last 60 %, else at the last other boundary in
the last 40 %. Paragraphs in the last 15 % come first, at the one whose text has the lowest hash. A short piece is better than a
section in two pieces."""

MARK_CHARACTERS = 48

PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
SENTENCE = re.compile(r"(?<=[.!?…])['\"”’)]?\s+|(?<=[。！？])|\n")
WORD = re.compile(r"\s+|(?<=[,;、，])")


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of a document, without white space at its ends: `document.text[start:end] == text`. `tokens` is the size of its prompt."""

    document: Document
    number: int
    start: int
    end: int
    tokens: int = 0

    @property
    def text(self) -> str:
        """The document's text from `start` to `end`."""
        return self.document.text[self.start : self.end]

    @property
    def heading(self) -> str:
        """The headings above its start."""
        return self.document.heading_at(self.start)

    @property
    def passage(self) -> Passage:
        """The piece as a verifier sees it."""
        return passage_of(self.document, self.number + 1, self.start, self.end)


def passage_of(document: Document, number: int, start: int, end: int) -> Passage:
    """A span of a document as a verifier sees it."""
    return Passage(
        number,
        document.text[start:end],
        document.source,
        document.title,
        document.pages_of(start, end),
        document.heading_at(start),
        start,
        place=document.place_of(start, end),
    )


def cut(document: Document, *, room: int, measure: Measure, characters_a_token: float = CHARACTERS_A_TOKEN) -> Iterator[Piece]:
    """Cut a document into pieces of at most `room` tokens, counted by `measure`. They cover all text except white space.

    With an accurate `characters_a_token`, most pieces are counted only once.
    """
    cutter = _Cutter(document, room, measure, characters_a_token)
    while (piece := cutter.next_piece()) is not None:
        yield piece


class _Cutter:
    """Cuts one piece after the other from the front of a document."""

    def __init__(self, document: Document, room: int, measure: Measure, characters_a_token: float) -> None:
        self._document = document
        self._measure = measure
        self._breaks = _Breaks(document)
        self._overhead = measure(Piece(document, 0, 0, 0))
        self._room = room
        self._usual = max(1, int(AIM * (room - self._overhead) * characters_a_token))
        self._start, self._number = _skip(document.text, 0), 0

    def next_piece(self) -> Piece | None:
        """The next piece; None after the last one."""
        if self._start >= len(self._document.text):
            return None
        length = self._balanced(self._usual)
        piece = self._tried(length)
        longer = self._balanced(self._fitting(piece))
        if piece.tokens < WORTH_LENGTHENING * self._room and longer > 1.3 * length:
            longer_piece = self._tried(longer)
            if longer_piece.tokens <= self._room:
                piece, length = longer_piece, longer
        while piece.tokens > self._room and piece.end > piece.start + 1:
            length = max(1, min(length - 1, piece.end - piece.start - 1, self._balanced(self._fitting(piece))))
            piece = self._tried(length)
        self._start, self._number = _skip(self._document.text, piece.end), self._number + 1
        return piece

    def _balanced(self, length: int) -> int:
        """The length of the next piece. Two equal pieces are better than a full one and a nearly empty one."""
        left = len(self._document.text) - self._start
        if left <= length:
            return left
        return left // 2 + 1 if left < 1.6 * length else length

    def _fitting(self, piece: Piece) -> int:
        """Characters that fill the room, if the text has as many tokens per character as this piece."""
        share = (self._room - self._overhead) / max(1, piece.tokens - self._overhead)
        return max(1, int(AIM * share * (piece.end - piece.start)))

    def _tried(self, length: int) -> Piece:
        piece = Piece(self._document, self._number, self._start, self._breaks.before(self._start, self._start + length))
        return replace(piece, tokens=self._measure(piece))


def _skip(text: str, position: int) -> int:
    """The position of the first character from `position` on that is not white space."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position


class _Breaks:
    """The boundaries at which a document may be cut."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._headings = [heading.start for heading in document.headings]
        self._levels = [heading.level for heading in document.headings]
        self._pages = list(document.page_starts)

    def before(self, start: int, most: int) -> int:
        """The end of a piece that begins at `start` and ends no later than `most`, without white space at its end."""
        end = self._best(start, most) if most < len(self._text) else len(self._text)
        return max(start + len(self._text[start:end].rstrip()), start + 1)

    def _best(self, start: int, most: int) -> int:
        def after(share: float) -> int:
            return start + max(1, int(share * (most - start)))

        first, end = bisect_left(self._headings, after(EARLIEST_HEADING)), bisect_right(self._headings, most)
        if first < end:
            highest = max(range(first, end), key=lambda at: (-self._levels[at], at))
            return self._headings[highest]
        earliest = after(EARLIEST_BREAK)
        pages_before = bisect_right(self._pages, most)
        if pages_before and self._pages[pages_before - 1] >= earliest:
            return self._pages[pages_before - 1]
        marked = [match.end() for match in PARAGRAPH.finditer(self._text, after(EARLIEST_MARKED), most)]
        if marked:
            return min(marked, key=lambda end: crc32(self._text[end : end + MARK_CHARACTERS].encode("utf-8", "replace")))
        for boundary in (PARAGRAPH, SENTENCE, WORD):
            ends = [match.end() for match in boundary.finditer(self._text, earliest, most)]
            if ends:
                return ends[-1]
        return most
