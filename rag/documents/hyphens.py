"""Words that a line end divides: was the hyphen part of the word ("non-GAAP") or only of the line ("consec-tetuer")?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

MARKER = "\ufffe"
"""What pdfium puts in the place of a hyphen at a line's end, when it joins the two lines."""

_DIVIDED = re.compile(rf"(-?)(\w*){MARKER}(\w*)")
_WORD = re.compile(r"\w+")
_COMPOUND = re.compile(r"\w+(?:-\w+)+")


def join_divided_words(pages: Sequence[str]) -> list[str]:
    """The pages with every marker resolved to a hyphen or to nothing, judged by how the document writes the word elsewhere."""
    if not any(MARKER in page for page in pages):
        return list(pages)
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for page in pages:
        whole = _DIVIDED.sub(" ", page).casefold()
        words.update(_WORD.findall(whole))
        for compound in _COMPOUND.findall(whole):
            pairs.update(pairwise(compound.split("-")))

    def resolve(match: re.Match[str]) -> str:
        dash, left, right = match.groups()
        keeps = _keeps_hyphen(left.casefold(), right, words, pairs) or bool(dash)  # "proof-of-concept" goes on as it began
        return f"{dash}{left}-{right}" if keeps else left + right

    return [_DIVIDED.sub(resolve, page) for page in pages]


def _keeps_hyphen(left: str, right: str, words: Counter[str], pairs: Counter[tuple[str, str]]) -> bool:
    hyphenated, joined = pairs[left, right.casefold()], words[left + right.casefold()]
    if hyphenated != joined:
        return hyphenated > joined
    if not left or not right or not right[0].islower():
        return bool(left or right)
    return words[left] > 0 and words[right] > 0
