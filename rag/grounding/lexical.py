"""A baseline that checks sentences by words and facts, in milliseconds, offline and without a model.

How it works. The quote is the span of one or two neighbouring source sentences with most of the sentence's content words. The
score is the share of the words that the quote has. A fact that disagrees caps the score: a number, a date, a name, an opposite or
a denial (see `rag.grounding.disagreements`). So does a quote without the words that say what the sentence is about. With an
embedder that has a calibration, nearness in meaning lifts a score that words leave in doubt.

What it cannot do. It draws no conclusions and does not calculate. It does not know that two words mean the same, nor who does
what to whom where the words are the same. It knows English best: number words, opposites and units are English; denials,
exceptions, months and percent are of some other languages too. Its word lists are in `rag/text/languages`, its constants in
lexical.json.

Where a model is at hand, prefer `nli:MODEL` (natural language inference, `rag.grounding.nli`) or `llm:URL` (`rag.grounding.llm`).
`benchmarks/grounding/rules.py` measures what each of its rules gains, and on which sets.
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
"""A second sentence, or a second source, joins the quote only if it covers so much more."""

WORTH_OF_A_SECOND: float = FITTED.values["worth_of_a_second"]
"""Words that stand together in one place support a claim better than words gathered from two."""

DISAGREEMENT: float = FITTED.values["disagreement"]
"""The most that a sentence scores of which a fact disagrees."""

MOST_KEPT = 512
NUMBER_MERIT: int = FITTED.values["number_merit"]
"""A number that agrees tells more of where a sentence comes from than a word."""

ONE_WORD = re.compile(r"[\w'’]+[\s-]+")
LEADS_UP = re.compile(r"[\w'’-]+\s?[,，、،]")
SENTENCES_BEFORE: int = FITTED.values["sentences_before"]
"""So many sentences in front of a quote may hold the name that it calls "it"."""


def support_of(score: float) -> str:
    """The word for a score between 0 and 1."""
    return "full" if score >= FULL else "partial" if score >= PARTIAL else "none"


@dataclass(frozen=True, slots=True)
class _Part:
    """Sentences of a passage from `start` to `end`, and which of the claim's words they cover."""

    passage: Passage
    start: int
    end: int
    tokens: tuple[Token, ...]
    covered: frozenset[str]
    numbers: int

    @property
    def merit(self) -> tuple[float, int]:
        """Of equals the shorter."""
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
    """The first content word of a sentence and those right behind it ("hormone insulin regulates"); nothing where that is no subject.

    A number is none, nor a word with a comma behind it ("Currently, …"), a gain or loss, or what stands after a preposition. Where
    words are not parted, nobody knows which one comes first.
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
    """The beginning of a sentence whose subject comes later: "In total the tower is …"."""
    return re.compile(rf"\W*{one_of(of_all('lead_ins'))}\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Laid:
    """A sentence laid beside its sources: the best parts of them, none where nothing covers any of it."""

    sentence: str
    claim: _Claim
    chosen: tuple[_Part, ...] = ()

    @property
    def share(self) -> float:
        """Share of the sentence's words that the parts cover."""
        return _share(self.claim, self.chosen)

    @property
    def has_its_subject(self) -> bool:
        """Whether the best part, or what surrounds it, has one of the words that say what the sentence is about."""
        words, best = self.claim.subject, self.chosen[:1]
        return not words or any(word.key in best[0].covered or _explained(word, best) for word in words)

    @property
    def is_doubtful(self) -> bool:
        """Whether words alone do not tell."""
        return self.share < FULL or not self.has_its_subject

    @property
    def quote(self) -> str:
        """The best part's words."""
        best = self.chosen[0]
        return best.passage.text[best.start : best.end]


def _laid(sentence: str, passages: Sequence[Passage]) -> _Laid:
    claim = _Claim.of(sentence)
    parts = _parts(claim, passages)
    best = max(parts, key=lambda part: part.merit, default=None)
    if best is None or not best.covered:
        return _Laid(sentence, claim)
    return _Laid(sentence, claim, (best, *_second(best, parts, claim)))


class LexicalVerifier:
    """Judges by the words that a quote covers and the facts that agree; with an embedder, by nearness in meaning too.

    An embedder without a calibration is not asked: its cosines lie elsewhere, and would mislead. Sentences that were embedded are
    kept for the next check.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._calibration = calibration_of(embedder.identity) if embedder is not None else None
        self._embedder = embedder if self._calibration else None
        self._vectors: dict[str, Vectors] = {}
        self.identity = identity_of_settings(type(self).__name__, {})

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """The judged sentence, and at most two supporting spans, the better one first."""
        return self.check_all([sentence], passages)[0]

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        """Each sentence as `check` judges it; what has to be embedded is embedded together."""
        laid = [_laid(sentence, passages) for sentence in sentences]
        vectors: Mapping[str, Vectors] = {}
        if self._embedder is not None:
            doubted = [one for one in laid if one.chosen and one.is_doubtful]
            vectors = self._embedded([text for one in doubted for text in (one.sentence, one.quote)], self._embedder)
        return [self._judged(one, vectors) for one in laid]

    def _judged(self, laid: _Laid, vectors: Mapping[str, Vectors]) -> Judged:
        if not laid.chosen:
            return Sentence(laid.sentence), []
        share = laid.share
        if laid.is_doubtful and self._calibration is not None:
            blended = _blended(share, float(vectors[laid.sentence] @ vectors[laid.quote]), self._calibration)
            share = blended if share < FULL else min(share, blended)
        elif laid.is_doubtful:
            share = min(share, DISAGREEMENT)
        score = min(share, DISAGREEMENT) if _disagree(laid.claim, laid.chosen) else share
        support = support_of(score)
        spans = [(part.passage, part.start, part.end) for part in laid.chosen]
        return Sentence(laid.sentence, support=support, score=score), spans if support != "none" else []

    def _embedded(self, texts: Sequence[str], embedder: Embedder) -> dict[str, Vectors]:
        """The vector of each text; another thread may forget what is kept meanwhile."""
        known = {text: self._vectors.get(text) for text in texts}
        missing = [text for text, vector in known.items() if vector is None]
        new = dict(zip(missing, embedded_questions(embedder, missing), strict=True))
        if len(self._vectors) > MOST_KEPT:
            self._vectors = {}
        self._vectors.update(new)
        return {text: vector for text, vector in {**known, **new}.items() if vector is not None}

    def spans(self, sentence: str, passages: Sequence[Passage], n: int) -> list[Span]:
        """The `n` spans that cover most of the sentence, best first, none within another; for verifiers that read them."""
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
    """Words and meaning together, between 0 and 1."""
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
    """Every sentence, and every two neighbours that cover clearly more together, or a number more."""
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
        parts += single + [
            joined
            for a, b in pairwise(single)
            if not (a.covered <= b.covered or b.covered <= a.covered)
            and _is_worth_joining(a, b, joined := _joined(a, b, claim), claim)
        ]
    return parts


def _joined(a: _Part, b: _Part, claim: _Claim) -> _Part:
    covered = a.covered | b.covered
    numbers = len({token.key for token in claim.tokens if token.kind == "number"} & covered)
    return _Part(a.passage, a.start, b.end, a.tokens + b.tokens, covered, numbers)


def _is_worth_joining(a: _Part, b: _Part, joined: _Part, claim: _Claim) -> bool:
    more = len(joined.covered) - max(len(a.covered), len(b.covered))
    return more >= GAIN_OF_A_SECOND * len(claim.words) or joined.numbers > max(a.numbers, b.numbers)


def _second(best: _Part, parts: Sequence[_Part], claim: _Claim) -> list[_Part]:
    """A span elsewhere that covers much of what the best one does not."""
    least = max(2.0, 2 * GAIN_OF_A_SECOND * len(claim.words))
    rest = [part for part in parts if len(part.covered - best.covered) >= least]
    return [max(rest, key=lambda part: (len(part.covered - best.covered), part.start - part.end))] if rest else []


def _explained(token: Token, parts: Sequence[_Part]) -> bool:
    """Whether a name stands in the title or heading, or in what comes shortly before a quote, which may call it "it"."""
    for part in parts:
        before = [words for _, end, words, _ in _sentences(part.passage.text) if end <= part.start]
        known = frozenset(stems(f"{part.passage.title} {part.passage.heading}")).union(*before[-SENTENCES_BEFORE:])
        if token.stem in known:
            return True
    return False
