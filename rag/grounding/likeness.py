"""How like a sentence is to its sources: four shares, of its words and of its tokens' vectors, joined to one score.

The vectors are those that the embedder gives each token in its text. A token finds its match where a source says the same in
other words (late interaction, as in ColBERT, Khattab and Zaharia 2020, and BERTScore, Zhang et al. 2020). What a false sentence
adds is seldom all of it, so the worst matched quarter of the tokens counts for itself.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rag.text.rarity import rarity
from rag.text.sentences import sentence_spans
from rag.text.words import LONE_SURROGATE, content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.protocols import EmbedsTokens, Vectors
    from rag.types import Passage


FEATURES = ("words", "rare_words", "tokens", "worst_tokens")
MOST_READ = 64
"""Sentences of the sources whose tokens are looked at, those first that share most words."""

MOST_KEPT = 512
WORST = 0.25
"""The share of the tokens that count as the worst."""


class Likeness:
    """Measures sentences against passages. Tokens that were embedded are kept for the next sentence."""

    def __init__(self, embedder: EmbedsTokens) -> None:
        self._embedder = embedder
        self._kept: dict[str, Vectors] = {}

    def measured(self, sentence: str, passages: Sequence[Passage]) -> tuple[float, float, float, float]:
        """The values of FEATURES, each 0 to 1.

        `words` is the share of the content words that the passages have, and `rare_words` the same with each word weighted by
        how rare it is in them. `tokens` is the mean of each token's best cosine in any sentence, `worst_tokens` that of the worst
        quarter in the best sentence.
        """
        texts = [text for passage in passages for text in sentences_of(passage.text)]
        sentence = plain(sentence)
        if any(sentence in text for text in texts):
            return 1.0, 1.0, 1.0, 1.0  # a quote, as `extractive` gives: nothing to embed
        sets = [stems_of(text) for text in texts]
        wanted = frozenset(content_stems(sentence) or stems(sentence))
        if not wanted or not texts:
            return 0.0, 0.0, 0.0, 0.0
        weights = rarity(wanted, Counter(word for words in sets for word in words & wanted), len(sets))
        found = wanted & frozenset().union(*sets)
        order = sorted(range(len(texts)), key=lambda place: -sum(weights[word] for word in wanted & sets[place]))
        tokens = self._tokens([sentence, *(texts[place] for place in sorted(order[:MOST_READ]))])
        total = sum(weights.values())
        return (
            len(found) / len(wanted),
            sum(weights[word] for word in found) / total,
            *matched(tokens[0], tokens[1:]),
        )

    def _tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """The vectors of the tokens of each text, from the cache or the embedder."""
        known = {text: self._kept[text] for text in dict.fromkeys(texts) if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        new = dict(zip(missing, self._embedder.embed_tokens(missing), strict=True)) if missing else {}
        if len(self._kept) > MOST_KEPT:
            self._kept = {}
        self._kept.update(new)
        return [new[text] if text in new else known[text] for text in texts]


def matched(vectors: Vectors, sources: Sequence[Vectors]) -> tuple[float, float]:
    """(tokens, worst_tokens) of FEATURES, each 0 to 1, from unit vectors of the tokens of a sentence and of each source."""
    sources = [source for source in sources if len(source)]
    if not len(vectors) or not sources:
        return 0.0, 0.0
    best = np.stack([(vectors @ source.T).max(axis=1) for source in sources])
    anywhere = best.max(axis=0)
    nearest = np.sort(best[best.sum(axis=1).argmax()])
    worst = nearest[: max(1, int(WORST * len(nearest)))]
    return max(0.0, float(anywhere.mean())), max(0.0, float(worst.mean()))


def joined(features: Sequence[float], fitted: Mapping[str, float], *, full: float, partial: float) -> float:
    """One score between 0 and 1 from the values of FEATURES.

    `fitted` has a weight for each feature, which add up to 1, and the weighted means `full` and `partial` where the score is to
    be as the arguments of that name say; in between it grows evenly.
    """
    mean = sum(float(fitted[name]) * value for name, value in zip(FEATURES, features, strict=True))
    return float(np.interp(mean, (0.0, float(fitted["partial"]), float(fitted["full"]), 1.0), (0.0, partial, full, 1.0)))


@lru_cache(maxsize=256)
def sentences_of(text: str) -> tuple[str, ...]:
    """The sentences of a passage, with single spaces."""
    return tuple(plain(text[start:end]) for start, end in sentence_spans(text))


def plain(text: str) -> str:
    """The text with single spaces, and without halves of characters of a damaged text."""
    return " ".join(LONE_SURROGATE.sub("", text).split())


@lru_cache(maxsize=4096)
def stems_of(text: str) -> frozenset[str]:
    """The stems of a sentence."""
    return frozenset(stems(text))
