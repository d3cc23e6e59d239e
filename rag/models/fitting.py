"""Cut text into pieces that fit a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def pieces(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Halve the text, at white space if possible, until every piece fits. The pieces joined are the text.

    A single character is never cut, even if it does not fit.

    >>> pieces("one two three four", lambda piece: len(piece) <= 10)
    ['one two ', 'three four']
    """
    if len(text) < 2 or fits(text):
        return [text]
    middle = _cut(text)
    return pieces(text[:middle], fits) + pieces(text[middle:], fits)


def _cut(text: str) -> int:
    """The start of the word closest to the middle; the middle itself if no word starts in the middle half."""
    middle, quarter = len(text) // 2, len(text) // 4
    starts = [match.end() for match in re.compile(r"\s+").finditer(text, quarter, len(text) - quarter)]
    return min((start for start in starts if 0 < start < len(text)), key=lambda start: abs(start - middle), default=middle)
