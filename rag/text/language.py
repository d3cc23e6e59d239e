"""The word lists of each language, from `languages/CODE.json`. Each section of a file names its source.

All word lists of the code are here. A list is empty if nobody has compiled it for a language. `tools/languages.py` writes the
sections from CLDR.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = Path(__file__).parent / "languages"

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Language:
    """The word lists of a language. All words are in lower case.

    Example:
        >>> language("de").months["juli"]
        7
    """

    code: str
    """ISO 639-1, two letters."""

    name: str
    """The English name."""

    function_words: Words = ()
    """Words without content of their own ("the", "what", "is"), ignored where content words are compared."""

    articles: Words = ()
    """Definite and indefinite articles."""

    denials: Words = ()
    """Words that deny what follows: "not", "without", "failed"."""

    denial_endings: Words = ()
    """Endings of a word that deny what follows: "n't"."""

    undone_by: Words = ()
    """Words after a denial that undo it: "not only"."""

    exceptions: Words = ()
    """Phrases that introduce an exception: "apart from"."""

    after_all_of: Words = ()
    """Words that introduce an exception only after one of `all_of`: "every day but Sunday"."""

    all_of: Words = ()
    """Words for a whole set: "every"."""

    before_excepted: Words = ()
    """Words between `after_all_of` and the excepted noun."""

    behind_excepted: Words = ()
    """Words that may follow the excepted noun."""

    up_and_down: Words = ()
    """Pairs of opposites, "rise fall". The second word reverses the sign of a number: a fall of 3 is a change of -3."""

    opposites: Words = ()
    """Other pairs of opposites, separated by a space."""

    forms: Mapping[str, str] = field(default_factory=dict)
    """Irregular forms of words in pairs of opposites, separated by spaces."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    """Cardinal and ordinal numbers of one word."""

    scales: Mapping[str, int] = field(default_factory=dict)
    """Words for powers of ten behind a number: "million"."""

    scale_letters: Mapping[str, int] = field(default_factory=dict)
    """Letters for powers of ten behind digits: "3M"."""

    percents: Words = ()
    """Phrases for percent."""

    units: Mapping[str, str] = field(default_factory=dict)
    """The symbol of each unit, by its name in the singular."""

    months: Mapping[str, int] = field(default_factory=dict)
    """The number of each month, 1 to 12, by its names without a dot."""

    months_not_alone: Words = ()
    """Months that are also other words. They count as months only after `before_a_month` or with a day."""

    before_a_month: Words = ()
    """Prepositions and the like in front of a month."""

    day_endings: Words = ()
    """Endings of the number of a day: "3rd"."""

    between_day_and_month: Words = ()
    """Words between a day and its month: "3rd of May"."""

    pauses: Words = ()
    """Conjunctions that begin a clause."""

    pronouns: Words = ()
    """Pronouns for an earlier subject."""

    lead_ins: Words = ()
    """Prepositions that begin a sentence whose subject comes later."""

    greetings: Words = ()
    """Greetings, as phrases."""

    greeted: Words = ()
    """Words after a greeting: "hello everyone"."""

    agreements: Words = ()
    """Words of assent: "all right"."""

    thanks: Words = ()
    """Thanks, as phrases."""

    behind_thanks: Words = ()
    """Phrases after thanks: "for your help"."""

    farewells: Words = ()
    """Farewells, as phrases."""

    persons: Words = ()
    """Personal and possessive pronouns of the third person."""

    pointers: Words = ()
    """Demonstratives."""

    behind_a_pointer: Words = ()
    """Words after a demonstrative that do not resolve it: "this year"."""

    pointing_phrases: Words = ()
    """Phrases that point back: "the latter"."""

    beginnings: Words = ()
    """First words of a follow-up question: "what about"."""

    request_verbs: Words = ()
    """Verbs of a complete question or request."""

    question_words: Words = ()
    """Interrogatives: "who"."""


@cache
def languages() -> tuple[Language, ...]:
    """All languages: English first, the others by code. If two disagree on a word, the first wins."""
    codes = sorted((path.stem for path in FOLDER.glob("*.json")), key=lambda code: (code != "en", code))
    return tuple(language(code) for code in codes)


@cache
def language(code: str) -> Language:
    """The language of a two-letter code. Raises FileNotFoundError for an unknown code."""
    content = json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    fields: dict[str, object] = {}
    for name, value in content.items():
        section = value if isinstance(value, dict) else {name: value}
        for key, item in section.items():
            if key != "source":
                fields[key] = tuple(item) if isinstance(item, list) else item
    return Language(**fields)  # type: ignore[arg-type]


def of_all(field_name: str) -> Words:
    """One list of all languages, joined without duplicates."""
    return tuple(dict.fromkeys(chain.from_iterable(getattr(known, field_name) for known in languages())))


def values_of_all(field_name: str) -> dict[str, int]:
    """One table of all languages, merged. For a word in several, the first language wins."""
    merged: dict[str, int] = {}
    for known in languages():
        merged = getattr(known, field_name) | merged
    return merged


def one_of(phrases: Iterable[str]) -> str:
    """A regular expression for one of the phrases, in a non-capturing group. Longer phrases match first, with either apostrophe.

    >>> one_of(["not", "nothing"])
    '(?:nothing|not)'
    """
    longest_first = sorted(phrases, key=len, reverse=True)
    apostrophe = "['’]"
    alternatives = [re.escape(phrase).replace("'", apostrophe) for phrase in longest_first]
    return f"(?:{'|'.join(alternatives)})"
