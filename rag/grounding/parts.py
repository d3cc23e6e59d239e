"""A sentence beside its sources: the parts of them that cover most of its words and numbers.

A part is a sentence, two neighbours, or a row of a table together with the table's header.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from rag.grounding.clauses import Clause, clauses_of
from rag.grounding.quantities import scales_named
from rag.grounding.statements import losses, tokens_of
from rag.grounding.tables import tables_in
from rag.system.fitted import read_fitted
from rag.text.language import of_all, one_of
from rag.text.scripts import PAIRED_RUN
from rag.text.sentences import sentence_spans
from rag.text.words import stems

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.grounding.statements import Token
    from rag.types import Passage

FITTED = read_fitted(Path(__file__).with_name("lexical.json"))

FULL: float = FITTED.values["full"]
GAIN_OF_A_SECOND: float = FITTED.values["gain_of_a_second"]
"""A second sentence joins the quote if it covers at least this share of the words in addition; a second source, twice as much."""

WORTH_OF_A_SECOND: float = FITTED.values["worth_of_a_second"]
"""Weight of words that only the second source covers: words in one place support a claim better."""

NUMBER_MERIT: int = FITTED.values["number_merit"]
"""Additional weight of a number that agrees: it identifies the source better than a word."""

ONE_WORD = re.compile(r"[\w'’]+[\s-]+")
LEADS_UP = re.compile(r"[\w'’-]+\s?[,，、،]")
SENTENCES_BEFORE: int = FITTED.values["sentences_before"]
"""Sentences in front of a quote that may contain the name for its "it"."""


@dataclass(frozen=True, slots=True)
class Part:
    """One or two sentences of a passage, from `start` to `end`, and the claim's words and numbers that they cover."""

    passage: Passage
    start: int
    end: int
    tokens: tuple[Token, ...]
    covered: frozenset[str]
    numbers: int
    is_row: bool = False

    @property
    def merit(self) -> tuple[float, int]:
        """Sorts parts by coverage; of equal parts, the shorter wins."""
        return len(self.covered) + NUMBER_MERIT * self.numbers, self.start - self.end


@dataclass(frozen=True, slots=True)
class Claim:
    tokens: tuple[Token, ...]
    words: frozenset[str]
    clauses: tuple[Clause, ...]
    subject: tuple[Token, ...]

    @classmethod
    def of(cls, sentence: str) -> Claim:
        tokens = tokens_of(sentence)
        words = frozenset(t.key for t in tokens if t.kind != "denial") or frozenset(stems(sentence))
        return cls(tokens, words, tuple(clauses_of(tokens, sentence)), _subject(tokens, sentence))


def _subject(tokens: Sequence[Token], sentence: str) -> tuple[Token, ...]:
    """The first content word of a sentence and the words right behind it ("hormone insulin regulates"); () without a subject.

    Numbers, gains and losses are no subjects, nor are words before a comma ("Currently, …") or after a preposition. Scripts
    without spaces have no known first word.
    """
    about = [token for token in tokens if token.kind not in ("number", "denial") and not LEADS_UP.match(sentence, token.start)]
    if not about or _led_up_to().match(sentence) or PAIRED_RUN.match(sentence, about[0].start):
        return ()
    if about[0].kind == "opposite" or about[0].stem in losses():
        return ()
    behind = takewhile(lambda pair: ONE_WORD.fullmatch(sentence, pair[0].start, pair[1].start), pairwise(about))
    return (about[0], *(token for _, token in behind))


@cache
def _led_up_to() -> re.Pattern[str]:
    """The first word of a sentence whose subject comes later: "In total the tower is …"."""
    return re.compile(rf"\W*{one_of(of_all('lead_ins'))}\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Aligned:
    """A sentence with the parts of the sources that cover it best; () if none covers any word."""

    sentence: str
    claim: Claim
    chosen: tuple[Part, ...] = ()

    @property
    def share(self) -> float:
        """Share of the sentence's words that the parts cover."""
        return _share(self.claim, self.chosen)

    @property
    def has_its_subject(self) -> bool:
        """Whether the best part or its surroundings contain a word of the sentence's subject."""
        words, best = self.claim.subject, self.chosen[:1]
        return not words or any(word.key in best[0].covered or is_explained(word, best) for word in words)

    @property
    def is_doubtful(self) -> bool:
        """Whether words alone cannot confirm the sentence."""
        return self.share < FULL or not self.has_its_subject


def aligned(sentence: str, passages: Sequence[Passage], *, rows: bool = True) -> Aligned:
    """The sentence beside the best parts of the passages; without `rows`, those of tables are left out."""
    claim = Claim.of(sentence)
    parts = [part for part in parts_of(claim, passages) if rows or not part.is_row]
    best = max(parts, key=lambda part: part.merit, default=None)
    if best is None or not best.covered:
        return Aligned(sentence, claim)
    return Aligned(sentence, claim, (best, *_second(best, parts, claim)))


def _share(claim: Claim, chosen: Sequence[Part]) -> float:
    """Share of the claim's words that the spans cover."""
    best = chosen[0]
    gained = len(frozenset().union(*(part.covered for part in chosen)) - best.covered)
    return (len(best.covered) + WORTH_OF_A_SECOND * gained) / len(claim.words)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence or a row of a table; the words and tokens of a row include those of its header."""

    start: int
    end: int
    words: frozenset[str]
    tokens: tuple[Token, ...]
    is_row: bool = False


@lru_cache(maxsize=256)
def units_of(text: str) -> tuple[Unit, ...]:
    """Every sentence, and every row of a table, in order."""
    tokens = tokens_of(text)
    starts = [token.start for token in tokens]

    def unit(start: int, end: int, header: tuple[int, int] | None = None, *, is_row: bool = False) -> Unit:
        spans = [span for span in (header, (start, end)) if span]
        words = frozenset(stem for span in spans for stem in stems(text[slice(*span)]))
        own = [token for first, last in spans for token in tokens[bisect_left(starts, first) : bisect_left(starts, last)]]
        return Unit(start, end, words, tuple(own), is_row)

    found = [unit(*span) for span in _outside_of_tables(text)]
    for table in tables_in(text):
        found += [unit(*row, table.header_span, is_row=True) for row in table.rows[table.header :]]
    return tuple(sorted(found, key=lambda one: one.start))


def _outside_of_tables(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the sentences of a text without its tables."""
    position = 0
    for start, end in [*((table.start, table.end) for table in tables_in(text)), (len(text), len(text))]:
        yield from ((position + first, position + last) for first, last in sentence_spans(text[position:start]))
        position = end


def parts_of(claim: Claim, passages: Sequence[Passage]) -> list[Part]:
    """Every sentence of the passages, and every two neighbours that together cover clearly more words, or another number."""
    parts = []
    for passage in passages:
        known = frozenset(stems(f"{passage.title} {passage.heading}"))
        named = frozenset(token.key for token in claim.tokens if token.kind == "name" and token.stem in known)
        scales = scales_named(passage.text)
        numbers = [token for token in claim.tokens if token.kind == "number"]
        single = []
        for unit in units_of(passage.text):
            told = [token for token in unit.tokens if token.quantity]
            figures = frozenset(n.key for n in numbers if any(n.agrees_with(token, scales=scales) for token in told))
            covered = (claim.words & unit.words) - {n.key for n in numbers} | figures
            if covered:
                covered |= named
            single.append(Part(passage, unit.start, unit.end, unit.tokens, covered, len(figures), unit.is_row))
        parts += single
        for a, b in pairwise(single):
            if a.is_row or b.is_row or a.covered <= b.covered or b.covered <= a.covered:
                continue
            joined = _joined(a, b, claim)
            if _is_worth_joining(a, b, joined, claim):
                parts.append(joined)
    return parts


def _joined(a: Part, b: Part, claim: Claim) -> Part:
    covered = a.covered | b.covered
    numbers = len({token.key for token in claim.tokens if token.kind == "number"} & covered)
    return Part(a.passage, a.start, b.end, a.tokens + b.tokens, covered, numbers)


def _is_worth_joining(a: Part, b: Part, joined: Part, claim: Claim) -> bool:
    more = len(joined.covered) - max(len(a.covered), len(b.covered))
    return more >= GAIN_OF_A_SECOND * len(claim.words) or joined.numbers > max(a.numbers, b.numbers)


def _second(best: Part, parts: Sequence[Part], claim: Claim) -> list[Part]:
    """The part that covers most of the words missing in the best part; none if it covers too few."""
    least = max(2.0, 2 * GAIN_OF_A_SECOND * len(claim.words))
    candidates = [part for part in parts if len(part.covered - best.covered) >= least]
    if not candidates:
        return []
    return [max(candidates, key=lambda part: (len(part.covered - best.covered), part.start - part.end))]


def is_explained(token: Token, parts: Sequence[Part]) -> bool:
    """Whether a name is in the title, the heading or the sentences just before a quote, which may call it "it"."""
    for part in parts:
        before = [unit.words for unit in units_of(part.passage.text) if unit.end <= part.start]
        known = frozenset(stems(f"{part.passage.title} {part.passage.heading}")).union(*before[-SENTENCES_BEFORE:])
        if token.stem in known:
            return True
    return False
