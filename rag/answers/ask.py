"""A question answered from an index."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Unpack

from rag.answers.answer import write
from rag.answers.options import AskKeywords, AskOptions
from rag.answers.question import prepare
from rag.arguments import require_call, require_text, takes
from rag.specs import using_llm, using_searchable
from rag.system.loops import run

if TYPE_CHECKING:
    from pathlib import Path

    from rag.answers.answer import OnSentence
    from rag.protocols import Generator, Searchable
    from rag.types import Answer


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
    not contain the answer, `answerable` is False; `extractive` and the packaged model, which do not abstain, are then not even
    called. Works inside a running event loop, such as a notebook's. Raises UsageError for an invalid option, IndexStoreError for
    an index that cannot be opened, and ModelError if the model fails.

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
