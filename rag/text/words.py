"""Words as search and verification compare them: lower case, no accents, English stems; other scripts as `rag.text.scripts` has it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from rag.text.language import language, of_all, one_of
from rag.text.scripts import spelled

CJK_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]+")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
MAX_WORD_LENGTH = 60


@lru_cache(maxsize=1)
def analyzer() -> Any:
    """tantivy's analyzer that keyword search and verification share."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in (Filter.remove_long(MAX_WORD_LENGTH), Filter.lowercase(), Filter.ascii_fold(), Filter.stemmer("english")):
        builder = builder.filter(step)
    return builder.build()


@lru_cache(maxsize=1)
def _stop_stems() -> frozenset[str]:
    """Of languages in Latin letters only English has a list: "die", "am" and "mit" are words of it too."""
    return frozenset(stems(" ".join(of_all("function_words"))))


def stems(text: str) -> list[str]:
    """Every word of the text as it is indexed, in order."""
    return _analyzed(spelled(text))


def _analyzed(text: str) -> list[str]:
    """Half a character of a damaged text, which tantivy refuses, parts words as white space does."""
    try:
        return list(analyzer().analyze(text))
    except UnicodeEncodeError:
        return list(analyzer().analyze(LONE_SURROGATE.sub(" ", text)))


def content_stems(text: str) -> list[str]:
    """The words that carry meaning: `stems` without function words."""
    return [stem for stem in stems(text) if stem not in _stop_stems()]


@lru_cache(maxsize=100_000)
def stem_of(word: str) -> str:
    """The stem of one word."""
    found = _analyzed(spelled(word))
    return found[0] if found else word.lower()


def is_english(text: str) -> bool:
    """Whether there is an English function word in it, and most words are in Latin letters, for an Arabic question may name a film.

    Without such a word, it may be of any language, or only names.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    in_latin = sum(word[0] < "\u0250" for word in words)
    return 2 * in_latin > len(words) and not _english_words().isdisjoint(words)


@lru_cache(maxsize=1)
def _english_words() -> frozenset[str]:
    return frozenset(language("en").function_words)


def is_stop_stem(stem: str) -> bool:
    """Whether it is the stem of a function word."""
    return stem in _stop_stems()


def numbers(text: str) -> set[str]:
    """Numbers in one spelling: `34,229` and `34229` are the same, and so are `3.50` and `3.5`."""
    return {plain_number(match.group()) for match in NUMBER.finditer(text)}


def denials_in(text: str) -> int:
    """How many words of the text deny something."""
    return len(_denial().findall(text))


def is_negated(text: str) -> bool:
    """Whether a sentence denies something."""
    return _denial().search(text) is not None


def is_denial(word: str) -> bool:
    """Whether a word, in lower case, denies what follows it."""
    return word in _denials() or word.replace("’", "'").endswith(_denial_endings())


@lru_cache(maxsize=1)
def _denials() -> frozenset[str]:
    return frozenset(of_all("denials"))


@lru_cache(maxsize=1)
def _denial_endings() -> tuple[str, ...]:
    return of_all("denial_endings")


@lru_cache(maxsize=1)
def _denial() -> re.Pattern[str]:
    return re.compile(rf"\b{one_of(_denials())}\b|{one_of(_denial_endings())}\b", re.IGNORECASE)


def plain_number(number: str) -> str:
    """Separators of thousands and zeros at the end of a fraction taken away: 1,234.50 is 1234.5. A lone point is a decimal point."""
    if "," in number and "." in number:
        decimal = max(number, key=lambda sign: number.rfind(sign) if sign in ",." else -1)
    else:
        decimal = "." if number.count(".") == 1 else "," if number.count(",") == 1 and not re.search(r",\d{3}$", number) else ""
    whole, _, fraction = number.rpartition(decimal) if decimal else (number, "", "")
    whole, fraction = re.sub(r"[,.]", "", whole), fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
