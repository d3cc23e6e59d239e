"""Question → passages → sources that fit → an answer → each of its sentences with the words that it rests on."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from rag.citations import Citations, LexicalVerifier
from rag.context import distinct, merged, pack
from rag.evidence import THRESHOLD, evidence
from rag.pipelines.retrieve import retrieve
from rag.prompts import render_answer_prompt
from rag.sentences import sentence_spans
from rag.specs import using_index, using_llm
from rag.types import Answer, Hits, Passage, Sampling, Usage
from rag.words import is_negated, stems

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from rag.citations import Judged
    from rag.context import Between
    from rag.indexes.index import Index
    from rag.pipelines.retrieve import Mode, Retrieved
    from rag.protocols import Generator, Reranker, Verifier
    from rag.types import Citation, Document, Hit, Prompt, Sentence

    OnSentence = Callable[[Sentence, Sequence[Citation]], None]

NOT_FOUND = "Not found in these documents."
PASSAGES = 5
"""Hits that a model is shown where nothing else is asked for."""

SPARE = 4
"""Hits that are looked at for each one that is shown, since some say the same."""


@dataclass(slots=True)
class _Written:
    """What has been written so far. The usage counts pieces as tokens until the model gives its own numbers."""

    sentences: list[Sentence]
    usage: Usage


def ask(
    question: str,
    *,
    index: Index | str | Path,
    llm: Generator | str = "local",
    k: int = PASSAGES,
    mode: Mode = "hybrid",
    where: Mapping[str, str] | None = None,
    reranker: Reranker | str | None = None,
    sampling: Sampling | None = None,
    strict: bool = False,
    verifier: Verifier | None = None,
    on_sentence: OnSentence | None = None,
) -> Answer:
    """An answer from the documents, every sentence checked against the words it rests on.

    `strict` leaves out sentences that nothing supports. `on_sentence` is called with each sentence and all citations so
    far as soon as it is written and checked. Where the passages do not hold an answer, the model is not asked and
    `answerable` is False. Also works where an event loop runs already, as in a notebook.
    """
    return _run(
        aask(
            question,
            index=index,
            llm=llm,
            k=k,
            mode=mode,
            where=where,
            reranker=reranker,
            sampling=sampling,
            strict=strict,
            verifier=verifier,
            on_sentence=on_sentence,
        )
    )


async def aask(
    question: str,
    *,
    index: Index | str | Path,
    llm: Generator | str = "local",
    k: int = PASSAGES,
    mode: Mode = "hybrid",
    where: Mapping[str, str] | None = None,
    reranker: Reranker | str | None = None,
    sampling: Sampling | None = None,
    strict: bool = False,
    verifier: Verifier | None = None,
    on_sentence: OnSentence | None = None,
) -> Answer:
    """`ask` for code that runs in an event loop."""
    started = time.perf_counter()
    sampling = sampling or Sampling()
    with using_index(index) as opened, using_llm(llm) as generator:
        retrieved = await asyncio.to_thread(
            _retrieve_distinct, question, index=opened, k=k, mode=mode, where=where, reranker=reranker
        )
        likelihood = _evidence(question, retrieved, opened)
        merge = partial(merged, between=_white_space_between(opened))
        citations = Citations(
            merge(retrieved.hits),
            _ChunkOfEachSpan(verifier or LexicalVerifier(), retrieved.hits),
            locate=opened.catalog.locate,
        )
        written = _Written([], Usage())
        if likelihood >= THRESHOLD:
            render = partial(render_answer_prompt, by_example=generator.max_sources == 1)
            prompt = await asyncio.to_thread(
                pack, question, retrieved.hits, llm=generator, max_tokens=sampling.max_tokens, merge=merge, render=render
            )
            written.usage = Usage(await asyncio.to_thread(generator.count_tokens, prompt.messages))
            await _write(prompt, generator, sampling, citations, written, strict=strict, on_sentence=on_sentence)
    answerable = any(sentence.support != "none" for sentence in written.sentences)
    sentences = written.sentences if answerable else []
    return Answer(
        question=question,
        text=" ".join(sentence.cited_text for sentence in sentences) if answerable else NOT_FOUND,
        answerable=answerable,
        evidence=likelihood,
        sentences=tuple(sentences),
        citations=tuple(citations.citations) if answerable else (),
        hits=retrieved.hits,
        model=generator.name,
        usage=written.usage,
        seconds=time.perf_counter() - started,
    )


def check(text: str, *, sources: Sequence[str], verifier: Verifier | None = None) -> list[Sentence]:
    """Each sentence of any text, judged against any passages; citation markers are the numbers of the sources, from 1."""
    passages = [Passage(number, source, f"source {number}") for number, source in enumerate(sources, 1)]
    judge = verifier or LexicalVerifier()
    checked = []
    for start, end in sentence_spans(text):
        sentence, spans = judge.check(text[start:end], passages)
        numbers = tuple(dict.fromkeys(passage.number for passage, _, _ in spans))
        checked.append(replace(sentence, citations=numbers))
    return checked


async def _write(
    prompt: Prompt,
    llm: Generator,
    sampling: Sampling,
    citations: Citations,
    written: _Written,
    *,
    strict: bool,
    on_sentence: OnSentence | None,
) -> None:
    """Nothing is shown before the first sentence that the sources support: without one there is no answer.

    A model that says a sentence again has nothing to add, and is stopped; so is a small one that begins to stray after
    it has answered.
    """
    held: list[Sentence] = []
    supported = False
    said: set[frozenset[str]] = set()
    async with aclosing(_sentences(llm.stream(prompt, sampling), written)) as texts:
        async for text in texts:
            judged = citations.judge(text)
            words = frozenset([*stems(judged[0].text), *(["not"] if is_negated(judged[0].text) else [])])
            if words in said:
                break
            if words == frozenset(stems(NOT_FOUND)) | {"not"} or any(words < earlier for earlier in said):
                continue  # nothing is claimed, or nothing that was not said before
            said.add(words)
            if supported and llm.max_sources == 1 and judged[0].support != "full":
                break
            if not judged[0].text or (strict and judged[0].support == "none"):
                continue
            sentence = citations.cite(judged)
            written.sentences.append(sentence)
            held.append(sentence)
            supported = supported or sentence.support != "none"
            if supported and on_sentence:
                for ready in held:
                    on_sentence(ready, citations.citations)
                held = []


async def _sentences(pieces: AsyncGenerator[str | Usage, None], written: _Written) -> AsyncGenerator[str, None]:
    """Whole sentences as soon as the next one has begun; the usage goes to `written`."""
    pending = ""
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                written.usage = piece
                continue
            pending += piece
            written.usage = replace(written.usage, completion_tokens=written.usage.completion_tokens + 1)
            spans = sentence_spans(pending)
            for start, end in spans[:-1]:
                yield pending[start:end]
            if len(spans) > 1:
                pending = pending[spans[-1][0] :]
    for start, end in sentence_spans(pending):
        yield pending[start:end]


def _retrieve_distinct(question: str, *, index: Index, k: int, **options: Any) -> Retrieved:
    """The `k` best hits that each say something new."""
    retrieved = retrieve(question, index=index, k=SPARE * k if k > 0 else k, **options)
    return replace(retrieved, hits=Hits(distinct(retrieved.hits, k), question=question))


def _white_space_between(index: Index) -> Between:
    """Reads the documents; what has changed since the hits were found is told apart by its text."""
    document: Callable[[str], Document | None] = cache(index.catalog.document)

    def between(first: Hit, second: Hit) -> str | None:
        if second.chunk != first.chunk + 1 or (whole := document(first.source)) is None:
            return None
        gap = whole.text[first.end : second.start]
        unchanged = all(whole.text[hit.start : hit.end] == hit.text for hit in (first, second))
        return gap if unchanged and not gap.strip() else None

    return between


class _ChunkOfEachSpan:
    """Judges as `verifier` does; of a passage that several chunks make up, each span gets the chunk that holds most of it."""

    def __init__(self, verifier: Verifier, hits: Sequence[Hit]) -> None:
        self._verifier = verifier
        self._hits = hits

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        judged, spans = self._verifier.check(sentence, passages)
        return judged, [(self._of_its_chunk(*span), span[1], span[2]) for span in spans]

    def _of_its_chunk(self, passage: Passage, start: int, end: int) -> Passage:
        first, last = passage.start + start, passage.start + end
        hits = [hit for hit in self._hits if hit.source == passage.source]
        holder = max(hits, key=lambda hit: min(hit.end, last) - max(hit.start, first))
        return replace(passage, chunk=holder.chunk)


def _evidence(question: str, retrieved: Retrieved, index: Index) -> float:
    identity = index.catalog.embedder_identity
    calibrated = identity is not None and identity.name == "minilm" and retrieved.best_cosine > 0
    return evidence(question, retrieved.hits, retrieved.best_cosine, calibrated=calibrated)


def _run(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    """Run to the end, in a thread of its own where this one has an event loop already."""
    if not _is_loop_running():
        return asyncio.run(coroutine)
    outcome: list[Answer | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001 (handed to the caller below)
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
