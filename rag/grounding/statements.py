"""Text → tokens for comparison: the content words in order, marked as numbers, names, opposites or denials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rag.grounding.quantities import TIMES, Quantity, months, quantities, small_numbers
from rag.text.language import languages, of_all, one_of
from rag.text.scripts import INNER_SIGNS, PAIRED_RUN, pairs
from rag.text.words import is_denial, is_stop_stem, stem_of

if TYPE_CHECKING:
    from rag.text.language import Language

_SIGN = rf"(?:(?!{PAIRED_RUN.pattern})[\w{INNER_SIGNS}])"
WORD = re.compile(rf"({PAIRED_RUN.pattern})|{_SIGN}+(?:['’]{_SIGN}+)*")
EXCEPT = "except"
"""The stem of all words for an exception."""

SCOPE = 3
"""Number of content words that a denial can refer to."""


@cache
def opposites() -> dict[str, frozenset[str]]:
    """The opposites of each stem, with their irregular forms."""
    table: dict[str, set[str]] = {}
    for known in languages():
        for pair in (*known.up_and_down, *known.opposites):
            first, second = (_stems_of(word, known) for word in pair.split())
            for stem in first:
                table.setdefault(stem, set()).update(second)
            for stem in second:
                table.setdefault(stem, set()).update(first)
    return {stem: frozenset(others - {stem}) for stem, others in table.items()}


@cache
def losses() -> frozenset[str]:
    """Stems that reverse a number's sign: a loss of 3 is a profit of -3."""
    found: set[str] = set()
    for known in languages():
        for pair in known.up_and_down:
            _, down = pair.split()
            found.update(_stems_of(down, known))
    return frozenset(found)


def _stems_of(word: str, known: Language) -> list[str]:
    return [stem_of(form) for form in (word, *known.forms.get(word, "").split())]


@cache
def exception() -> re.Pattern[str]:
    """Words for an exception. "But" counts only after a phrase such as "every day", and if the exception ends the clause."""
    word = r"[\w'’-]+"
    before, behind = one_of(of_all("before_excepted")), one_of(of_all("behind_excepted"))
    end = rf"\s+(?:{before}\s+)*{word}(?:\s+{word})?\s*(?:$|[.,;:!?)|\n]|{behind}\b)"
    after_all = rf"\b{one_of(of_all('all_of'))}(?:\s+{word}){{0,2}}\s+({one_of(of_all('after_all_of'))})\b(?={end})"
    return re.compile(rf"\b{one_of(of_all('exceptions'))}\b|{after_all}", re.IGNORECASE)


@cache
def _undone_by() -> frozenset[str]:
    return frozenset(of_all("undone_by"))


@cache
def _numbers_and_months() -> frozenset[str]:
    """Words of numbers and dates."""
    return frozenset(small_numbers()) | frozenset(months())


@dataclass(frozen=True, slots=True)
class Token:
    """A content word at character `start`. `kind` is "number", "name", "opposite", "denial" or "".

    Only a number has a `quantity`. `is_first` marks a capitalised first word of a sentence, which may not be a name.
    """

    start: int
    stem: str
    kind: str = ""
    quantity: Quantity | None = None
    is_first: bool = False

    @property
    def key(self) -> str:
        """Equal for tokens with the same meaning: the stem, or the value of a number."""
        if self.quantity is None:
            return "<denial>" if self.kind == "denial" else self.stem
        sort = " date" if self.is_date else " time" if self.quantity.unit in TIMES else ""
        return f"{self.quantity.value.normalize():f}{sort}"

    @property
    def is_date(self) -> bool:
        """Whether it is a day or a month."""
        return self.quantity is not None and self.quantity.unit == "date"

    @property
    def is_negative(self) -> bool:
        """Whether it is a number below zero."""
        return self.quantity is not None and self.quantity.is_negative

    def agrees_with(self, other: Token, *, scales: frozenset[int] = frozenset()) -> bool:
        """Whether `other`, from a source, confirms this token. `scales` as in `Quantity.agrees_with`."""
        if self.quantity and other.quantity:
            return self.quantity.agrees_with(other.quantity, scales=scales)
        return self.key == other.key


@lru_cache(maxsize=1024)
def tokens_of(text: str) -> tuple[Token, ...]:
    """The content words of a text, in order. A number is one token; a capitalised word is a name.

    >>> [(token.key, token.kind) for token in tokens_of("Profits in Kell rose to 3.5 million.")]
    [('profit', 'name'), ('kell', 'name'), ('rose', 'opposite'), ('3500000', 'number')]
    """
    figures = quantities(text)
    exceptions = [match.span(1 if match[1] else 0) for match in exception().finditer(text)]
    tokens = [Token(q.start, stem_of(text[q.start : q.end].split()[0]), "number", q) for q in figures]
    tokens += [Token(start, EXCEPT, "denial") for start, _ in exceptions]
    inside = {position for start, end in [*((q.start, q.end) for q in figures), *exceptions] for position in range(start, end)}
    matches = list(WORD.finditer(text))
    for i, match in enumerate(matches):
        if match.start() in inside:
            continue
        if match[1]:
            tokens += [Token(match.start() + at, pair) for at, pair in enumerate(pairs(match[1]))]
        elif token := _token(text, match, matches[i + 1] if i + 1 < len(matches) else None):
            tokens.append(token)
    return tuple(sorted(tokens, key=lambda token: token.start))


def _token(text: str, match: re.Match[str], following: re.Match[str] | None) -> Token | None:
    word = match.group()
    lower = word.lower()
    stem = stem_of(word)
    after = following.group() if following else ""
    if is_denial(lower):
        return None if after.lower() in _undone_by() else Token(match.start(), stem, "denial")
    if stem in opposites() and not word[0].isupper():
        return Token(match.start(), stem, "opposite")
    if is_stop_stem(stem) or lower in _numbers_and_months() or not stem:
        return None
    is_capital = word[0].isupper()
    return Token(match.start(), stem, "name" if is_capital else "", None, is_capital and _begins_sentence(text, match.start()))


def _begins_sentence(text: str, position: int) -> bool:
    before = text[max(0, position - 12) : position].rstrip(" \t\n\"'“‘(`*#")
    return position == 0 or not before or before[-1] in ".!?:。"
