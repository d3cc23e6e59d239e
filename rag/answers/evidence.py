"""How likely it is that the documents hold an answer: judged before a model is asked, and again after it has answered.

Before: a logistic model of five measurements between 0 and 1 or so.

- The cosine of the question to the most similar passage, and how far it stands above those that come next: a passage that holds an
  answer stands out, whatever the question; where nothing does, many passages are about as near. A long report speaks of one thing on
  every page, so of each long document only the best passage counts, as long as there are enough others.
- The cosine of the question to single sentences, of those that share most words with it: a passage on the right topic is near
  the question, whether it answers it or not; the sentence that answers is nearer.
- The share of the question's words that one sentence holds, each word counted by how rare it is in the index; and the same of
  those words that are not in the title and the heading: what is asked, without what it is asked about.

After: that, what the model said, and how well the best sentence of its answer is supported. The constants are fitted by
`benchmarks/answers/evidence.py`; docs/measurements/evidence.md says on what.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from math import exp
from typing import TYPE_CHECKING

from rag.models.embedders.batches import embedded_questions
from rag.retrieval.retrieve import Retrieved
from rag.text.rarity import rarity
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

    from rag.protocols import Embedder, Searchable
    from rag.types import Hit

WEIGHTS = (2.5, 8.0, 5.5, 1.0, 2.5)
"""Of cosine, lead, cosine of a sentence, share of a sentence, and share of what is asked."""

BIAS = -7.5
"""Fitted, it is -7.7, for as many questions with an answer as without; an index is asked more often for what it holds."""

COVERAGE_ALONE_WEIGHT, COVERAGE_ALONE_BIAS = 8.6, -4.2
"""Fitted, the bias is -5.4; with that, every third question of PersianQA that has an answer would be refused."""

COSINES = 10
"""Passages whose cosines are compared: the most similar one, and those that it is held against."""

LONG = 6
"""A document of which so many passages were found is a long one."""

FAR = 0.25
"""The cosine of passages that it is held against, where there are none."""

SENTENCES_READ = 3
"""Sentences that are held against the question by meaning; more tell no more."""

DOUBT = 0.5
"""Words of a weight of so much are held by any sentence: where the title has all that is asked, nothing is left to miss."""

BEST_PASSAGES = 3

THRESHOLD = 0.15
"""Below it there is no answer: before, the model is not asked; after, what it wrote is not called one. It is low, for a good
answer is refused at a greater cost than a passage is read in vain, and what the model writes is checked as well."""

SUPPORTED = 0.4
"""The score of a sentence that its sources bear out in part; an answer without one is none."""

ODDS_OF_SENTINEL = 0.05
"""What a model's "not found" leaves of the odds that there is an answer."""

ODDS_OF_SUPPORT = 3.0
"""How much a sentence that is borne out in full raises them. Both odds are chosen, not fitted."""


def question_words(question: str) -> list[str]:
    """The stems that a question asks for, each once: its content words, or all where it has none."""
    return list(dict.fromkeys(content_stems(question) or stems(question)))


def coverage(question: str, hits: Sequence[Hit], weights: Mapping[str, float] | None = None) -> float:
    """Share (0 to 1) of the question's content words that one of the first hits holds, at best; `weights` from `rarity`."""
    wanted = {word: (weights or {}).get(word, 1.0) for word in question_words(question)}
    total = sum(wanted.values())
    if total <= 0:
        return 0.0
    held = (frozenset(stems(f"{hit.title} {hit.heading} {hit.text}")) for hit in hits[:BEST_PASSAGES])
    return max((sum(weight for word, weight in wanted.items() if word in words) / total for words in held), default=0.0)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an embedder says that the constants were fitted for.

    `cosines` are those of the question to the passages that `compared` gives, the best one first; `of` gives those to any texts.
    """

    cosines: Sequence[float]
    of: Callable[[Sequence[str]], Sequence[float]]

    @property
    def lead(self) -> float:
        """How far the best passage stands above the others."""
        others = self.cosines[1:]
        return self.cosines[0] - (sum(others) / len(others) if others else FAR)


def compared(near: Collection[tuple[float, Hashable]]) -> list[float]:
    """The cosine of the most similar passage, and those of the passages it is held against, best first: at most COSINES in all.

    `near` are the passages that were found, each as its cosine and its document. The best one is held against those that come
    next; of a LONG document, only its best counts. Where these are too few, other passages of long ones join, from near to far.
    """
    ranked = sorted(near, key=lambda one: -one[0])
    found = Counter(document for _, document in ranked)
    held: list[float] = []
    spare: list[float] = []
    heard = {document for _, document in ranked[:1]}
    for cosine, document in ranked[1:]:
        (held if found[document] < LONG or document not in heard else spare).append(cosine)
        heard.add(document)
    held = held[: COSINES - 1]
    missing = min(COSINES - 1 - len(held), len(spare))
    held += [spare[number * len(spare) // missing] for number in range(missing)]
    return [cosine for cosine, _ in ranked[:1]] + sorted(held, reverse=True)


def evidence(
    question: str, hits: Sequence[Hit], *, meaning: Meaning | None = None, weights: Mapping[str, float] | None = None
) -> float:
    """Between 0 and 1. `meaning` None goes by words alone; `weights` are those of `rarity`."""
    if not hits:
        return 0.0
    if meaning is None or not meaning.cosines:
        return _logistic(COVERAGE_ALONE_WEIGHT * coverage(question, hits, weights) + COVERAGE_ALONE_BIAS)
    return _logistic(sum(map(float.__mul__, WEIGHTS, measured(question, hits, meaning, weights))) + BIAS)


def measured(
    question: str, hits: Sequence[Hit], meaning: Meaning, weights: Mapping[str, float] | None = None
) -> tuple[float, float, float, float, float]:
    """What WEIGHTS are for, in that order."""
    sentences = _ranked(question, hits, weights)
    near = max(map(float, meaning.of([one.text for one in sentences[:SENTENCES_READ]])), default=0.0)
    share = max((one.share for one in sentences), default=0.0)
    asked = max((one.share_of_asked for one in sentences), default=0.0)
    return float(meaning.cosines[0]), float(meaning.lead), near, share, asked


def sentences_read(question: str, hits: Sequence[Hit], weights: Mapping[str, float] | None = None) -> list[str]:
    """The sentences whose meaning `evidence` asks for."""
    return [one.text for one in _ranked(question, hits, weights)[:SENTENCES_READ]]


def _ranked(question: str, hits: Sequence[Hit], weights: Mapping[str, float] | None) -> list[_Sentence]:
    """All sentences of the first hits, those that hold most of the question first."""
    wanted = {word: (weights or {}).get(word, 1.0) for word in question_words(question)}
    return sorted(_sentences(hits, wanted), key=lambda one: -one.share)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a hit, the share of the question's words that it holds, and of those that the title does not have."""

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
            held = sum(weight for word, weight in wanted.items() if word in words)
            held_of_asked = sum(weight for word, weight in asked.items() if word in words)
            yield _Sentence(hit.text[start:end], held / total, (held_of_asked + DOUBT) / doubted)


@lru_cache(maxsize=1024)
def _words_of_sentences(text: str) -> tuple[tuple[int, int, frozenset[str]], ...]:
    return tuple((start, end, frozenset(stems(text[start:end]))) for start, end in sentence_spans(text))


def answerability(evidence: float, said_not_found: bool, best_support_score: float) -> float:
    """Between 0 and 1: how likely it is that what the model wrote answers from the documents; below THRESHOLD it does not.

    `said_not_found` is whether it wrote that the sources hold no answer, beside whatever else it wrote; `best_support_score`
    is that of its best sentence, 0 without one. An answer that nothing supports is none.
    """
    if best_support_score < SUPPORTED:
        return 0.0
    share = min(1.0, (best_support_score - SUPPORTED) / (1 - SUPPORTED))
    odds = evidence / max(1 - evidence, 1e-9) * (ODDS_OF_SENTINEL if said_not_found else ODDS_OF_SUPPORT**share)
    return odds / (1 + odds)


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value))


def sentences_to_embed(question: str, retrieved: Retrieved, index: Searchable) -> list[str]:
    """What judging the passages will ask the embedder for."""
    return sentences_read(question, retrieved.hits, _weights(question, index)) if is_calibrated(retrieved, index) else []


def _weights(question: str, index: Searchable) -> dict[str, float]:
    words = question_words(question)
    return rarity(words, index.word_frequencies(words), len(index))


def evidence_of(question: str, retrieved: Retrieved, index: Searchable) -> float:
    weights = _weights(question, index)
    meaning = None
    if is_calibrated(retrieved, index):
        documents = index.documents_of([chunk for chunk, _ in retrieved.near])
        cosines = compared([(cosine, documents.get(chunk, -chunk)) for chunk, cosine in retrieved.near])
        meaning = meaning_of(question, cosines, index.embedder)
    return evidence(question, retrieved.hits, meaning=meaning, weights=weights)


def meaning_of(question: str, cosines: Sequence[float], embedder: Embedder) -> Meaning:
    """How near the question is to the best passages, which are known, and to other texts."""
    vector = cache(lambda: embedder.embed_question(question))
    return Meaning(cosines, lambda texts: (embedded_questions(embedder, texts) @ vector()).tolist())


def is_calibrated(retrieved: Retrieved, index: Searchable) -> bool:
    """Whether there are cosines, and they are those of the embedder that the constants were fitted for."""
    identity = index.catalog.embedder_identity
    return identity is not None and identity.name == "minilm" and any(cosine > 0 for _, cosine in retrieved.near)
