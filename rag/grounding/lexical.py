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

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from rag.grounding.clauses import Clause, clauses_of, of_another_subject
from rag.grounding.disagreements import disagreements
from rag.grounding.quantities import scales_named
from rag.grounding.statements import losses, tokens_of
from rag.models.embedders.batches import embedded_questions
from rag.models.embedders.calibration import calibration_of
from rag.models.identity import identity_of_settings
from rag.system.fitted import read_fitted
from rag.text.language import of_all, one_of
from rag.text.scripts import PAIRED_RUN
from rag.text.sentences import sentence_spans
from rag.text.words import stems
from rag.types import Sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.grounding.statements import Token
    from rag.models.embedders.calibration import Calibration
    from rag.protocols import Embedder, Vectors
    from rag.types import Passage

    Span = tuple[Passage, int, int]
    Judged = tuple[Sentence, list[Span]]

FITTED = read_fitted(Path(__file__).with_suffix(".json"))

FULL: float = FITTED.values["full"]
PARTIAL: float = FITTED.values["partial"]
GAIN_OF_A_SECOND: float = FITTED.values["gain_of_a_second"]
"""A second sentence joins the quote if it covers at least this share of the words in addition; a second source, twice as much."""

WORTH_OF_A_SECOND: float = FITTED.values["worth_of_a_second"]
"""Weight of words that only the second source covers: words in one place support a claim better."""

DISAGREEMENT: float = FITTED.values["disagreement"]
"""Highest score of a sentence with a contradicting fact."""

MOST_KEPT = 512
"""Cached sentence vectors."""

NUMBER_MERIT: int = FITTED.values["number_merit"]
"""Additional weight of a number that agrees: it identifies the source better than a word."""

ONE_WORD = re.compile(r"[\w'’]+[\s-]+")
LEADS_UP = re.compile(r"[\w'’-]+\s?[,，、،]")
SENTENCES_BEFORE: int = FITTED.values["sentences_before"]
"""Sentences in front of a quote that may contain the name for its "it"."""


def support_of(score: float) -> str:
    """The support of a score between 0 and 1: "full", "partial" or "none"."""
    return "full" if score >= FULL else "partial" if score >= PARTIAL else "none"


@dataclass(frozen=True, slots=True)
class _Part:
    """One or two sentences of a passage, from `start` to `end`, and the claim's words and numbers that they cover."""

    passage: Passage
    start: int
    end: int
    tokens: tuple[Token, ...]
    covered: frozenset[str]
    numbers: int

    @property
    def merit(self) -> tuple[float, int]:
        """Sorts parts by coverage; of equal parts, the shorter wins."""
        return len(self.covered) + NUMBER_MERIT * self.numbers, self.start - self.end


@dataclass(frozen=True, slots=True)
class _Claim:
    tokens: tuple[Token, ...]
    words: frozenset[str]
    clauses: tuple[Clause, ...]
    subject: tuple[Token, ...]

    @classmethod
    def of(cls, sentence: str) -> _Claim:
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
class _Aligned:
    """A sentence with the parts of the sources that cover it best; () if none covers any word."""

    sentence: str
    claim: _Claim
    chosen: tuple[_Part, ...] = ()

    @property
    def share(self) -> float:
        """Share of the sentence's words that the parts cover."""
        return _share(self.claim, self.chosen)

    @property
    def has_its_subject(self) -> bool:
        """Whether the best part or its surroundings contain a word of the sentence's subject."""
        words, best = self.claim.subject, self.chosen[:1]
        return not words or any(word.key in best[0].covered or _explained(word, best) for word in words)

    @property
    def is_doubtful(self) -> bool:
        """Whether words alone cannot confirm the sentence."""
        return self.share < FULL or not self.has_its_subject

    @property
    def quote(self) -> str:
        """The text of the best part."""
        best = self.chosen[0]
        return best.passage.text[best.start : best.end]


def _aligned(sentence: str, passages: Sequence[Passage]) -> _Aligned:
    claim = _Claim.of(sentence)
    parts = _parts(claim, passages)
    best = max(parts, key=lambda part: part.merit, default=None)
    if best is None or not best.covered:
        return _Aligned(sentence, claim)
    return _Aligned(sentence, claim, (best, *_second(best, parts, claim)))


class LexicalVerifier:
    """Judges a sentence by the words and facts of its quote and, with a calibrated embedder, by similarity in meaning.

    An embedder without a calibration is ignored, because its cosines have another scale. Vectors are cached between checks.

    >>> from rag.types import Passage
    >>> tower = Passage(1, "The tower of Kell is 96 m tall.", "kell.txt")
    >>> sentence, spans = LexicalVerifier().check("The tower is 96 m tall.", [tower])
    >>> sentence.support, [(passage.number, start, end) for passage, start, end in spans]
    ('full', [(1, 0, 31)])
    >>> LexicalVerifier().check("The tower is 69 m tall.", [tower])[0].support  # the number caps the score
    'partial'
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._calibration = calibration_of(embedder.identity) if embedder is not None else None
        self._embedder = embedder if self._calibration else None
        self._vectors: dict[str, Vectors] = {}
        self.identity = identity_of_settings(type(self).__name__, {})

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """The sentence with support and score (0 to 1), and at most two supporting spans, the better one first.

        A span is (passage, start, end), in characters of the passage's text.
        """
        return self.check_all([sentence], passages)[0]

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        """Each sentence as `check` judges it, with all texts embedded in one batch."""
        claims = [_aligned(sentence, passages) for sentence in sentences]
        vectors: Mapping[str, Vectors] = {}
        if self._embedder is not None:
            doubtful = [claim for claim in claims if claim.chosen and claim.is_doubtful]
            vectors = self._embedded([text for claim in doubtful for text in (claim.sentence, claim.quote)], self._embedder)
        return [self._judged(claim, vectors) for claim in claims]

    def _judged(self, aligned: _Aligned, vectors: Mapping[str, Vectors]) -> Judged:
        if not aligned.chosen:
            return Sentence(aligned.sentence), []
        share = aligned.share
        if aligned.is_doubtful and self._calibration is not None:
            blended = _blended(share, float(vectors[aligned.sentence] @ vectors[aligned.quote]), self._calibration)
            share = blended if share < FULL else min(share, blended)
        elif aligned.is_doubtful:
            share = min(share, DISAGREEMENT)
        score = min(share, DISAGREEMENT) if _disagree(aligned.claim, aligned.chosen) else share
        support = support_of(score)
        spans = [(part.passage, part.start, part.end) for part in aligned.chosen]
        return Sentence(aligned.sentence, support=support, score=score), spans if support != "none" else []

    def _embedded(self, texts: Sequence[str], embedder: Embedder) -> dict[str, Vectors]:
        """The vector of each text, from the cache or the embedder."""
        known = {text: self._vectors.get(text) for text in texts}  # another thread may empty the cache
        missing = [text for text, vector in known.items() if vector is None]
        new = dict(zip(missing, embedded_questions(embedder, missing), strict=True))
        if len(self._vectors) > MOST_KEPT:
            self._vectors = {}
        self._vectors.update(new)
        return {text: vector for text, vector in {**known, **new}.items() if vector is not None}

    def spans(self, sentence: str, passages: Sequence[Passage], n: int) -> list[Span]:
        """The `n` spans that cover most of the sentence, best first, without overlaps. Other verifiers read them."""
        parts = sorted(_parts(_Claim.of(sentence), passages), key=lambda part: part.merit, reverse=True)
        chosen: list[_Part] = []
        for part in parts:
            apart = all(part.passage != c.passage or part.end <= c.start or c.end <= part.start for c in chosen)
            if apart and len(chosen) < n and (part.covered or not chosen):
                chosen.append(part)
        return [(part.passage, part.start, part.end) for part in chosen]


def _share(claim: _Claim, chosen: Sequence[_Part]) -> float:
    """Share of the claim's words that the spans cover."""
    best = chosen[0]
    gained = len(frozenset().union(*(part.covered for part in chosen)) - best.covered)
    return (len(best.covered) + WORTH_OF_A_SECOND * gained) / len(claim.words)


def _blended(share: float, cosine: float, calibration: Calibration) -> float:
    """The share of words and the similarity in meaning as one score, 0 to 1."""
    fitted = calibration.support.values
    far, near, weight = float(fitted["far"]), float(fitted["near"]), float(fitted["weight"])
    nearness = min(1.0, max(0.0, (cosine - far) / (near - far)))
    return (1 - weight) * share + weight * nearness


def _disagree(claim: _Claim, chosen: Sequence[_Part]) -> bool:
    scales = frozenset().union(*(scales_named(part.passage.text) for part in chosen))
    quotes = [part.tokens for part in chosen]
    clauses = [clause for part in chosen for clause in clauses_of(part.tokens, part.passage.text, part.start)]
    found = disagreements(claim.tokens, quotes, explained=lambda token: _explained(token, chosen), scales=scales)
    return bool(found) or any(of_another_subject(claim.clauses, clauses, scales))


@lru_cache(maxsize=256)
def _sentences(text: str) -> tuple[tuple[int, int, frozenset[str], tuple[Token, ...]], ...]:
    """(start, end, stems, tokens) of every sentence."""
    tokens = tokens_of(text)
    starts = [token.start for token in tokens]
    return tuple(
        (start, end, frozenset(stems(text[start:end])), tokens[bisect_left(starts, start) : bisect_left(starts, end)])
        for start, end in sentence_spans(text)
    )


def _parts(claim: _Claim, passages: Sequence[Passage]) -> list[_Part]:
    """Every sentence of the passages, and every two neighbours that together cover clearly more words, or another number."""
    parts = []
    for passage in passages:
        known = frozenset(stems(f"{passage.title} {passage.heading}"))
        named = frozenset(token.key for token in claim.tokens if token.kind == "name" and token.stem in known)
        scales = scales_named(passage.text)
        numbers = [token for token in claim.tokens if token.kind == "number"]
        single = []
        for start, end, words, tokens in _sentences(passage.text):
            figures = frozenset(n.key for n in numbers if any(n.agrees_with(t, scales=scales) for t in tokens if t.quantity))
            covered = (claim.words & words) - {n.key for n in numbers} | figures
            single.append(_Part(passage, start, end, tokens, covered | named if covered else covered, len(figures)))
        parts += single
        for a, b in pairwise(single):
            if a.covered <= b.covered or b.covered <= a.covered:
                continue
            joined = _joined(a, b, claim)
            if _is_worth_joining(a, b, joined, claim):
                parts.append(joined)
    return parts


def _joined(a: _Part, b: _Part, claim: _Claim) -> _Part:
    covered = a.covered | b.covered
    numbers = len({token.key for token in claim.tokens if token.kind == "number"} & covered)
    return _Part(a.passage, a.start, b.end, a.tokens + b.tokens, covered, numbers)


def _is_worth_joining(a: _Part, b: _Part, joined: _Part, claim: _Claim) -> bool:
    more = len(joined.covered) - max(len(a.covered), len(b.covered))
    return more >= GAIN_OF_A_SECOND * len(claim.words) or joined.numbers > max(a.numbers, b.numbers)


def _second(best: _Part, parts: Sequence[_Part], claim: _Claim) -> list[_Part]:
    """The part that covers most of the words missing in the best part; none if it covers too few."""
    least = max(2.0, 2 * GAIN_OF_A_SECOND * len(claim.words))
    candidates = [part for part in parts if len(part.covered - best.covered) >= least]
    if not candidates:
        return []
    return [max(candidates, key=lambda part: (len(part.covered - best.covered), part.start - part.end))]


def _explained(token: Token, parts: Sequence[_Part]) -> bool:
    """Whether a name is in the title, the heading or the sentences just before a quote, which may call it "it"."""
    for part in parts:
        before = [words for _, end, words, _ in _sentences(part.passage.text) if end <= part.start]
        known = frozenset(stems(f"{part.passage.title} {part.passage.heading}")).union(*before[-SENTENCES_BEFORE:])
        if token.stem in known:
            return True
    return False
