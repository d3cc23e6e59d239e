"""Numbers with the wrong subject: the claim "profit was 7 %" where the source has a profit of 9 % and a tax of 7 %."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from rag.text.language import of_all, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.grounding.statements import Token

END = re.compile(r"[.!?;](?=\s)|[。！？；]|\n\s*(?=[A-Z|•*\n-])")


@dataclass(frozen=True)
class Clause:
    """Neighbouring content words about one subject. `points_back` is True if a pronoun may refer to an earlier subject."""

    tokens: tuple[Token, ...]
    points_back: bool = False

    @cached_property
    def words(self) -> frozenset[str]:
        """The keys of all tokens except numbers and denials."""
        return frozenset(token.key for token in self.tokens if token.kind not in ("number", "denial"))

    def before(self, number: Token) -> frozenset[str]:
        """The words in front of one of its numbers: the place of the subject."""
        return Clause(tuple(token for token in self.tokens if token.start < number.start)).words

    @property
    def numbers(self) -> list[Token]:
        """Its numbers, dates and times."""
        return [token for token in self.tokens if token.quantity]


def clauses_of(tokens: Sequence[Token], text: str, start: int = 0) -> list[Clause]:
    """The content words of a text, from character `start`, grouped into clauses."""
    clauses: list[tuple[list[Token], list[str]]] = []
    for token in tokens:
        between = text[start : token.start + 1]
        boundary = _boundary(clauses[-1][0], between) if clauses else 0
        if boundary is not None:
            clauses.append(([], []))
        clauses[-1][0].append(token)
        clauses[-1][1].append(between[boundary or 0 : -1])
        start = token.start
    return [Clause(tuple(words), _pointing().search(" ".join(gaps)) is not None) for words, gaps in clauses]


def _boundary(clause: Sequence[Token], between: str) -> int | None:
    """The offset in `between`, the text after the last word of a clause, where the next clause begins; None if it continues."""
    has_a_number = any(token.quantity for token in clause)
    patterns = (END, _pause()) if has_a_number else (END,)
    return max((match.end() for pattern in patterns for match in pattern.finditer(between)), default=None)


@cache
def _pause() -> re.Pattern[str]:
    """Ends of a clause that already has a number: "9 % and tax 7 %", but not "research and development: 9 %"."""
    return re.compile(rf",\s|:\s|[，、：]|\b{one_of(of_all('pauses'))}\b")


@cache
def _pointing() -> re.Pattern[str]:
    """Pronouns for an earlier subject."""
    return re.compile(rf"\b{one_of(of_all('pronouns'))}\b", re.IGNORECASE)


def of_another_subject(
    claim: Sequence[Clause], quotes: Sequence[Clause], scales: frozenset[int] = frozenset()
) -> Iterator[str]:
    """Find numbers that the quotes give only for another subject, while they give the claim's subject another number.

    The subject of a number is the words in front of it in its clause, as far as the quotes contain them. If the clause with the
    equal number shares further words with the claim, and the clause of the subject lacks them, both subjects count as the same.
    """
    claimed, quoted = (frozenset().union(*(clause.words for clause in clauses)) for clauses in (claim, quotes))
    for clause in claim:
        for number in clause.numbers:
            subject = clause.before(number) & quoted
            equal = [(c, n) for c in quotes for n in c.numbers if number.agrees_with(n, scales=scales)]
            if not subject or not equal or any(_may_be_of(c, n, subject, claimed) for c, n in equal):
                continue
            known = frozenset().union(*(c.words & claimed for c, _ in equal))
            rivals = ((c, n) for c in quotes if subject <= c.words for n in c.numbers)
            if any(_is_rival(c, n, clause, number, known, scales) for c, n in rivals):
                yield f"subject of {number.key}"


def _may_be_of(quote: Clause, number: Token, subject: frozenset[str], claimed: frozenset[str]) -> bool:
    """Whether a number in a quote may belong to the subject: its clause names it, points back, or names no other subject."""
    return quote.points_back or subject <= quote.words or quote.before(number) <= claimed


def _is_rival(quote: Clause, other: Token, claim: Clause, number: Token, known: frozenset[str], scales: frozenset[int]) -> bool:
    """Whether a quote's clause has the `known` words and a number of the same unit that the claim does not have."""
    assert other.quantity
    assert number.quantity
    is_comparable = other.quantity.unit == number.quantity.unit
    is_claimed = any(mine.agrees_with(other, scales=scales) for mine in claim.numbers)
    return is_comparable and not is_claimed and known <= quote.words
