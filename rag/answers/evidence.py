"""The probability that the documents contain an answer, estimated before the model is called and again after it has answered.

Before the call, a logistic model combines five measurements, each about 0 to 1:

1. The cosine of the question and the most similar passage.
2. Its lead over the next passages. A passage with the answer stands out; without one, many passages are about as near. A long
   report covers one topic on every page, so only its best passage counts, as long as there are enough others.
3. The highest cosine of the question and a single sentence, among those that share most words with it. A passage on the right
   topic is near the question even without the answer; the sentence with the answer is nearer.
4. The share of the question's words in one sentence, weighted by their rarity in the index.
5. The same share without the words of the title and heading: the words for what is asked, not for its topic.

After the call, that probability is combined with the support of the answer's best sentence, and with whether the model wrote
"not found". The weights belong to the embedder (`rag.models.embedders.calibration`), the other constants are in evidence.json.
Both files name the data they were fitted on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING

from rag.models.embedders.batches import embedded_questions
from rag.models.embedders.calibration import calibration_of
from rag.retrieval.retrieve import Retrieved
from rag.system.fitted import read_fitted
from rag.text.rarity import rarity
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

    from rag.models.embedders.calibration import Calibration
    from rag.protocols import Embedder, Searchable
    from rag.system.fitted import Fitted
    from rag.types import Hit

FITTED = read_fitted(Path(__file__).with_suffix(".json"))

COVERAGE_ALONE_WEIGHT: float = FITTED.values["coverage_weight"]
COVERAGE_ALONE_BIAS: float = FITTED.values["coverage_bias"]
"""The logistic model for embedders without a calibration: words alone."""

COSINES = 10
"""Number of passages in the lead: the most similar passage and those it is compared with."""

LONG = 6
"""A document is long if the search found at least this many of its passages."""

SENTENCES_READ = 3
"""Number of sentences that are embedded. More do not improve the estimate."""

DOUBT: float = FITTED.values["doubt"]
"""Smoothing of measurement 5: a weight that counts as found. If the title has all words of the question, the share is 1."""

BEST_PASSAGES = 3

THRESHOLD: float = FITTED.values["threshold"]
"""Below this probability there is no answer: the model is not called, or its text is dropped.

It is low because refusing a good answer costs more than a call in vain, and because the text is checked as well."""

SUPPORTED: float = FITTED.values["supported"]
"""The lowest score of a partly supported sentence. An answer needs at least one."""

ODDS_OF_SENTINEL: float = FITTED.values["odds_of_sentinel"]
"""Factor on the odds of an answer if the model wrote "not found"."""

ODDS_OF_SUPPORT: float = FITTED.values["odds_of_support"]
"""Factor on the odds of an answer for a sentence with a score of 1."""


def question_words(question: str) -> list[str]:
    """The stems of a question's content words, without duplicates; of all its words if it has no content words."""
    return list(dict.fromkeys(content_stems(question) or stems(question)))


def coverage(question: str, hits: Sequence[Hit], weights: Mapping[str, float] | None = None) -> float:
    """The highest share (0 to 1) of the question's words in one of the first hits. `weights` are those of `rarity`, by default 1."""
    wanted = {word: (weights or {}).get(word, 1.0) for word in question_words(question)}
    total = sum(wanted.values())
    if total <= 0:
        return 0.0
    found = 0.0
    for hit in hits[:BEST_PASSAGES]:
        words = frozenset(stems(f"{hit.title} {hit.heading} {hit.text}"))
        found = max(found, sum(weight for word, weight in wanted.items() if word in words))
    return found / total


@dataclass(frozen=True, slots=True)
class Meaning:
    """Similarity by a calibrated embedder.

    `cosines` are those of the question and the passages, as `compared` returns them, best first. `of` returns the cosines of
    the question and any texts. `fitted` has the constants of the calibration.
    """

    cosines: Sequence[float]
    of: Callable[[Sequence[str]], Sequence[float]]
    fitted: Fitted

    @property
    def lead(self) -> float:
        """The best cosine minus the mean of the others."""
        others = self.cosines[1:]
        return self.cosines[0] - (sum(others) / len(others) if others else self.fitted.values["far"])


def compared(near: Collection[tuple[float, Hashable]]) -> list[float]:
    """The cosine of the best passage and of those it is compared with, best first, at most COSINES.

    `near` has a (cosine, document) pair for each passage. The best passage is compared with the next ones. A LONG document
    counts only once. If that leaves too few, other passages of long documents fill up, spread from near to far.
    """
    ranked = sorted(near, key=lambda pair: -pair[0])
    found = Counter(document for _, document in ranked)
    others: list[float] = []
    spare: list[float] = []
    seen = {document for _, document in ranked[:1]}
    for cosine, document in ranked[1:]:
        if document in seen and found[document] >= LONG:
            spare.append(cosine)
        else:
            others.append(cosine)
        seen.add(document)
    others = others[: COSINES - 1]
    missing = min(COSINES - 1 - len(others), len(spare))
    others += [spare[number * len(spare) // missing] for number in range(missing)]
    return [cosine for cosine, _ in ranked[:1]] + sorted(others, reverse=True)


def evidence(
    question: str, hits: Sequence[Hit], *, meaning: Meaning | None = None, weights: Mapping[str, float] | None = None
) -> float:
    """The probability (0 to 1) that the hits contain an answer. Without `meaning`, by words alone. `weights` from `rarity`."""
    if not hits:
        return 0.0
    if meaning is None or not meaning.cosines:
        return _logistic(COVERAGE_ALONE_WEIGHT * coverage(question, hits, weights) + COVERAGE_ALONE_BIAS)
    fitted = meaning.fitted.values
    measurements = measured(question, hits, meaning, weights)
    return _logistic(sum(map(float.__mul__, fitted["weights"], measurements)) + fitted["bias"])


def measured(
    question: str, hits: Sequence[Hit], meaning: Meaning, weights: Mapping[str, float] | None = None
) -> tuple[float, float, float, float, float]:
    """The five measurements of the logistic model, in the order of a calibration's weights."""
    sentences = _ranked(question, hits, weights)
    near = max(map(float, meaning.of([sentence.text for sentence in sentences[:SENTENCES_READ]])), default=0.0)
    share = max((sentence.share for sentence in sentences), default=0.0)
    asked = max((sentence.share_of_asked for sentence in sentences), default=0.0)
    return float(meaning.cosines[0]), float(meaning.lead), near, share, asked


def sentences_read(question: str, hits: Sequence[Hit], weights: Mapping[str, float] | None = None) -> list[str]:
    """The sentences that `evidence` embeds."""
    return [sentence.text for sentence in _ranked(question, hits, weights)[:SENTENCES_READ]]


def _ranked(question: str, hits: Sequence[Hit], weights: Mapping[str, float] | None) -> list[_Sentence]:
    """All sentences of the first hits, those with the highest share of the question's words first."""
    wanted = {word: (weights or {}).get(word, 1.0) for word in question_words(question)}
    return sorted(_sentences(hits, wanted), key=lambda sentence: -sentence.share)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a hit. `share` is that of the question's words, `share_of_asked` without the words of the title."""

    text: str
    share: float
    share_of_asked: float


def _sentences(hits: Sequence[Hit], wanted: Mapping[str, float]) -> Iterator[_Sentence]:
    total = sum(wanted.values()) or 1.0
    for hit in hits[:BEST_PASSAGES]:
        known = frozenset(stems(f"{hit.title} {hit.heading}"))
        asked = {word: weight for word, weight in wanted.items() if word not in known}
        doubted = sum(asked.values()) + DOUBT
        for start, end, words in _words_of_sentences(hit.text):
            found = sum(weight for word, weight in wanted.items() if word in words)
            found_of_asked = sum(weight for word, weight in asked.items() if word in words)
            yield _Sentence(hit.text[start:end], found / total, (found_of_asked + DOUBT) / doubted)


@lru_cache(maxsize=1024)
def _words_of_sentences(text: str) -> tuple[tuple[int, int, frozenset[str]], ...]:
    return tuple((start, end, frozenset(stems(text[start:end]))) for start, end in sentence_spans(text))


def answerability(evidence: float, said_not_found: bool, best_support_score: float) -> float:
    """The probability (0 to 1) that the model's text answers the question from the documents; below THRESHOLD it does not.

    `evidence` is the estimate before the call. `said_not_found` is True if the text contains the "not found" sentence.
    `best_support_score` is the score of the best sentence, 0 without one. Without a supported sentence the result is 0.
    """
    if best_support_score < SUPPORTED:
        return 0.0
    share = min(1.0, (best_support_score - SUPPORTED) / (1 - SUPPORTED))
    odds = evidence / max(1 - evidence, 1e-9) * (ODDS_OF_SENTINEL if said_not_found else ODDS_OF_SUPPORT**share)
    return odds / (1 + odds)


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value))


def sentences_to_embed(question: str, retrieved: Retrieved, index: Searchable) -> list[str]:
    """The sentences that `evidence_of` will embed for a question; none without a calibration."""
    if not is_calibrated(retrieved, index):
        return []
    return sentences_read(question, retrieved.hits, _weights(question, index))


def _weights(question: str, index: Searchable) -> dict[str, float]:
    words = question_words(question)
    return rarity(words, index.word_frequencies(words), len(index))


def evidence_of(question: str, retrieved: Retrieved, index: Searchable) -> float:
    """The probability (0 to 1) that the retrieved passages contain an answer to the question."""
    weights = _weights(question, index)
    meaning = None
    if calibration := _calibration(retrieved, index):
        documents = index.documents_of([chunk for chunk, _ in retrieved.near])
        cosines = compared([(cosine, documents.get(chunk, -chunk)) for chunk, cosine in retrieved.near])
        meaning = meaning_of(question, cosines, index.embedder, calibration)
    return evidence(question, retrieved.hits, meaning=meaning, weights=weights)


def meaning_of(question: str, cosines: Sequence[float], embedder: Embedder, calibration: Calibration) -> Meaning:
    """The Meaning of a question, from its known cosines to the passages, and its embedding."""
    vector = cache(lambda: embedder.embed_question(question))
    return Meaning(cosines, lambda texts: (embedded_questions(embedder, texts) @ vector()).tolist(), calibration.evidence)


def is_calibrated(retrieved: Retrieved, index: Searchable) -> bool:
    """Whether the search returned cosines and their embedder has a calibration."""
    return _calibration(retrieved, index) is not None


def _calibration(retrieved: Retrieved, index: Searchable) -> Calibration | None:
    has_cosines = any(cosine > 0 for _, cosine in retrieved.near)
    return calibration_of(index.catalog.embedder_identity) if has_cosines else None
