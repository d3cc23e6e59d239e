"""Prompt → answer: read the model's stream sentence by sentence, and check and cite each sentence."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.answers.evidence import THRESHOLD, answerability
from rag.errors import ModelError
from rag.models.generators.abstention import abstains
from rag.models.generators.extractive import ExtractiveGenerator
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
"""Signs that can end a sentence. The text is split into sentences only after a piece with one of them."""


@dataclass(slots=True)
class _Written:
    """The answer so far. `usage` counts each piece as a token until the model reports its own numbers."""

    sentences: list[Sentence]
    usage: Usage
    said_not_found: bool = False
    has_text: bool = False

    @property
    def is_unchecked(self) -> bool:
        """Whether a sentence could not be checked, being in another language than its sources."""
        return any(not sentence.checked for sentence in self.sentences)

    def reset(self) -> None:
        """Drop all sentences: they turned out to be the model's thoughts, not its answer."""
        self.sentences, self.said_not_found, self.has_text = [], False, False


async def write(
    prepared: Prepared,
    *,
    llm: Generator,
    options: AskOptions,
    on_sentence: OnSentence | None = None,
    started: float | None = None,
) -> Answer:
    """The answer to a prepared question. If it has no prompt, the model is not called and the answer is NOT_FOUND.

    `started` is the time of the question by `time.perf_counter()`, for `Answer.seconds`. Raises ModelError if the model used up
    its tokens before the answer began, which happens to models that think first.
    """
    started = time.perf_counter() if started is None else started
    written = _Written([], Usage())
    if isinstance(llm, ExtractiveGenerator):
        llm = llm.reading_with(prepared.embedder)
    if prepared.prompt is not None:
        written.usage = Usage(prepared.prompt.tokens)
        await _write(prepared.prompt, prepared, llm, options, written, on_sentence)
    cut = written.usage.completion_tokens >= options.sampling.max_tokens
    if cut and not written.has_text:
        raise ModelError(
            f"{llm.name} used up its {options.sampling.max_tokens} tokens before it wrote an answer. Give it more room: --max-tokens, or "
            "Sampling(max_tokens=…)."
        )
    answerable = _answers(written, prepared.evidence, llm)
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


def _answers(written: _Written, evidence: float, llm: Generator) -> bool:
    """Whether what was written answers the question from the sources, or could not be checked.

    Full support is enough for a model that could have said "not found"; otherwise the evidence counts too.
    """
    supported = [sentence for sentence in written.sentences if sentence.support != "none"]
    if not written.said_not_found:
        if written.is_unchecked:
            return True
        if abstains(llm) and any(sentence.support == "full" for sentence in supported):
            return True
    best = max((sentence.score for sentence in supported), default=0.0)
    return best > 0 and answerability(evidence, written.said_not_found, best) >= THRESHOLD


def reader_of(options: AskOptions) -> str:
    """A key for the options, besides prompt and model, that decide how much of a stream `write` reads."""
    return f"answers, {identity_of(options.verifier) if options.verifier else 'lexical'}, {options.strict}"


async def _write(
    prompt: Prompt, prepared: Prepared, llm: Generator, options: AskOptions, written: _Written, on_sentence: OnSentence | None
) -> None:
    """Fill `written`. `on_sentence` waits for the first supported sentence, since without one there is no answer.

    Two things stop the stream: a sentence that repeats an earlier one, and, from a model that reads a single source, a sentence
    without full support after a supported one.
    """
    citations = prepared.citations
    waiting: list[Sentence] = []
    supported = False
    seen: set[frozenset[str]] = set()
    at_once = gives_whole_answers(llm) and not on_sentence
    pieces = _whole(prompt, llm, options, citations) if at_once else llm.stream(prompt, options.sampling)
    async with aclosing(_sentences(pieces_without_thoughts(pieces), written)) as texts:
        async for text in texts:
            if isinstance(text, Sign):
                written.reset()
                citations.reset()
                waiting, supported, seen = [], False, set()
                continue
            written.has_text = True
            judged = citations.judge(text)
            words = frozenset(stems(judged[0].text))
            if is_negated(judged[0].text):
                words |= {"not"}
            if words in seen:
                break
            if words == _NOT_FOUND_WORDS:
                written.said_not_found = True
                continue
            if any(words < earlier for earlier in seen):
                continue  # part of an earlier sentence
            seen.add(words)
            if supported and llm.max_sources == 1 and judged[0].support != "full":
                break
            if not judged[0].text or (options.strict and judged[0].support == "none"):
                continue
            sentence = citations.cite(judged)
            written.sentences.append(sentence)
            waiting.append(sentence)
            supported = supported or sentence.support != "none" or not sentence.checked
            if supported and on_sentence:
                for ready in waiting:
                    on_sentence(ready, citations.citations)
                waiting = []


async def _whole(
    prompt: Prompt, llm: Generator, options: AskOptions, citations: Citations
) -> AsyncGenerator[str | Usage, None]:
    """The whole answer as one piece. Its sentences are judged together beforehand, which is faster."""
    text, usage = await whole_answer(llm, prompt, options.sampling)
    answer = without_thoughts(text)
    citations.expect([answer[start:end] for start, end in sentence_spans(answer)])
    yield text
    yield usage


async def _sentences(pieces: AsyncGenerator[str | Usage | Sign, None], written: _Written) -> AsyncGenerator[str | Sign, None]:
    """Each sentence as soon as the next one begins, and each Sign as it comes. The usage goes to `written`."""
    pending, may_have_ended = "", False
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                written.usage = piece
                continue
            if isinstance(piece, Sign):
                pending, may_have_ended = "", False
                yield piece
                continue
            pending += piece
            written.usage = replace(written.usage, completion_tokens=written.usage.completion_tokens + 1)
            spans = sentence_spans(pending) if may_have_ended and piece.strip() else []
            may_have_ended = may_have_ended or not MAY_END_A_SENTENCE.isdisjoint(piece)
            for start, end in spans[:-1]:
                yield pending[start:end]
            if len(spans) > 1:
                pending = pending[spans[-1][0] :]
                may_have_ended = not MAY_END_A_SENTENCE.isdisjoint(pending)
    for start, end in sentence_spans(pending):
        yield pending[start:end]
