"""Text made fit for a model's tokenizer: cut into pieces that it can read whole, rid of what it refuses."""

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


def well_formed(text: str) -> str:
    """The text with lone surrogates, which tokenizers and JSON refuse, replaced by "?"."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _cut(text: str) -> int:
    """Where a word begins that is close to the middle; the middle itself where no word begins in the middle half."""
    middle, quarter = len(text) // 2, len(text) // 4
    starts = [match.end() for match in re.compile(r"\s+").finditer(text, quarter, len(text) - quarter)]
    return min((start for start in starts if 0 < start < len(text)), key=lambda start: abs(start - middle), default=middle)
