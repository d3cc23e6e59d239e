"""A question answered from an index, and any text checked against any passages."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.answers.answer import write
from rag.answers.options import PASSAGES, asked_as
from rag.answers.question import prepare
from rag.arguments import listed, require_call, require_text
from rag.grounding.citations import without_markers
from rag.grounding.lexical import LexicalVerifier
from rag.specs import opened_verifier, using_llm, using_searchable
from rag.system.loops import run
from rag.text.sentences import sentence_spans
from rag.types import Passage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rag.answers.answer import OnSentence
    from rag.answers.options import Asking
    from rag.index.index import Index
    from rag.prompts import Prompts
    from rag.protocols import Generator, Reranker, Verifier
    from rag.retrieval.retrieve import Mode
    from rag.sampling import Sampling
    from rag.types import Answer, Sentence


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
    verifier: Verifier | str | None = None,
    prompts: Prompts | None = None,
    on_sentence: OnSentence | None = None,
) -> Answer:
    """An answer from the documents, every sentence checked against the words it rests on.

    `strict` leaves out sentences that nothing supports. What is named by a spec (index, model, reranker, verifier) is opened
    for this question; pass objects to ask several. `prompts` replaces the packaged ones. `on_sentence` is called with
    each sentence and all citations so far as soon as it is written and checked. Where the passages do not hold an answer, the
    model is not asked and `answerable` is False. Also works where an event loop runs already, as in a notebook.
    """
    asking = asked_as(k, mode, where, reranker, sampling, strict, verifier, prompts)
    return run(_asked(question, index, llm, asking, on_sentence))


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
    verifier: Verifier | str | None = None,
    prompts: Prompts | None = None,
    on_sentence: OnSentence | None = None,
) -> Answer:
    """`ask` for code that runs in an event loop."""
    asking = asked_as(k, mode, where, reranker, sampling, strict, verifier, prompts)
    return await _asked(question, index, llm, asking, on_sentence)


async def _asked(
    question: str, index: Index | str | Path, llm: Generator | str, asking: Asking, on_sentence: OnSentence | None
) -> Answer:
    require_text(question, "The question")
    require_call(on_sentence, "on_sentence")
    started = time.perf_counter()
    with using_searchable(index) as opened, using_llm(llm) as generator:
        prepared = await asyncio.to_thread(prepare, question, index=opened, llm=generator, asking=asking)
        return await write(prepared, llm=generator, asking=asking, on_sentence=on_sentence, started=started)


def check(text: str, *, sources: Sequence[str], verifier: Verifier | str | None = None) -> list[Sentence]:
    """Each sentence of any text, judged against any passages; citation markers are the numbers of the sources, from 1.

    Markers that stand in the text are no words of it: they are left out and not looked at.
    """
    require_text(text, "The text to check")
    texts = listed(sources, "sources")
    passages = [Passage(number, source, f"source {number}") for number, source in enumerate(texts, 1)]
    judge = opened_verifier(verifier) or LexicalVerifier()
    checked = []
    for start, end in sentence_spans(text):
        if not (body := without_markers(text[start:end]).strip()):
            continue
        sentence, spans = judge.check(body, passages)
        numbers = tuple(dict.fromkeys(passage.number for passage, _, _ in spans))
        checked.append(replace(sentence, citations=numbers))
    return checked
