"""Words as search and verification compare them: lower case, no accents, English stems; other scripts as `rag.text.scripts` has it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from rag.text.scripts import spelled

CJK_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]+")
NEGATION = re.compile(r"\b(?:not|no|never|nor|none|nobody|nothing|neither|without|cannot)\b|n['’]t\b", re.IGNORECASE)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
MAX_WORD_LENGTH = 60

_FUNCTION_WORDS = {
    "English": "a about after all also am an and any are as at be been before being but by can could did do does doing down for from "
    "further had has have having he her here hers him his how i if in into is it its itself just many me more most much my no nor not "
    "of off on once only or other our out over own s same she should so some such t than that the their them then there these they "
    "this those through to too under until up very was we were what when where which while who whom whose why will with would you your",
    "Arabic": "كم ما ماذا بماذا لماذا من ممن مما متى أين كيف هل أي أية في إلى عن مع هو هي هذا هذه ذلك تلك التي الذي الذين كان "
    "كانت تم قد بعد قبل بين أو ثم حيث عند عندما كما يكون تكون "
    "أن إن أنه أنها منه منها فيه فيها له لها به بها إليه",
    "Persian": "چه چند چیست کیست کدام کدامند کجا کجاست چرا چگونه چطور آیا کی کسی در از به را که و این آن با برای تا بر یا است بود شد می ها "
    "های هم نیز شده دارد داشت باشد شود",
    "Hindi": "क्या कौन कौनसा कौनसी कब कहाँ कहां क्यों कैसे कितना कितने कितनी किस किसने किसे किसको किसका किसके किसकी किन में है हैं था थी थे का की के को से "
    "और पर ने यह वह एक इस उस जो तो भी हो गया गई गए लिए द्वारा",
    "Chinese": "什么 哪些 哪个 哪一 哪里 哪种 哪位 哪年 多少 怎么 怎样 如何 为何 为什么 谁的 是谁 是什么",
}
"""What a question says beside its subject. Of languages in Latin letters only English: "die", "am" and "mit" are words of it too."""


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
    return frozenset(stems(" ".join(_FUNCTION_WORDS.values())))


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
    return frozenset(_FUNCTION_WORDS["English"].split())


def is_stop_stem(stem: str) -> bool:
    """Whether it is the stem of a function word."""
    return stem in _stop_stems()


def numbers(text: str) -> set[str]:
    """Numbers in one spelling: `34,229` and `34229` are the same, and so are `3.50` and `3.5`."""
    return {plain_number(match.group()) for match in NUMBER.finditer(text)}


def is_negated(text: str) -> bool:
    """Whether an English sentence denies something."""
    return NEGATION.search(text) is not None


def plain_number(number: str) -> str:
    """Separators of thousands and zeros at the end of a fraction taken away: 1,234.50 is 1234.5. A lone point is a decimal point."""
    if "," in number and "." in number:
        decimal = max(number, key=lambda sign: number.rfind(sign) if sign in ",." else -1)
    else:
        decimal = "." if number.count(".") == 1 else "," if number.count(",") == 1 and not re.search(r",\d{3}$", number) else ""
    whole, _, fraction = number.rpartition(decimal) if decimal else (number, "", "")
    whole, fraction = re.sub(r"[,.]", "", whole), fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
