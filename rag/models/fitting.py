"""Text cut into pieces that a model can read whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def pieces(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`text` halved, at white space where there is some, until every piece fits. Joined, they are `text` again.

    A single character is never cut, whether it fits or not.
    """
    if len(text) < 2 or fits(text):
        return [text]
    middle = _cut(text)
    return pieces(text[:middle], fits) + pieces(text[middle:], fits)


def _cut(text: str) -> int:
    """Where a word begins that is close to the middle; the middle itself where no word begins in the middle half."""
    middle, quarter = len(text) // 2, len(text) // 4
    starts = [match.end() for match in re.compile(r"\s+").finditer(text, quarter, len(text) - quarter)]
    return min((start for start in starts if 0 < start < len(text)), key=lambda start: abs(start - middle), default=middle)
