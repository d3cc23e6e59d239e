"""Word lists of each language, from `languages/CODE.json`: one file a language, each section with its source.

Code that reads words asks for them here and has no list of its own. A list is empty where nobody has compiled it. The sections
from CLDR are written by `tools/languages.py`.
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
    """What is known of a language. All words are in lower case.

    Example:
        >>> language("de").months["juli"]
        7
    """

    code: str
    """ISO 639-1, two letters."""

    name: str
    """The English name."""

    function_words: Words = ()
    """Words of a question beside its subject, left out where content words are compared."""

    articles: Words = ()
    """Definite and indefinite articles."""

    denials: Words = ()
    """Words that deny what follows: "not", "without", "failed"."""

    denial_endings: Words = ()
    """Endings of a word that deny what follows: "n't"."""

    undone_by: Words = ()
    """Words after a denial that undo it: "not only"."""

    exceptions: Words = ()
    """Phrases after which something is excepted: "apart from"."""

    after_all_of: Words = ()
    """Words that except something only after one of `all_of`: "every day but Sunday"."""

    all_of: Words = ()
    """Words for all of a kind: "every"."""

    before_excepted: Words = ()
    """Words between `after_all_of` and what is excepted."""

    behind_excepted: Words = ()
    """Words that may follow what is excepted."""

    up_and_down: Words = ()
    """Pairs of opposites, "rise fall", of which the second turns the sign of a number: a fall of 3 is a change of -3."""

    opposites: Words = ()
    """Other pairs of opposites, two words with a space between."""

    forms: Mapping[str, str] = field(default_factory=dict)
    """Irregular forms of words in pairs of opposites, with spaces between."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    """Numbers that are written as one word, and ordinals."""

    scales: Mapping[str, int] = field(default_factory=dict)
    """Words for powers of ten behind a number: "million"."""

    scale_letters: Mapping[str, int] = field(default_factory=dict)
    """Letters for powers of ten behind digits: "3M"."""

    percents: Words = ()
    """Phrases for percent."""

    units: Mapping[str, str] = field(default_factory=dict)
    """Names of units in the singular, and the symbol of each."""

    months: Mapping[str, int] = field(default_factory=dict)
    """Names of months, 1 to 12, without a dot."""

    months_not_alone: Words = ()
    """Months that are other words too, and are read as months only behind `before_a_month` or with a day."""

    before_a_month: Words = ()
    """Prepositions and the like in front of a month."""

    day_endings: Words = ()
    """Endings of the number of a day: "3rd"."""

    between_day_and_month: Words = ()
    """Words between a day and its month: "3rd of May"."""

    pauses: Words = ()
    """Conjunctions that begin a clause."""

    pronouns: Words = ()
    """Words for a subject that was named before."""

    lead_ins: Words = ()
    """Prepositions that begin a sentence whose subject comes later."""

    greetings: Words = ()
    """Greetings, as phrases."""

    greeted: Words = ()
    """Words behind a greeting: "hello everyone"."""

    agreements: Words = ()
    """Words of assent: "all right"."""

    thanks: Words = ()
    """Thanks, as phrases."""

    behind_thanks: Words = ()
    """Phrases behind thanks: "for your help"."""

    farewells: Words = ()
    """Farewells, as phrases."""

    persons: Words = ()
    """Personal and possessive pronouns of the third person."""

    pointers: Words = ()
    """Demonstratives."""

    behind_a_pointer: Words = ()
    """Words behind a demonstrative that leave open what it points to: "this year"."""

    pointing_phrases: Words = ()
    """Phrases that point to something said before: "the latter"."""

    beginnings: Words = ()
    """Phrases that begin a question that goes on with an earlier one."""

    request_verbs: Words = ()
    """Verbs that make a whole question or request."""

    question_words: Words = ()
    """Words that ask: "who"."""


@cache
def languages() -> tuple[Language, ...]:
    """All languages, in the order of their codes, English first: where two disagree on a word, English is right."""
    codes = sorted((path.stem for path in FOLDER.glob("*.json")), key=lambda code: (code != "en", code))
    return tuple(language(code) for code in codes)


@cache
def language(code: str) -> Language:
    """The language of a two-letter code. FileNotFoundError where there is no file."""
    content = json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    fields: dict[str, object] = {}
    for name, value in content.items():
        section = value if isinstance(value, dict) else {name: value}
        fields |= {key: tuple(item) if isinstance(item, list) else item for key, item in section.items() if key != "source"}
    return Language(**fields)  # type: ignore[arg-type]


def of_all(field_name: str) -> Words:
    """One list of all languages together, each word once."""
    return tuple(dict.fromkeys(chain.from_iterable(getattr(known, field_name) for known in languages())))


def values_of_all(field_name: str) -> dict[str, int]:
    """One table of all languages together."""
    merged: dict[str, int] = {}
    for known in languages():
        merged = getattr(known, field_name) | merged
    return merged


def one_of(phrases: Iterable[str]) -> str:
    """A regular expression, in a group that is not kept, for one of the phrases, the longest first. Either apostrophe will do."""
    longest_first = sorted(phrases, key=len, reverse=True)
    either = "['’]"
    return f"(?:{'|'.join(re.escape(phrase).replace(chr(39), either) for phrase in longest_first)})"
