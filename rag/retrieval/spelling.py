"""A question in the spelling of the index: mistyped words become the nearest ones, and names get the form that titles have.

Only words that no passage holds are looked at, so a well-typed question costs one look-up. The slips are those of fingers: two
letters swapped, one left out, one doubled or hit by mistake (Damerau, "A technique for computer detection and correction of
spelling errors", CACM 1964). Words with a digit stay as they are, for another code is another question.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.text.words import is_stop_stem, stem_of, stems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.protocols import Searchable

SHORTEST = 5
"""Letters of a word that may be corrected: shorter ones have too many neighbours."""

MOST_WORDS = 12
"""Unknown words that are looked at. A question with more of them is about something else, or in another language."""

_WORD = re.compile(rf"(?<![\w-])[^\W\d_]{{{SHORTEST},40}}(?![\w-])")
_PIECE = re.compile(r"[^\W_]+")
_YEAR = re.compile(r"(?<=[^\W\d_])\d{4}(?!\w)")
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


def words_to_find(question: str, *, index: Searchable) -> str:
    """The question, and other spellings of its names and years that the index has, for keyword search.

    Neighbouring names are written as one word, and years without the letters before them. "American Express in FY2022" gains
    "AmericanExpress" and "2022" where a title is AMERICANEXPRESS_2022_10K.
    """
    joined = [
        "".join(names[start : start + size])
        for names in _names_in(question)
        for size in (2, 3)
        for start in range(len(names) - size + 1)
    ]
    stem_by = {word: stem_of(word) for word in (*joined, *_YEAR.findall(question))}
    if not stem_by:
        return question
    known = index.word_frequencies(list(dict.fromkeys(stem_by.values())))
    return " ".join([question, *(word for word, stem in stem_by.items() if known[stem])])


def _names_in(question: str) -> Iterator[list[str]]:
    """Runs of words that begin with a capital and are no function words."""
    run: list[str] = []
    for found in _PIECE.finditer(question):
        word = found.group()
        if word[0].isupper() and not is_stop_stem(stem_of(word)):
            run.append(word)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _nearest(word: str, *, index: Searchable) -> str:
    """The neighbour that most passages hold, of the likeliest kind of slip that has one; empty where none has."""
    kinds = [list(kind) for kind in slips(word)]
    neighbours = list(dict.fromkeys(one for kind in kinds for one in kind))
    found = stems(" ".join(neighbours))
    if len(found) != len(neighbours):  # signs that are indexed in pairs
        return ""
    stem_by = dict(zip(neighbours, found, strict=True))
    frequencies = index.word_frequencies(list(dict.fromkeys(found)))
    for kind in kinds:
        best = max(kind, key=lambda one: frequencies[stem_by[one]], default="")
        if best and frequencies[stem_by[best]]:
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
