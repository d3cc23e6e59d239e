"""Mistyped words of a question, matched to the nearest words that the index has.

Only words that no passage holds are looked at, so a well-typed question costs one look-up. The slips are those of fingers: two
letters swapped, one left out, one doubled or hit by mistake (Damerau, "A technique for computer detection and correction of
spelling errors", CACM 1964). Words with a digit stay as they are, for another code is another question.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.text.words import is_stop_stem, stem_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.protocols import Searchable

SHORTEST = 5
"""Letters of a word that may be corrected: shorter ones have too many neighbours."""

MOST_WORDS = 12
"""Unknown words that are looked at. A question with more of them is about something else, or in another language."""

_WORD = re.compile(rf"(?<![\w-])[^\W\d_]{{{SHORTEST},40}}(?![\w-])")
_ALPHABETS = tuple(
    "".join(chr(number) for number in range(ord(first), ord(last) + 1) if chr(number).isalpha())
    for first, last in ("az", "αω", "ая", "את", "ءي")
)


def corrected(question: str, *, index: Searchable) -> str:
    """The question with each unknown word replaced by its nearest neighbour in the index; the rest stays as typed.

    Example: "How tall is the twoer?" becomes "How tall is the tower?" where passages speak of towers and none of "twoer".
    """
    typed = {match.group(): stem_of(match.group()) for match in _WORD.finditer(question)}
    known = index.word_frequencies(list(dict.fromkeys(typed.values())))
    unknown = [word for word, stem in typed.items() if not known[stem] and not is_stop_stem(stem)]
    if not unknown or len(unknown) > MOST_WORDS:
        return question
    nearest = {word: found for word in unknown if (found := _nearest(word.lower(), index=index))}
    return _WORD.sub(lambda match: nearest.get(match.group(), match.group()), question)


def _nearest(word: str, *, index: Searchable) -> str:
    """The neighbour that most passages hold, of the likeliest kind of slip that has one; empty where none has."""
    kinds = [list(kind) for kind in slips(word)]
    stems = {one: stem_of(one) for kind in kinds for one in kind}
    frequencies = index.word_frequencies(list(dict.fromkeys(stems.values())))
    for kind in kinds:
        best = max(kind, key=lambda one: frequencies[stems[one]], default="")
        if best and frequencies[stems[best]]:
            return best
    return ""


def slips(word: str) -> Iterator[Iterator[str]]:
    """The words that one slip makes this word of, the likeliest kind of slip first; all begin with the same letter."""
    letters = next((letters for letters in _ALPHABETS if word[0] in letters), "")
    inner = range(1, len(word))
    yield (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in inner[:-1] if word[i] != word[i + 1])
    yield (word[:i] + word[i + 1 :] for i in inner if word[i] == word[i - 1])
    yield (word[:i] + letter + word[i:] for i in (*inner, len(word)) for letter in letters)
    yield (word[:i] + word[i + 1 :] for i in inner if word[i] != word[i - 1])
