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
from typing import TYPE_CHECKING, Any

from rag.answers.codes import absent_codes
from rag.answers.spelling import as_spelled, words_compared
from rag.models.embedders.batches import embedded_questions
from rag.models.embedders.calibration import evidence_calibration
from rag.retrieval.retrieve import Retrieved
from rag.system.fitted import read_fitted
from rag.text.question_parts import question_parts
from rag.text.rarity import rarity
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

    from rag.protocols import Embedder, Searchable
    from rag.system.fitted import Fitted
    from rag.types import Hit

FITTED = read_fitted(Path(__file__).with_suffix(".json"))

WORDS: Mapping[str, Any] = FITTED.values["words"]
"""Weights of the two measurements of words, and their bias: for an embedder without a calibration, and languages that it cannot
read."""

COVERAGE_ALONE_WEIGHT: float = FITTED.values["coverage_weight"]
COVERAGE_ALONE_BIAS: float = FITTED.values["coverage_bias"]
"""For one document without an index."""

COMPARED = 10
"""Passages that are compared: the best one, and those that it is held against."""

LONG = 6
"""A document is long if the search found at least this many of its passages."""

SENTENCES_READ = 3
"""Number of sentences that are embedded. More do not improve the estimate."""

DOUBT: float = FITTED.values["doubt"]
"""Smoothing of measurement 5: a weight that counts as found. If the title has all words of the question, the share is 1."""

BEST_PASSAGES = 3

SPELLED_BY = 20
"""Passages, the nearest ones, whose words a question is spelled by, beside those that were found."""

WITH_A_CODE = 20
"""Passages that are searched for a code, where those that were found do not have it."""

FAMILIAR, FOREIGN = 2.0, 2.6
"""Tokens of a letter, as a multiple of those of the texts of the calibration: up to here cosines count in full, from here not at
all. minilm takes .25 in English, at most .45; .4 in German, at most .56; 1 in Arabic, Chinese and Hindi, at least .6."""

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
    held = (frozenset(stems(_whole_text(hit))) for hit in hits[:BEST_PASSAGES])
    return max((sum(weight for word, weight in wanted.items() if word in words) / total for words in held), default=0.0)


@dataclass(frozen=True, slots=True)
class Meaning:
    """Similarity by a calibrated embedder.

    `fitted` are the constants of its calibration. `cosines` are those of the question to the passages that `compared` gives,
    the best first; `of` gives the cosines to any texts. `trust` (0 to 1) is how well the embedder knows the question's words.
    """

    cosines: Sequence[float]
    of: Callable[[Sequence[str]], Sequence[float]]
    fitted: Fitted
    trust: float = 1.0

    @property
    def lead(self) -> float:
        """The best cosine minus the mean of the others."""
        others = self.cosines[1:]
        return self.cosines[0] - (sum(others) / len(others) if others else self.fitted.values["far"])


def compared(near: Collection[tuple[float, Hashable]]) -> list[float]:
    """The cosine of the best passage and of those it is compared with, best first, at most COMPARED.

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
    others = others[: COMPARED - 1]
    missing = min(COMPARED - 1 - len(others), len(spare))
    others += [spare[number * len(spare) // missing] for number in range(missing)]
    return [cosine for cosine, _ in ranked[:1]] + sorted(others, reverse=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a question and its passages.

    `words` are two numbers: the coverage of the first passages, and the lead of the best BM25 score. `meaning` is what `measured`
    gives, None without a calibration. `trust`, 0 to 1, is how much `meaning` counts.
    """

    words: tuple[float, float]
    meaning: tuple[float, ...] | None = None
    trust: float = 0.0

    def likelihood(self, meaning: Mapping[str, Any] | None, words: Mapping[str, Any] = WORDS) -> float:
        """Between 0 and 1, with the `weights` and `bias` of an embedder and of words."""
        by_words = _sum(words, self.words)
        if self.meaning is None or meaning is None:
            return _logistic(by_words)
        return _logistic(self.trust * _sum(meaning, self.meaning) + (1 - self.trust) * by_words)


def _sum(fitted: Mapping[str, Any], measurements: Sequence[float]) -> float:
    weighted = (weight * value for weight, value in zip(fitted["weights"], measurements, strict=True))
    return float(sum(weighted) + fitted["bias"])


def evidence_in_document(question: str, hits: Sequence[Hit]) -> float:
    """Between 0 and 1, by the words that the question and passages of one document share."""
    return _logistic(COVERAGE_ALONE_WEIGHT * coverage(question, hits) + COVERAGE_ALONE_BIAS) if hits else 0.0


def measured(
    question: str, hits: Sequence[Hit], meaning: Meaning, weights: Mapping[str, float] | None = None
) -> tuple[float, float, float, float, float, float]:
    """What the weights of a calibration are for, in that order."""
    sentences = _ranked(question, hits, weights)
    near = max(map(float, meaning.of([one.text for one in sentences[:SENTENCES_READ]])), default=0.0)
    share = max((one.share for one in sentences), default=0.0)
    asked = max((one.share_of_asked for one in sentences), default=0.0)
    return float(meaning.cosines[0]), float(meaning.lead), near, share, asked, coverage(question, hits, weights)


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


def evidence_of(question: str, retrieved: Retrieved, index: Searchable) -> float:
    """The evidence, from 0 to 1, in what was retrieved for a question: that of its most answerable part.

    The question is read as the documents spell it. A part with a code that stands in no passage has none.
    """
    if not retrieved.hits:
        return 0.0
    fitted = _fitted(retrieved, index)
    constants = fitted.values if fitted else None
    return max((one.likelihood(constants) for one in measurements_of(question, retrieved, index)), default=0.0)


def measurements_of(question: str, retrieved: Retrieved, index: Searchable) -> list[Measured]:
    """What is measured of the question and of each question in it; those that ask for a code that stands nowhere are left out."""
    found = []
    for part in _parts(question, retrieved, index):
        weights = _weights(part, index)
        meaning = _meaning_for(part, question, retrieved, index)
        trust = meaning.trust if meaning and meaning.cosines else 0.0
        lead = lead_of_words(index.search_words(part, COMPARED)) if trust < 1 else 0.0
        of_meaning = measured(part, retrieved.hits, meaning, weights) if meaning and trust else None
        covered = of_meaning[-1] if of_meaning else coverage(part, retrieved.hits, weights)
        found.append(Measured((covered, lead), of_meaning, trust))
    return found


def lead_of_words(found: Sequence[tuple[int, float]]) -> float:
    """How far the best BM25 score stands above those of the next COMPARED - 1, as a share of it: 0 where all are alike.

    Where fewer were found, each missing one counts as half as good, for then the lead tells little.
    """
    scores = [score for _, score in found[:COMPARED]]
    if not scores or scores[0] <= 0:
        return 0.0
    missing = COMPARED - len(scores)
    return 1 - (sum(scores[1:]) / scores[0] + missing / 2) / (COMPARED - 1)


def texts_to_embed(question: str, retrieved: Retrieved, index: Searchable) -> list[str]:
    """What judging the passages will ask the embedder for."""
    if not is_calibrated(retrieved, index):
        return []
    parts = _parts(question, retrieved, index)
    return [*parts, *(text for part in parts for text in sentences_read(part, retrieved.hits, _weights(part, index)))]


def _parts(question: str, retrieved: Retrieved, index: Searchable) -> list[str]:
    """The question and the questions in it, as the documents spell them, without those that ask for a code that stands nowhere."""
    texts = [_whole_text(hit) for hit in retrieved.hits]
    known = index.word_frequencies(list({stem for word in words_compared(question) for stem in stems(word)}))
    spelled = as_spelled(
        question,
        lambda: [*texts, *(_whole_text(hit) for hit in index.first_hits(retrieved.near[:SPELLED_BY], SPELLED_BY))],
        is_known=lambda word: any(known[stem] for stem in stems(word.lower())),
    )
    asked = question_parts(spelled) or (spelled,)
    held = [part for part in asked if not _has_absent_code(part, texts, index)]
    return list(dict.fromkeys([spelled, *held])) if held == list(asked) else held


def _has_absent_code(part: str, texts: Sequence[str], index: Searchable) -> bool:
    def texts_with(query: str) -> list[str]:
        hits = index.first_hits(index.search_words(query, WITH_A_CODE), WITH_A_CODE)
        return [_whole_text(hit) for hit in hits]

    return bool(absent_codes(part, found=texts, frequencies=index.word_frequencies, texts_with=texts_with))


def _whole_text(hit: Hit) -> str:
    return f"{hit.title} {hit.heading} {hit.text}"


def _meaning_for(part: str, question: str, retrieved: Retrieved, index: Searchable) -> Meaning | None:
    """How near a part of a question is to what was found; None where the embedder has no calibration."""
    fitted = _fitted(retrieved, index)
    if fitted is None:
        return None
    near = dict(retrieved.near)
    if part != question:
        near = index.cosines(index.embedder.embed_question(part), list(near))
    documents = index.documents_of(list(near))
    cosines = compared([(cosine, documents.get(chunk, -chunk)) for chunk, cosine in near.items()])
    return meaning_of(part, cosines, index.embedder, fitted)


def _weights(question: str, index: Searchable) -> dict[str, float]:
    words = question_words(question)
    return rarity(words, index.word_frequencies(words), len(index))


def meaning_of(question: str, cosines: Sequence[float], embedder: Embedder, fitted: Fitted) -> Meaning:
    """How near the question is to the best passages, which are known, and to other texts."""
    vector = cache(lambda: embedder.embed_question(question))
    trust = trust_in(question, embedder, fitted)
    return Meaning(cosines, lambda texts: (embedded_questions(embedder, texts) @ vector()).tolist(), fitted, trust)


def trust_in(question: str, embedder: Embedder, fitted: Fitted) -> float:
    """How well the embedder knows the words of the question, 0 to 1: by how many tokens it takes to spell a letter.

    A tokenizer that has to spell words letter by letter was not trained on their language (Rust et al., "How Good is Your
    Tokenizer?", ACL 2021), and then cosines mean nothing.
    """
    letters = sum(map(str.isalnum, question))
    if not letters:
        return 1.0
    spelled = embedder.count_tokens([question])[0] / letters / fitted.values["tokens_of_a_letter"]
    return float(min(1.0, max(0.0, (FOREIGN - spelled) / (FOREIGN - FAMILIAR))))


def is_calibrated(retrieved: Retrieved, index: Searchable) -> bool:
    """Whether there are cosines, and a calibration of the embedder that they are of."""
    return _fitted(retrieved, index) is not None


def _fitted(retrieved: Retrieved, index: Searchable) -> Fitted | None:
    has_cosines = any(cosine > 0 for _, cosine in retrieved.near)
    return evidence_calibration(index.catalog.embedder_identity, index.path) if has_cosines else None
