"""A prompt → what a model writes, sentence by sentence, each with the words that it rests on."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.answers.evidence import THRESHOLD, answerability
from rag.errors import ModelError
from rag.models.generators.abstention import abstains
from rag.models.generators.thoughts import Sign, pieces_without_thoughts, without_thoughts
from rag.models.generators.whole import gives_whole_answers, whole_answer
from rag.models.identity import identity_of
from rag.text.sentences import sentence_spans
from rag.text.words import is_negated, stems
from rag.types import Answer, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from rag.answers.options import AskOptions
    from rag.answers.question import Prepared
    from rag.grounding.citations import Citations
    from rag.protocols import Generator
    from rag.types import Citation, Prompt, Sentence

    OnSentence = Callable[[Sentence, Sequence[Citation]], None]

NOT_FOUND = "Not found in these documents."
_NOT_FOUND_WORDS = frozenset(stems(NOT_FOUND)) | {"not"}
MAY_END_A_SENTENCE = frozenset('.!?…:;。！？؟।\n"”’)]')
"""Only after a piece with one of these is it worth looking for whole sentences."""


@dataclass(slots=True)
class _Written:
    """What has been written so far. The usage counts pieces as tokens until the model gives its own numbers."""

    sentences: list[Sentence]
    usage: Usage
    said_not_found: bool = False
    has_text: bool = False

    def begin_anew(self) -> None:
        """Forget what turned out to be no part of the answer."""
        self.sentences, self.said_not_found, self.has_text = [], False, False


async def write(
    prepared: Prepared,
    *,
    llm: Generator,
    options: AskOptions,
    on_sentence: OnSentence | None = None,
    started: float | None = None,
) -> Answer:
    """The answer to a prepared question; without a prompt, the model is not asked.

    `started` is when the question was asked, by time.perf_counter(). Raises ModelError where the model used up its tokens before
    it wrote anything, as one that thinks first may: that tells nothing of the documents.
    """
    started = time.perf_counter() if started is None else started
    written = _Written([], Usage())
    if prepared.prompt is not None:
        written.usage = Usage(prepared.prompt.tokens)
        await _write(prepared.prompt, prepared, llm, options, written, on_sentence)
    cut = written.usage.completion_tokens >= options.sampling.max_tokens
    if cut and not written.has_text:
        raise ModelError(
            f"{llm.name} used up its {options.sampling.max_tokens} tokens before it wrote an answer. Give it more room: --max-tokens, or "
            "Sampling(max_tokens=…)."
        )
    best = max((sentence.score for sentence in written.sentences if sentence.support != "none"), default=0.0)
    answerable = best > 0 and (
        _is_vouched_for(written, llm) or answerability(prepared.evidence, written.said_not_found, best) >= THRESHOLD
    )
    sentences = written.sentences if answerable else []
    return Answer(
        question=prepared.question,
        text=" ".join(sentence.cited_text for sentence in sentences) if answerable else NOT_FOUND,
        answerable=answerable,
        evidence=prepared.evidence,
        sentences=tuple(sentences),
        citations=tuple(prepared.citations.citations) if answerable else (),
        hits=prepared.hits,
        model=llm.name,
        usage=written.usage,
        seconds=time.perf_counter() - started,
        removed_citations=prepared.citations.removed,
        cut=cut and answerable,
    )


def _is_vouched_for(written: _Written, llm: Generator) -> bool:
    """Whether a model that could have said "not found" gave an answer that its sources fully support."""
    is_supported = any(sentence.support == "full" for sentence in written.sentences)
    return is_supported and not written.said_not_found and abstains(llm)


def reader_of(options: AskOptions) -> str:
    """Everything besides the prompt and the model that decides how much of a stream `write` reads."""
    return f"answers, {identity_of(options.verifier) if options.verifier else 'lexical'}, {options.strict}"


async def _write(
    prompt: Prompt, prepared: Prepared, llm: Generator, options: AskOptions, written: _Written, on_sentence: OnSentence | None
) -> None:
    """Nothing is shown before the first sentence that the sources support: without one there is no answer.

    A model that says a sentence again has nothing to add, and is stopped; so is a small one that begins to stray after
    it has answered.
    """
    citations = prepared.citations
    held: list[Sentence] = []
    supported = False
    said: set[frozenset[str]] = set()
    at_once = gives_whole_answers(llm) and not on_sentence
    pieces = _whole(prompt, llm, options, citations) if at_once else llm.stream(prompt, options.sampling)
    async with aclosing(_sentences(pieces_without_thoughts(pieces), written)) as texts:
        async for text in texts:
            if isinstance(text, Sign):
                written.begin_anew()
                citations.begin_anew()
                held, supported, said = [], False, set()
                continue
            written.has_text = True
            judged = citations.judge(text)
            words = frozenset([*stems(judged[0].text), *(["not"] if is_negated(judged[0].text) else [])])
            if words in said:
                break
            if words == _NOT_FOUND_WORDS:
                written.said_not_found = True
                continue
            if any(words < earlier for earlier in said):
                continue  # nothing is said that was not said before
            said.add(words)
            if supported and llm.max_sources == 1 and judged[0].support != "full":
                break
            if not judged[0].text or (options.strict and judged[0].support == "none"):
                continue
            sentence = citations.cite(judged)
            written.sentences.append(sentence)
            held.append(sentence)
            supported = supported or sentence.support != "none"
            if supported and on_sentence:
                for ready in held:
                    on_sentence(ready, citations.citations)
                held = []


async def _whole(
    prompt: Prompt, llm: Generator, options: AskOptions, citations: Citations
) -> AsyncGenerator[str | Usage, None]:
    """The answer in one piece, all of whose sentences are there to be judged."""
    text, usage = await whole_answer(llm, prompt, options.sampling)
    said = without_thoughts(text)
    citations.expect([said[start:end] for start, end in sentence_spans(said)])
    yield text
    yield usage


async def _sentences(pieces: AsyncGenerator[str | Usage | Sign, None], written: _Written) -> AsyncGenerator[str | Sign, None]:
    """Whole sentences as soon as the next one has begun, and what says that those before were none; the usage goes to `written`."""
    pending, is_worth_a_look = "", False
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                written.usage = piece
                continue
            if isinstance(piece, Sign):
                pending, is_worth_a_look = "", False
                yield piece
                continue
            pending += piece
            written.usage = replace(written.usage, completion_tokens=written.usage.completion_tokens + 1)
            spans = sentence_spans(pending) if is_worth_a_look and piece.strip() else []
            is_worth_a_look = is_worth_a_look or not MAY_END_A_SENTENCE.isdisjoint(piece)
            for start, end in spans[:-1]:
                yield pending[start:end]
            if len(spans) > 1:
                pending = pending[spans[-1][0] :]
                is_worth_a_look = not MAY_END_A_SENTENCE.isdisjoint(pending)
    for start, end in sentence_spans(pending):
        yield pending[start:end]
