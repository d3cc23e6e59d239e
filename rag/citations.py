"""From a sentence to the words it rests on.

Whatever markers a model wrote are ignored. Each sentence is held against the sources: the span of one or two source
sentences that covers most of its content words is its quote. A number that the quote lacks, or a "not" that only one of
the two has, takes away from its support.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.sentences import sentence_spans
from rag.types import Citation, Sentence
from rag.words import content_stems, is_negated, numbers, stems

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.protocols import Verifier
    from rag.types import Pages, Passage

    Judged = tuple[Sentence, list[tuple[Passage, int, int]]]
    Locate = Callable[[str, int, int], tuple[Pages | None, str]]

WRITTEN_MARKER = re.compile(r"\s*\[(?:source\s*)?\d+(?:\s*[,;–-]\s*\d+)*\]", re.IGNORECASE)
FULL = 0.7
PARTIAL = 0.4
GAIN_OF_A_SECOND = 0.15
"""A second sentence, or a second source, joins the citation only if it covers so much more."""

WORTH_OF_A_SECOND = 0.5
"""Words that stand together in one place support a claim better than words gathered from two."""

DISAGREEMENT = 0.6
"""What is left of the score for a number that is missing, and for a negation on one side only."""


@dataclass(frozen=True, slots=True)
class Span:
    """Source sentences that bear on a claim, as offsets into the passage's text, and the claim's words that they cover."""

    passage: Passage
    start: int
    end: int
    words: frozenset[str]
    numbers: frozenset[str]
    negated: bool


class LexicalVerifier:
    """Judges by shared content words and equal numbers; needs no model. The score is the share of words covered."""

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """The judged sentence, and at most two supporting spans, the better one first."""
        words = frozenset(content_stems(sentence)) or frozenset(stems(sentence))
        figures = frozenset(numbers(sentence))
        if not words:
            return Sentence(sentence), []
        spans = [span for passage in passages for span in _spans(passage, words, figures)]
        best = max(spans, key=_merit, default=None)
        if best is None or not best.words:
            return Sentence(sentence), []
        chosen = [best, *_second(best, spans, words)]
        gained = len(frozenset().union(*(span.words for span in chosen)) - best.words)
        agreed = frozenset().union(*(span.numbers for span in chosen))
        score = (len(best.words) + WORTH_OF_A_SECOND * gained) / len(words)
        score *= (1.0 if figures <= agreed else DISAGREEMENT) * (1.0 if best.negated == is_negated(sentence) else DISAGREEMENT)
        support = "full" if score >= FULL else "partial" if score >= PARTIAL else "none"
        judged = Sentence(sentence, support=support, score=score)
        return judged, [(span.passage, span.start, span.end) for span in chosen] if support != "none" else []


class Citations:
    """Collects the citations of one answer, sentence by sentence: markers count up from 1 in order of first use.

    `locate` tells the pages and the place of a span of a source; without it, a quote is said to lie where its passage does.
    """

    def __init__(self, passages: Sequence[Passage], verifier: Verifier, *, locate: Locate | None = None) -> None:
        self._passages = passages
        self._verifier = verifier
        self._locate = locate
        self.citations: list[Citation] = []

    def judge(self, text: str) -> Judged:
        """The sentence without the model's markers, judged, and the spans that it rests on."""
        return self._verifier.check(WRITTEN_MARKER.sub("", text).strip(), self._passages)

    def cite(self, judged: Judged) -> Sentence:
        """The sentence with markers of its citations, which now belong to the answer."""
        sentence, spans = judged
        return replace(sentence, citations=tuple(dict.fromkeys(self._marker(*span) for span in spans)))

    def _marker(self, passage: Passage, start: int, end: int) -> int:
        """The marker of a quote; one that lies within an earlier quote shares its marker."""
        first, last = passage.start + start, passage.start + end
        for known in self.citations:
            if known.source == passage.source and known.start <= first and last <= known.end:
                return known.marker
        quote = passage.text[start:end]
        marker = len(self.citations) + 1
        pages, place = self._locate(passage.source, first, last) if self._locate else (passage.pages, passage.place)
        self.citations.append(Citation(marker, passage.source, pages, first, last, quote, passage.chunk, place))
        return marker


def _spans(passage: Passage, words: frozenset[str], figures: frozenset[str]) -> list[Span]:
    """Every sentence of the passage, and every pair of neighbours that covers clearly more than either alone."""
    single = [_span(passage, start, end, words, figures) for start, end in sentence_spans(passage.text)]
    pairs = [
        Span(
            passage,
            a.start,
            b.end,
            a.words | b.words,
            a.numbers | b.numbers,
            max(a, b, key=lambda span: len(span.words)).negated,
        )
        for a, b in pairwise(single)
        if len(a.words | b.words) >= max(len(a.words), len(b.words)) + GAIN_OF_A_SECOND * len(words)
        or not b.numbers <= a.numbers
    ]
    return single + pairs


def _span(passage: Passage, start: int, end: int, words: frozenset[str], figures: frozenset[str]) -> Span:
    quote = passage.text[start:end]
    return Span(passage, start, end, words.intersection(stems(quote)), figures.intersection(numbers(quote)), is_negated(quote))


def _merit(span: Span) -> tuple[float, int]:
    """Words covered, a number as much as three words; of equals the shorter."""
    return len(span.words) + 3 * len(span.numbers), span.start - span.end


def _second(best: Span, spans: Sequence[Span], words: frozenset[str]) -> list[Span]:
    """A span elsewhere that covers much of what the best one does not."""
    rest = [span for span in spans if len(span.words - best.words) >= max(2.0, 2 * GAIN_OF_A_SECOND * len(words))]
    return [max(rest, key=lambda span: (len(span.words - best.words), span.start - span.end))] if rest else []
