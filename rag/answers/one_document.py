"""Answers from a single document of any length, without an index."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from rag import documents as loaders
from rag.answers.answer import NOT_FOUND, write
from rag.answers.evidence import THRESHOLD, answerability, evidence_in_document, question_words
from rag.answers.options import PASSAGES, AskOptions
from rag.answers.question import Prepared
from rag.arguments import require, require_text, takes
from rag.documents.chunking import split_text
from rag.errors import UsageError
from rag.grounding.citations import Citations
from rag.grounding.lexical import LexicalVerifier
from rag.models.generators.abstention import abstains
from rag.models.generators.extractive import ExtractiveGenerator
from rag.specs import using_llm
from rag.summaries.options import SummaryKeywords, SummaryOptions
from rag.summaries.summarize import summarized
from rag.system.loops import run
from rag.text.rarity import frequencies, rarity
from rag.text.words import stems
from rag.types import Answer, Document, Hit, Hits, Passage, Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.protocols import Generator
    from rag.summaries.summarize import Source
    from rag.types import Answer, Chunk, Document

USUAL_WORDS = 80
PIECE_WORDS = 60
MET_WITHOUT_A_MODEL = frozenset({"strict", "sampling", "verifier", "calls", "fresh"})


@takes(SummaryKeywords, SummaryOptions)
def ask_document(
    question: str, document: Source, *, llm: Generator | str = "local", **options: Unpack[SummaryKeywords]
) -> Answer:
    """Answer a question from a whole file or loaded document, without a search. Every sentence cites the document's words.

    The model reads every piece of the document, and the answers of the pieces are merged as in `summarize`. The options of
    `summarize` apply, except `focus`. The answer has no hits; its `evidence` (0 to 1) compares the words of question and
    document. A model that does not abstain answers anything, so its answer is dropped if the evidence is low. With
    `llm="extractive"`, no model runs: the answer quotes the passages that share most words with the question. These
    are its hits, and only `strict`, `sampling` and `verifier` apply. Raises DocumentError, ModelError and UsageError.

        rag.ask_document("Who signs it off?", "contract.pdf", llm="local").text
    """
    return run(aask_document(question, document, llm=llm, **options))


@takes(SummaryKeywords, SummaryOptions)
async def aask_document(
    question: str, document: Source, *, llm: Generator | str = "local", **options: Unpack[SummaryKeywords]
) -> Answer:
    """`ask_document` for code that runs in an event loop."""
    require_text(question, "The question")
    require(isinstance(document, (str, Path, Document)), document, "document", "the path of a file, or what rag.load gives")
    if not question.strip():
        raise UsageError("The question is empty.")
    if "focus" in options:
        raise UsageError("A question already sets the focus. Leave focus out.")
    whole: SummaryKeywords = {"piece_words": PIECE_WORDS, **options, "focus": question}
    chosen = SummaryOptions.of(whole, is_question=True, usual_words=USUAL_WORDS)
    loaded = document if isinstance(document, Document) else await asyncio.to_thread(loaders.load, document)
    with using_llm(llm) as model:
        if isinstance(model, ExtractiveGenerator):
            _refuse_unmet(options, model)
            asking = AskOptions(strict=chosen.strict, sampling=chosen.sampling, verifier=chosen.verifier)
            return await extracted(question, loaded, llm=model, options=asking)
        summary = await summarized(loaded, llm=model, options=chosen)
        likelihood = await asyncio.to_thread(evidence_of, question, loaded)
        best = max((sentence.score for sentence in summary.sentences if sentence.support != "none"), default=0.0)
        is_likely = abstains(model) or answerability(likelihood, False, best) >= THRESHOLD
    answerable = best > 0 and is_likely
    return Answer(
        question=question,
        text=summary.text if answerable else NOT_FOUND,
        answerable=answerable,
        evidence=likelihood,
        sentences=summary.sentences if answerable else (),
        citations=summary.citations if answerable else (),
        hits=Hits(question=question),
        model=summary.model,
        usage=summary.usage,
        seconds=summary.seconds,
    )


def _refuse_unmet(options: SummaryKeywords, llm: ExtractiveGenerator) -> None:
    """Raise UsageError for options that need a model."""
    unmet = sorted(name for name, value in options.items() if value is not None and name not in MET_WITHOUT_A_MODEL)
    if unmet:
        raise UsageError(f"{llm.name} runs no model and cannot use {', '.join(unmet)}. Leave it out, or name a model (--llm).")


WORDS_OF_A_PASSAGE = 180


async def extracted(question: str, document: Document, *, llm: Generator, options: AskOptions) -> Answer:
    """The answer of a generator without a model. Its hits are passages of the document, without chunk numbers (-1)."""
    started = time.perf_counter()
    prepared = await asyncio.to_thread(_prepared, question, document, options)
    return await write(prepared, llm=llm, options=options, started=started)


def evidence_of(question: str, document: Document) -> float:
    """How likely it is, by words alone, that the document holds an answer: 0 to 1."""
    return evidence_in_document(question, _best_passages(question, document))


def _prepared(question: str, document: Document, options: AskOptions) -> Prepared:
    """The prompt of the best passages; none below THRESHOLD. Evidence counts all words alike: one document has no rare words."""
    hits = _best_passages(question, document)
    likelihood = evidence_in_document(question, hits)
    passages = tuple(Passage.from_hit(hit.rank, hit) for hit in hits)
    prompt = Prompt(question, passages, ()) if likelihood >= THRESHOLD else None

    def locate(_: str, start: int, end: int) -> tuple[tuple[int, int] | None, str]:
        return document.pages_of(start, end), document.place_of(start, end)

    return Prepared(
        question, hits, likelihood, prompt, Citations(passages, options.verifier or LexicalVerifier(), locate=locate)
    )


def _best_passages(question: str, document: Document) -> Hits:
    """At most PASSAGES passages with a word of the question. The score (0 to 1) is the share of its words, weighted by rarity."""
    chunks = split_text(document, count_tokens=_word_counts, chunk_tokens=WORDS_OF_A_PASSAGE, overlap_tokens=0)
    wanted = question_words(question)
    found = [set(wanted) & set(stems(f"{chunk.heading} {chunk.text}")) for chunk in chunks]
    weights = rarity(wanted, frequencies(found), len(chunks))
    total = sum(weights.values()) or 1.0
    scores = [sum(weights[word] for word in words) / total for words in found]
    matching = [place for place, score in enumerate(scores) if score > 0]
    best = sorted(matching, key=lambda place: -scores[place])[:PASSAGES]
    return Hits((_hit(rank, scores[place], chunks[place], document) for rank, place in enumerate(best, 1)), question=question)


def _hit(rank: int, score: float, chunk: Chunk, document: Document) -> Hit:
    return Hit(
        rank, score, document.source, document.title, chunk.pages, chunk.heading, chunk.start, chunk.end, chunk.text, -1, chunk.place
    )  # fmt: skip


def _word_counts(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]
