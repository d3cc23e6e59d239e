"""The default verifier: checks sentences by their words and facts, in milliseconds, offline and without a model.

How it works. The quote is a source sentence, or two neighbours, with most of the sentence's content words. The score is the
share of those words that the quote contains. A contradicting fact caps the score: a number, date, name, opposite or denial (see
`rag.grounding.disagreements`). So does a quote without the sentence's subject. With a calibrated embedder, similarity in meaning
can raise a doubtful score.

What it cannot do. It draws no conclusions and does not calculate. It knows no synonyms. It cannot tell who does what to whom if
the words are the same. It knows English best: number words, opposites and units are English only; denials, exceptions, months
and percent cover some other languages. Its word lists are in `rag/text/languages`, its constants in lexical.json.

With a model at hand, prefer `nli:MODEL` (natural language inference, `rag.grounding.nli`) or `llm:URL` (`rag.grounding.llm`).
`benchmarks/rules.py` measures the gain of each rule on each data set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.grounding.cells import looked_up
from rag.grounding.clauses import clauses_of, of_another_subject
from rag.grounding.disagreements import disagreements
from rag.grounding.likeness import Likeness, joined
from rag.grounding.parts import FITTED, FULL, Claim, Part, aligned, is_explained, parts_of
from rag.grounding.quantities import scales_named
from rag.grounding.statements import tokens_of
from rag.grounding.tables import tables_in
from rag.models.embedders.calibration import calibration_of
from rag.models.identity import identity_of_settings
from rag.protocols import EmbedsTokens
from rag.text.tongues import is_of_another_language
from rag.text.words import is_english, is_negated, stems
from rag.types import Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.grounding.cells import Found
    from rag.models.embedders.calibration import Calibration
    from rag.protocols import Embedder
    from rag.types import Passage

    Span = tuple[Passage, int, int]
    Judged = tuple[Sentence, list[Span]]

PARTIAL: float = FITTED.values["partial"]
DISAGREEMENT: float = FITTED.values["disagreement"]
"""Highest score of a sentence with a contradicting fact, by words alone."""

LEAST_COVERAGE: float = FITTED.values["least_coverage"]
"""Share of a sentence's words that a cell's row, column and section have, below which the sentence is of something else."""


def support_of(score: float) -> str:
    """The support of a score between 0 and 1: "full", "partial" or "none"."""
    return "full" if score >= FULL else "partial" if score >= PARTIAL else "none"


@dataclass(frozen=True, slots=True)
class Trace:
    """What the score of a sentence is made of: the share of its words, and its likeness where an embedder measured it.

    `is_refuted` where a fact disagrees, or a table has another number in that place.
    """

    by_words: float
    spans: tuple[Span, ...] = ()
    features: tuple[float, float, float, float] | None = None
    is_refuted: bool = False

    def score(self, calibration: Calibration | None) -> float:
        """Between 0 and 1; with a contradicting fact never full."""
        if self.features is None or calibration is None:
            return min(self.by_words, DISAGREEMENT) if self.is_refuted else self.by_words
        score = joined(self.features, calibration.support.values, full=FULL, partial=PARTIAL)
        if not self.is_refuted or score <= DISAGREEMENT:
            return score
        return DISAGREEMENT + (FULL - DISAGREEMENT) * (score - DISAGREEMENT)  # in the order of the scores


class LexicalVerifier:
    """Judges a sentence by the words and facts of its quote and, with a calibrated embedder, by similarity in meaning.

    An embedder without a calibration is ignored, because its cosines have another scale. Vectors are cached between checks. Nor is
    one asked for sentences that are not English, which the packaged embedder cannot read.

    >>> from rag.types import Passage
    >>> tower = Passage(1, "The tower of Kell is 96 m tall.", "kell.txt")
    >>> sentence, spans = LexicalVerifier().check("The tower is 96 m tall.", [tower])
    >>> sentence.support, [(passage.number, start, end) for passage, start, end in spans]
    ('full', [(1, 0, 31)])
    >>> LexicalVerifier().check("The tower is 69 m tall.", [tower])[0].support  # the number caps the score
    'partial'
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._calibration: Calibration | None = None
        self._likeness: Likeness | None = None
        if embedder is not None:
            self._calibration = calibration_of(embedder.identity)
            if self._calibration is not None and isinstance(embedder, EmbedsTokens):
                self._likeness = Likeness(embedder)
        self.identity = identity_of_settings(type(self).__name__, {})

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """The sentence with support and score (0 to 1), and at most two supporting spans, the better one first.

        A span is (passage, start, end), in characters of the passage's text. A number in a table is looked up by its row and
        column, and the span is the row. A sentence in another language than all passages is not checked.
        """
        trace = self.traced(sentence, passages)
        score = trace.score(self._calibration)
        support = support_of(score)
        if support != "full" and is_of_another_language(sentence, (passage.text for passage in passages)):
            return Sentence(sentence, checked=False), []
        return Sentence(sentence, support=support, score=score), list(trace.spans) if support != "none" else []

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        """Each sentence as `check` judges it."""
        return [self.check(sentence, passages) for sentence in sentences]

    def traced(self, sentence: str, passages: Sequence[Passage]) -> Trace:
        """All that the score is made of."""
        cells = [found for found in looked_up(sentence, passages) if found.coverage >= LEAST_COVERAGE]
        if not cells:
            return self._by_parts(sentence, passages)
        if all(found.agrees for found in cells) and not _says_more(sentence, cells, passages):
            score = FULL + (1 - FULL) * min(found.coverage for found in cells)
            return Trace(score, tuple(dict.fromkeys((found.passage, *found.row) for found in cells)))
        of_prose = self._by_parts(sentence, passages, rows=False)
        if support_of(of_prose.score(self._calibration)) == "full":
            return of_prose
        return replace(self._by_parts(sentence, passages), is_refuted=True)

    def _by_parts(self, sentence: str, passages: Sequence[Passage], *, rows: bool = True) -> Trace:
        found = aligned(sentence, passages, rows=rows)
        if not found.chosen:
            return Trace(0.0)
        share = min(found.share, DISAGREEMENT) if found.is_doubtful else found.share
        features = None
        if self._likeness is not None and is_english(sentence) and not found.chosen[0].is_row:  # cells are no sentences
            features = self._likeness.measured(sentence, passages)
        spans = tuple((part.passage, part.start, part.end) for part in found.chosen)
        return Trace(share, spans, features, _disagree(found.claim, found.chosen))

    def spans(self, sentence: str, passages: Sequence[Passage], n: int) -> list[Span]:
        """The `n` spans that cover most of the sentence, best first, without overlaps. Other verifiers read them."""
        parts = sorted(parts_of(Claim.of(sentence), passages), key=lambda part: part.merit, reverse=True)
        chosen: list[Part] = []
        for part in parts:
            apart = all(part.passage != c.passage or part.end <= c.start or c.end <= part.start for c in chosen)
            if apart and len(chosen) < n and (part.covered or not chosen):
                chosen.append(part)
        return [(part.passage, part.start, part.end) for part in chosen]


def _disagree(claim: Claim, chosen: Sequence[Part]) -> bool:
    scales = frozenset().union(*(scales_named(part.passage.text) for part in chosen))
    quotes = [part.tokens for part in chosen]
    said = [part for part in chosen if not part.is_row]
    clauses = [clause for part in said for clause in clauses_of(part.tokens, part.passage.text, part.start)]
    found = disagreements(claim.tokens, quotes, explained=lambda token: is_explained(token, chosen), scales=scales)
    return bool(found) or any(of_another_subject(claim.clauses, clauses, scales)) or _names_another_row(claim, chosen)


def _names_another_row(claim: Claim, chosen: Sequence[Part]) -> bool:
    """Whether the sentence has the first cell of a row in a table of which other rows are quoted."""
    quoted = frozenset().union(*(stems(part.passage.text[part.start : part.end]) for part in chosen))
    for part in chosen:
        for table in tables_in(part.passage.text) if part.is_row else ():
            for row in table.grid[table.header :]:
                key = frozenset(stems(part.passage.text[slice(*row[0])]))
                if key and key <= claim.words and not key <= quoted:
                    return True
    return False


def _says_more(sentence: str, cells: Sequence[Found], passages: Sequence[Passage]) -> bool:
    """Whether the sentence denies what a row says, or has a number or name that no passage has."""
    claim = Claim.of(sentence)
    rows = [found.passage.text[slice(*found.row)] for found in cells]
    if is_negated(sentence) != any(is_negated(row) for row in rows):
        return True
    told = [token for passage in passages for token in tokens_of(passage.text)]
    looked = {found.number for found in cells}
    for token in claim.tokens:
        if token.quantity is None or token.quantity in looked or token.quantity.is_lone_scale:
            continue
        if not any(token.agrees_with(other) for other in told if other.quantity):
            return True
    known = frozenset(stems(" ".join(f"{passage.title} {passage.heading} {passage.text}" for passage in passages)))
    return any(token.kind == "name" and not token.is_first and token.stem not in known for token in claim.tokens)
