"""A question answered from one document without a model: its passages that share most words with the question, and their best sentences."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from rag.answers.answer import write
from rag.answers.evidence import THRESHOLD, evidence, question_words, rarity
from rag.answers.question import PASSAGES, Prepared
from rag.documents.chunking import split_text
from rag.grounding.citations import Citations
from rag.grounding.lexical import LexicalVerifier
from rag.text.words import stems
from rag.types import Hit, Hits, Passage, Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.answers.question import Asking
    from rag.protocols import Generator
    from rag.types import Answer, Chunk, Document

WORDS_OF_A_PASSAGE = 180


async def extracted(question: str, document: Document, *, llm: Generator, asking: Asking) -> Answer:
    """The answer that a generator without a model gives; its hits are passages of the document, which no index numbers."""
    started = time.perf_counter()
    prepared = await asyncio.to_thread(_prepared, question, document, asking)
    return await write(prepared, llm=llm, asking=asking, started=started)


def evidence_of(question: str, document: Document) -> float:
    """How likely it is, by words alone, that the document holds an answer: 0 to 1."""
    return evidence(question, _best_passages(question, document))


def _prepared(question: str, document: Document, asking: Asking) -> Prepared:
    """Words alone tell whether there is an answer. None counts for more by its rarity: a document is no collection."""
    hits = _best_passages(question, document)
    likelihood = evidence(question, hits)
    passages = tuple(Passage.from_hit(hit.rank, hit) for hit in hits)
    prompt = Prompt(question, passages, ()) if likelihood >= THRESHOLD else None

    def locate(_: str, start: int, end: int) -> tuple[tuple[int, int] | None, str]:
        return document.pages_of(start, end), document.place_of(start, end)

    return Prepared(
        question, hits, likelihood, prompt, Citations(passages, asking.verifier or LexicalVerifier(), locate=locate)
    )


def _best_passages(question: str, document: Document) -> Hits:
    """At most five, none without a word of the question; the score is the share of its words, rare ones weighing more."""
    chunks = split_text(document, count_tokens=_word_counts, chunk_tokens=WORDS_OF_A_PASSAGE, overlap_tokens=0)
    wanted = question_words(question)
    held = [set(wanted) & set(stems(f"{chunk.heading} {chunk.text}")) for chunk in chunks]
    weights = rarity(wanted, Counter(word for words in held for word in words), len(chunks))
    total = sum(weights.values())
    scores = [sum(weights[word] for word in words) / total if total else 0.0 for words in held]
    best = sorted((place for place, score in enumerate(scores) if score > 0), key=lambda place: -scores[place])[:PASSAGES]
    return Hits((_hit(rank, scores[place], chunks[place], document) for rank, place in enumerate(best, 1)), question=question)


def _hit(rank: int, score: float, chunk: Chunk, document: Document) -> Hit:
    return Hit(
        rank, score, document.source, document.title, chunk.pages, chunk.heading, chunk.start, chunk.end, chunk.text, -1, chunk.place
    )  # fmt: skip


def _word_counts(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]
