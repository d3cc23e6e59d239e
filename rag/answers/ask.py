"""The public functions that answer a question from an index, and check any text against any passages."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Unpack

from rag.answers.answer import write
from rag.answers.options import AskKeywords, AskOptions
from rag.answers.question import prepare
from rag.arguments import listed, require_call, require_text, takes
from rag.grounding.citations import checked_all
from rag.grounding.contradictions import saying_otherwise
from rag.grounding.lexical import LexicalVerifier
from rag.grounding.markers import without_markers
from rag.specs import open_embedder, opened_verifier, using_llm, using_searchable
from rag.system.loops import run
from rag.text.sentences import sentence_spans
from rag.types import Passage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.answers.answer import OnSentence
    from rag.protocols import Generator, Searchable, Verifier
    from rag.types import Answer, Sentence


@takes(AskKeywords, AskOptions)
def ask(
    question: str,
    *,
    index: Searchable | str | Path,
    llm: Generator | str = "local",
    on_sentence: OnSentence | None = None,
    **options: Unpack[AskKeywords],
) -> Answer:
    """Answer a question from an index. Every sentence is checked against the documents and cites the words it rests on.

    `index`, `llm`, `reranker` and `verifier` may be specs (strings) or objects. Specs are opened for each call, so pass objects
    to ask several questions. `on_sentence` is called with each checked sentence and all citations so far. If the documents do
    not contain the answer, `answerable` is False; if no passage comes close, the model is not even called. Works inside a
    running event loop, such as a notebook's. Raises UsageError for an invalid option, IndexStoreError for an index that cannot
    be opened, and ModelError if the model fails.

        answer = rag.ask("How tall is the tower?", index="indexes/handbook", k=8, strict=True)
        answer.citations[0].quote
    """
    return run(asked(question, index=index, llm=llm, options=AskOptions.of(options), on_sentence=on_sentence))


@takes(AskKeywords, AskOptions)
async def aask(
    question: str,
    *,
    index: Searchable | str | Path,
    llm: Generator | str = "local",
    on_sentence: OnSentence | None = None,
    **options: Unpack[AskKeywords],
) -> Answer:
    """`ask` for code that runs in an event loop."""
    return await asked(question, index=index, llm=llm, options=AskOptions.of(options), on_sentence=on_sentence)


async def asked(
    question: str,
    *,
    index: Searchable | str | Path,
    llm: Generator | str,
    options: AskOptions,
    on_sentence: OnSentence | None = None,
) -> Answer:
    """`ask` with options that are already checked and opened."""
    require_text(question, "The question")
    require_call(on_sentence, "on_sentence")
    started = time.perf_counter()
    with using_searchable(index) as opened, using_llm(llm) as generator:
        prepared = await asyncio.to_thread(prepare, question, index=opened, llm=generator, options=options)
        return await write(prepared, llm=generator, options=options, on_sentence=on_sentence, started=started)


def check(text: str, *, sources: Sequence[str], verifier: Verifier | str | None = None) -> list[Sentence]:
    """Judge each sentence of `text` against `sources`. Returns the sentences in order, each with its support and score (0 to 1).

    The default verifier reads with the packaged embedder. Markers that stand in the text are no words of it: they are left out
    and not looked at. `contradicted_by` are the numbers of sources that say another number in the same words.

        checked = rag.check("The tower is 330 m tall.", sources=["The Eiffel Tower is 330 metres tall."])
        checked[0].support  # 'full'
    """
    require_text(text, "The text to check")
    texts = listed(sources, "sources")
    passages = [Passage(number, source, f"source {number}") for number, source in enumerate(texts, 1)]
    return checked_passages(text, passages, opened_verifier(verifier) or packaged_verifier())


def checked_passages(text: str, passages: Sequence[Passage], verifier: Verifier) -> list[Sentence]:
    """`check` against passages; markers are their numbers."""
    texts = [passage.text for passage in passages]
    bodies = [without_markers(text[start:end], texts).strip() for start, end in sentence_spans(text)]
    checked = []
    for sentence, spans in checked_all(verifier, [body for body in bodies if body], passages):
        others = saying_otherwise(sentence.text, spans, passages) if spans else []
        checked.append(replace(sentence, citations=_numbers(spans), contradicted_by=_numbers(others)))
    return checked


def _numbers(spans: Sequence[tuple[Passage, int, int]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(passage.number for passage, _, _ in spans))


@cache
def packaged_verifier() -> LexicalVerifier:
    """The default verifier with the packaged embedder, opened once a process."""
    return LexicalVerifier(open_embedder())
