"""Numbers that a source gives, but of something else: "profit was 7 %" where profit was 9 % and tax was 7 %."""

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
    """Neighbouring content words that say one thing of one subject; `points_back` where that may have been named before."""

    tokens: tuple[Token, ...]
    points_back: bool = False

    @cached_property
    def words(self) -> frozenset[str]:
        """All but numbers and denials."""
        return frozenset(token.key for token in self.tokens if token.kind not in ("number", "denial"))

    def before(self, number: Token) -> frozenset[str]:
        """The words in front of one of its numbers, where the subject stands."""
        return Clause(tuple(token for token in self.tokens if token.start < number.start)).words

    @property
    def numbers(self) -> list[Token]:
        """Its numbers, dates and times."""
        return [token for token in self.tokens if token.quantity]


def clauses_of(tokens: Sequence[Token], text: str, start: int = 0) -> list[Clause]:
    """The clauses of the content words of a text from `start` on."""
    clauses: list[tuple[list[Token], list[str]]] = []
    for token in tokens:
        between = text[start : token.start + 1]
        boundary = _boundary(clauses[-1][0], between) if clauses else 0
        if boundary is not None:
            clauses.append(([], []))
        clauses[-1][0].append(token)
        clauses[-1][1].append(between[boundary or 0 : -1])
        start = token.start
    return [Clause(tuple(own), _pointing().search(" ".join(said)) is not None) for own, said in clauses]


def _boundary(clause: Sequence[Token], between: str) -> int | None:
    """Where in what follows the last word of a clause the next one begins; None where it goes on."""
    has_a_number = any(token.quantity for token in clause)
    ends = [match.end() for pattern in (END, _pause())[: 1 + has_a_number] for match in pattern.finditer(between)]
    return max(ends, default=None)


@cache
def _pause() -> re.Pattern[str]:
    """What ends a clause that has a number already: "9 % and tax 7 %", but not "research and development: 9 %"."""
    return re.compile(rf",\s|:\s|[，、：]|\b{one_of(of_all('pauses'))}\b")


@cache
def _pointing() -> re.Pattern[str]:
    """Words for a subject that was named before."""
    return re.compile(rf"\b{one_of(of_all('pronouns'))}\b", re.IGNORECASE)


def of_another_subject(
    claim: Sequence[Clause], quotes: Sequence[Clause], scales: frozenset[int] = frozenset()
) -> Iterator[str]:
    """Numbers of the claim that the quotes give of another subject only, and of the claim's subject another one.

    A subject is what stands in front of a number in its clause, as far as the quotes hold it. Where a clause has more of the claim
    than the number, its subject is taken for the claim's by another name.
    """
    said, told = (frozenset().union(*(clause.words for clause in clauses)) for clauses in (claim, quotes))
    for clause in claim:
        for number in clause.numbers:
            subject = clause.before(number) & told
            given = [(c, n) for c in quotes for n in c.numbers if number.agrees_with(n, scales=scales)]
            if not subject or not given or any(_is_of(c, n, subject, said) for c, n in given):
                continue
            known = frozenset().union(*(c.words & said for c, _ in given))
            if any(_rivals(c, n, clause, number, known, scales) for c in quotes for n in c.numbers if subject <= c.words):
                yield f"subject of {number.key}"


def _is_of(given: Clause, number: Token, subject: frozenset[str], said: frozenset[str]) -> bool:
    """Whether a number of a source may be of that subject: the clause names it, points back, or names no other one."""
    return given.points_back or subject <= given.words or given.before(number) <= said


def _rivals(given: Clause, other: Token, claim: Clause, number: Token, known: frozenset[str], scales: frozenset[int]) -> bool:
    """Whether a clause of the subject has a number of the same kind in the place of the claim's, and says all else that is known."""
    assert other.quantity
    assert number.quantity
    is_comparable = other.quantity.unit == number.quantity.unit
    is_said = any(mine.agrees_with(other, scales=scales) for mine in claim.numbers)
    return is_comparable and not is_said and known <= given.words
