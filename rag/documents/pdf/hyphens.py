"""Words that a line end divides: was the hyphen part of the word ("non-GAAP") or only of the line ("consec-tetuer")?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

MARKER = "\ufffe"
"""What pdfium puts in the place of a hyphen at a line's end, when it joins the two lines."""

_TOKEN = re.compile(r"[\w-]+")
_BEFORE = re.compile(r"(-?)(\w*)\Z")
_AFTER = re.compile(r"\w*")
_LONGEST = 60  # characters of a word's half that are looked at
_NOT_JOINED = re.compile(r"(?<=[^\W\d_])[-\u2010]\n(?=[^\W\d_])")
_PAGE_ENDS_IN = re.compile(r"[^\W\d_][-\u2010]\s*\Z")
_PAGE_BEGINS_WITH = re.compile(r"\s*([^\W\d_]\S*)[^\S\n]?")


class _Vocabulary:
    """How a document writes its words where no line end divides them."""

    def __init__(self, pages: Sequence[str]) -> None:
        self.words: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        tokens: Counter[str] = Counter()
        for page in pages:
            tokens.update(_TOKEN.findall(_without_divided(page).casefold()))
        for token, count in tokens.items():
            parts = [part for part in token.split("-") if part]
            for part in parts:
                self.words[part] += count
            for pair in pairwise(parts):
                self.pairs[pair] += count

    def keeps_hyphen(self, left: str, right: str) -> bool:
        """Whether the two halves are a compound rather than one word."""
        first, second = left.casefold(), right.casefold()
        hyphenated, joined = self.pairs[first, second], self.words[first + second]
        if hyphenated != joined:
            return hyphenated > joined
        if not left or not right or not right[0].islower():
            return bool(left or right)
        return self.words[first] > 0 and self.words[second] > 0


def join_divided_words(pages: Sequence[str]) -> list[str]:
    """The pages with every divided word whole, judged by how the document writes it elsewhere.

    A word that a page's end divides stands whole on the page where it begins.
    """
    marked = _joined_across_pages(
        [_NOT_JOINED.sub(MARKER, page) if "-\n" in page or "\u2010\n" in page else page for page in pages]
    )
    if not any(MARKER in page for page in marked):
        return marked
    vocabulary = _Vocabulary(marked)
    return [_resolved(page, vocabulary) if MARKER in page else page for page in marked]


def _joined_across_pages(pages: list[str]) -> list[str]:
    for number in range(len(pages) - 1):
        if not _PAGE_ENDS_IN.search(pages[number][-_LONGEST:]):
            continue
        rest = _PAGE_BEGINS_WITH.match(pages[number + 1])
        if rest and rest[1][0].islower():
            pages[number] = pages[number].rstrip()[:-1] + MARKER + rest[1]
            pages[number + 1] = pages[number + 1][rest.end() :]
    return pages


def _resolved(page: str, vocabulary: _Vocabulary) -> str:
    text, *rest = page.split(MARKER)
    done = [text]
    for piece in rest:
        dash, left = _halves(_BEFORE, text, slice(-_LONGEST, None))
        right = piece[: _end_of_word(piece)]
        # "proof-of-concept" goes on as it began
        done += ["-" if dash or vocabulary.keeps_hyphen(left, right) else "", piece]
        text = piece
    return "".join(done)


def _halves(pattern: re.Pattern[str], text: str, part: slice) -> tuple[str, str]:
    found = pattern.search(text[part])
    return (found[1], found[2]) if found else ("", "")


def _end_of_word(text: str) -> int:
    found = _AFTER.match(text, 0, _LONGEST)
    return found.end() if found else 0


def _without_divided(page: str) -> str:
    """The page with a space in the place of each divided word."""
    if MARKER not in page:
        return page
    pieces = page.split(MARKER)
    for number, piece in enumerate(pieces):
        start = _end_of_word(piece) if number else 0
        left = len("".join(_halves(_BEFORE, piece[-_LONGEST:], slice(None)))) if number < len(pieces) - 1 else 0
        pieces[number] = piece[start : max(start, len(piece) - left)]
    return " ".join(pieces)
