"""Answers without a model: the best sentences of the sources, word for word."""

from __future__ import annotations

from collections import Counter
from math import log
from typing import TYPE_CHECKING

from rag.sampling import check_options
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from rag.sampling import Sampling
    from rag.types import Message, Passage, Prompt

SENTENCES = 3
WORTH_OF_THE_NEXT = 0.6
"""A further sentence is quoted only if it has at least this share of the best score."""

RANK_DISCOUNT = 0.05


class ExtractiveGenerator:
    """Quotes up to three sentences that share the question's rarest words. Higher-ranked sources count slightly more."""

    identity = "extractive"
    name = "extractive"
    window = 1_000_000
    max_sources = None
    abstains = False
    options = frozenset({"max_tokens"})
    parallel = 1

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The number of words, since there is no model. No prompt is too long."""
        return sum(len(message.content.split()) for message in messages)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """The sentences one by one, best first, up to `max_tokens` words."""
        check_options(sampling, model=self.name, able=self.options)
        room = sampling.max_tokens
        for sentence in best_sentences(prompt.question, prompt.passages):
            words = sentence.split()[:room]
            room -= len(words)
            if words:
                yield " ".join(words) + "\n"
        yield Usage(0, sampling.max_tokens - room)

    def close(self) -> None:
        """Nothing to free."""


def best_sentences(question: str, passages: Sequence[Passage]) -> list[str]:
    """Up to three different sentences, best first, with white space folded."""
    wanted = set(content_stems(question))
    sentences = [
        (" ".join(passage.text[start:end].split()), rank)
        for rank, passage in enumerate(passages)
        for start, end in sentence_spans(passage.text)
        if not passage.text.startswith("#", start)  # a Markdown heading says nothing by itself
    ]
    words = {sentence: set(content_stems(sentence)) for sentence, _ in sentences}
    frequency = Counter(word for found in words.values() for word in found)
    rarity = {word: log(1 + len(words) / frequency[word]) for word in wanted if frequency[word]}
    scores: dict[str, float] = {}
    for sentence, rank in sentences:
        score = sum(rarity[word] for word in wanted & words[sentence]) * (1 - RANK_DISCOUNT * min(rank, 10))
        scores[sentence] = max(scores.get(sentence, 0.0), score)
    best = sorted((s for s in scores if scores[s] > 0), key=lambda s: -scores[s])[:SENTENCES]
    return [sentence for sentence in best if scores[sentence] >= WORTH_OF_THE_NEXT * scores[best[0]]]
