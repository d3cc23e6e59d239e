"""Arabic and Hebrew of a PDF in the order of speech, where pdfium leaves letters and marks in the order of the page.

pdfium turns a line of glyphs around. A glyph that stands for several letters is turned with it ("لا" reads "ال", "حَبيبي" reads
"يبيبَح"), and a vowel mark, a glyph without a width of its own, comes before its letter, with a space that no one wrote.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Box = tuple[float, float, float, float]
    BoxOf = Callable[[int], Box]

_MARKS = (
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08ff"
)
_LETTERS = "\u05d0-\u05f2\u0620-\u064a\u066e\u066f\u0671-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f\u0860-\u08c9"
_RUN = re.compile(f"[{_LETTERS}{_MARKS}]{{2,}}")
_LETTER = re.compile(f"[{_LETTERS}]")
_MARKED = re.compile(f"( ?)([{_MARKS}]+)([{_LETTERS}]?)")
_LATIN_THEN_ARABIC = re.compile("(?<=[A-Za-z])(?=[\u0620-\u064a\u066e-\u06d3])")
_ASCENDING = 0.6  # of the steps from letter to letter
_WORD_SPACE = 0.15  # of a letter's height
_LIGATURES = (*range(0xFB1D, 0xFE00), *range(0xFE70, 0xFF00))


def in_order_of_speech(text: str, box_of: BoxOf) -> str:
    """The text with the letters of each glyph in their order, marks after their letters, and Latin words apart from Arabic ones."""
    text, box_of = with_words_turned_back(with_glyphs_turned_back(text, box_of), box_of)
    return _LATIN_THEN_ARABIC.sub(" ", with_marks_on_letters(text, box_of))


def with_glyphs_turned_back(text: str, box_of: BoxOf) -> str:
    """The text, as long as before, with several letters that have one box put in the order of speech.

    What a ligature of Unicode stands for is in order already: pdfium takes those apart itself.
    """
    letters = list(text)
    for run in _RUN.finditer(text):
        for _, group in groupby(range(*run.span()), key=box_of):
            places = list(group)
            glyph = text[places[0] : places[-1] + 1]
            left, right = box_of(places[0])[:2]
            if len(glyph) > 1 and left < right and not _is_in_order(glyph):
                letters[places[0] : places[-1] + 1] = reversed(glyph)
    return "".join(letters)


def with_words_turned_back(text: str, box_of: BoxOf) -> tuple[str, BoxOf]:
    """The text, as long as before, with words in the order of speech that pdfium gives from left to right, and its letters' boxes.

    pdfium leaves them so in files that Chrome has written.
    """
    places = list(range(len(text)))
    for run in _RUN.finditer(text):
        boxes = [box_of(place) for place in range(*run.span()) if _LETTER.match(text[place])]
        ascending = sum(one[0] + one[1] < other[0] + other[1] for one, other in pairwise(boxes))
        if ascending > _ASCENDING * (len(boxes) - 1):
            places[run.start() : run.end()] = reversed(places[run.start() : run.end()])
    return "".join(text[place] for place in places), lambda position: box_of(places[position])


def with_marks_on_letters(text: str, box_of: BoxOf) -> str:
    """The text with each mark after the letter that it stands over or under, where a space or the wrong order parts the two."""

    def mended(found: re.Match[str]) -> str:
        space, marks, after = found.groups()
        left, right = box_of(found.start(2))[:2]
        before = box_of(found.start() - 1) if found.start() and _LETTER.match(text[found.start() - 1]) else None
        behind = box_of(found.start(3)) if after else None
        apart = space if before is None or behind is None or _is_word_space(before, behind) else ""
        if before and _spans(before, (left + right) / 2):
            return marks + (apart if after else "") + after
        return apart + after + marks if behind and _spans(behind, (left + right) / 2) else found[0]

    return _MARKED.sub(mended, text)


def _spans(box: Box, across: float) -> bool:
    return box[0] <= across <= box[1]


def _is_word_space(right: Box, left: Box) -> bool:
    """Whether the space between two letters is one between words; letters that are joined, or nearly so, are of one word."""
    return right[0] - left[1] > _WORD_SPACE * max(right[3] - right[2], left[3] - left[2])


def _is_in_order(glyph: str) -> bool:
    if unicodedata.combining(glyph[0]):
        return False
    known = _spelt_ligatures()
    return unicodedata.combining(glyph[-1]) > 0 or (glyph in known and glyph[::-1] not in known)


@lru_cache(maxsize=1)
def _spelt_ligatures() -> frozenset[str]:
    """The letters of every ligature that Unicode has a character for, in the order of speech."""
    spelt = (unicodedata.normalize("NFKC", chr(code)) for code in _LIGATURES)
    return frozenset(letters for letters in spelt if len(letters) > 1)
