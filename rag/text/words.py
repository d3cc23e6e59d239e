"""Normal form of words for search and verification: lower case, no accents, English stems, and `rag.text.scripts`."""

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
    """The tantivy analyzer of keyword search and verification."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in (Filter.remove_long(MAX_WORD_LENGTH), Filter.lowercase(), Filter.ascii_fold(), Filter.stemmer("english")):
        builder = builder.filter(step)
    return builder.build()


@lru_cache(maxsize=1)
def _stop_stems() -> frozenset[str]:
    """The stems of all function words. Of languages in Latin script, only English has a list: "die" is an English word, too."""
    return frozenset(stems(" ".join(of_all("function_words"))))


def stems(text: str) -> list[str]:
    """Every word of the text in its indexed form, in order.

    >>> stems("Rising prices, naïve buyers")
    ['rise', 'price', 'naiv', 'buyer']
    """
    return _analyzed(spelled(text))


def _analyzed(text: str) -> list[str]:
    """The stems of a text. A lone surrogate, which tantivy refuses, separates words like white space."""
    try:
        return list(analyzer().analyze(text))
    except UnicodeEncodeError:
        return list(analyzer().analyze(LONE_SURROGATE.sub(" ", text)))


def content_stems(text: str) -> list[str]:
    """The content words: `stems` without function words."""
    return [stem for stem in stems(text) if stem not in _stop_stems()]


@lru_cache(maxsize=100_000)
def stem_of(word: str) -> str:
    """The stem of one word."""
    found = _analyzed(spelled(word))
    return found[0] if found else word.lower()


def is_english(text: str) -> bool:
    """Whether the text has an English function word, and most of its words are in Latin script.

    Without a function word, the text may be in any language, or only names. The script matters because an Arabic question may
    contain an English title.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    in_latin = sum(word[0] < "\u0250" for word in words)
    return 2 * in_latin > len(words) and not _english_words().isdisjoint(words)


@lru_cache(maxsize=1)
def _english_words() -> frozenset[str]:
    return frozenset(language("en").function_words)


def is_stop_stem(stem: str) -> bool:
    """Whether a stem is that of a function word."""
    return stem in _stop_stems()


def numbers(text: str) -> set[str]:
    """The numbers of a text in normal form: `34,229` equals `34229`, and `3.50` equals `3.5`."""
    return {plain_number(match.group()) for match in NUMBER.finditer(text)}


def denials_in(text: str) -> int:
    """The number of negations in the text."""
    return len(_denial().findall(text))


def is_negated(text: str) -> bool:
    """Whether the text has a negation."""
    return _denial().search(text) is not None


def is_denial(word: str) -> bool:
    """Whether a word in lower case is a negation."""
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
    """A number without thousands separators and trailing zeros of the fraction. A single point is a decimal point.

    >>> plain_number("1,234.50"), plain_number("34,229"), plain_number("2,5")
    ('1234.5', '34229', '2.5')
    """
    if "," in number and "." in number:
        decimal = max(",.", key=number.rfind)
    elif number.count(".") == 1:
        decimal = "."
    elif number.count(",") == 1 and not re.search(r",\d{3}$", number):
        decimal = ","
    else:
        decimal = ""
    whole, _, fraction = number.rpartition(decimal) if decimal else (number, "", "")
    whole, fraction = re.sub(r"[,.]", "", whole), fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
