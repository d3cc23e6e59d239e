"""In which language a text is, as far as that matters: whether an answer and its sources are in different ones.

Scripts are told by their letters. Languages in Latin letters are told by their most frequent words, of which a text needs a few.

>>> language_of("Der Turm ist nicht mit Holz verkleidet.")
'de'
>>> language_of("Ada Brandt, Lund")
''
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rag.text.language import languages

if TYPE_CHECKING:
    from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]+")
LATIN = "LATIN"
LEAST_WORDS = 2
CLEARLY_MORE = 1.5
LOOKED_AT = 4000
"""Characters of a text from which its language is told."""

LEAST_SHARE = 0.1
"""Of the letters of a text, so that a script is one of its own and no name in another script."""


def is_of_another_language(text: str, sources: Iterable[str]) -> bool:
    """Whether no source is in the language of the text; False where that cannot be told."""
    script, own = script_of(text), language_of(text)
    if not script:
        return False
    others = [source for source in sources if script_of(source)]
    if not others:
        return False
    if all(script not in scripts_of(source) for source in others):
        return True
    told = {language_of(source) for source in others} - {""}
    return bool(own and told) and own not in told


def script_of(text: str) -> str:
    """The script of most of the letters: "LATIN", "CYRILLIC", "ARABIC", "CJK" …; "" without letters."""
    counts = _scripts(text[:LOOKED_AT])
    return max(counts, key=lambda script: counts[script], default="")


def scripts_of(text: str) -> frozenset[str]:
    """Every script that a fair share of the letters has."""
    counts = _scripts(text[:LOOKED_AT])
    return frozenset(script for script, count in counts.items() if count >= LEAST_SHARE * counts.total())


@lru_cache(maxsize=512)
def language_of(text: str) -> str:
    """The two-letter code of a language in Latin letters; "" where too few of its most frequent words tell, and for other scripts."""
    if script_of(text) != LATIN:
        return ""
    words = Counter(WORD.findall(text[:LOOKED_AT].lower()))
    counts = {code: sum(words[word] for word in common) for code, common in _common_words().items()}
    first, second = sorted(counts.values(), reverse=True)[:2]
    if first < LEAST_WORDS or first < CLEARLY_MORE * second:
        return ""
    return max(counts, key=lambda code: counts[code])


@lru_cache(maxsize=512)
def _scripts(text: str) -> Counter[str]:
    return Counter(_script(letter) for letter in text if letter.isalpha())


@cache
def _script(letter: str) -> str:
    """The first word of a letter's name; the scripts that Japanese mixes are one."""
    script = unicodedata.name(letter, "?").split()[0].partition("-")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA") else script


@cache
def _common_words() -> dict[str, frozenset[str]]:
    """By code, of the languages in Latin letters that have a list."""
    lists = {known.code: known.function_words if known.code == "en" else known.common_words for known in languages()}
    return {code: frozenset(words) for code, words in lists.items() if words}
