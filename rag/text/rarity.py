"""Weights of words by their rarity (inverse document frequency)."""

from __future__ import annotations

from collections import Counter
from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


def rarity(words: Iterable[str], frequencies: Mapping[str, int], texts: int) -> dict[str, float]:
    """The weight of each word, above 0, as in BM25 (Robertson and Zaragoza, 2009).

    `frequencies` has the number of texts with each word, out of `texts`. A larger frequency than `texts`, possible while an index
    changes, counts as `texts`.

    >>> weights = rarity(["the", "carp"], {"the": 99, "carp": 1}, 100)
    >>> {word: round(weight, 2) for word, weight in weights.items()}
    {'the': 0.01, 'carp': 4.21}
    """
    return {word: _weight(frequencies.get(word, 0), texts) for word in words}


def frequencies(texts: Iterable[Collection[str]]) -> Counter[str]:
    """The number of texts that contain each word. A text is the set of its words."""
    return Counter(word for words in texts for word in words)


def _weight(frequency: int, texts: int) -> float:
    return log(1 + (max(texts - frequency, 0) + 0.5) / (frequency + 0.5))
