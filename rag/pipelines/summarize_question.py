"""A question answered from one document of any length, without an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from rag.errors import UsageError
from rag.pipelines.answer import NOT_FOUND
from rag.pipelines.loops import run
from rag.pipelines.summarize import summarized
from rag.pipelines.summarize_wishes import Wishes, wish_of
from rag.types import Answer, Hits

if TYPE_CHECKING:
    from rag.pipelines.summarize import Source
    from rag.protocols import Generator

USUAL_WORDS = 80
PIECE_WORDS = 60


def ask_document(question: str, document: Source, *, llm: Generator | str = "local", **wishes: Unpack[Wishes]) -> Answer:
    """The answer to a question, from every piece of a file or a loaded document, each sentence with the words it rests on.

    Every piece is asked, and what the pieces say is merged as in `summarize`, whose options it takes but for `focus`. There is
    no search, so there are no hits; `evidence` is the support of the best sentence. Raises DocumentError and ModelError.
    """
    return run(aask_document(question, document, llm=llm, **wishes))


async def aask_document(question: str, document: Source, *, llm: Generator | str = "local", **wishes: Unpack[Wishes]) -> Answer:
    """`ask_document` for code that runs in an event loop."""
    if not question.strip():
        raise UsageError("The question is empty.")
    chosen: Wishes = {"piece_words": PIECE_WORDS, **wishes, "focus": question}
    wish = wish_of(chosen, is_question=True, usual_words=USUAL_WORDS)
    summary = await summarized(document, llm=llm, wish=wish, wishes=chosen)
    answerable = any(sentence.support != "none" for sentence in summary.sentences)
    return Answer(
        question=question,
        text=summary.text if answerable else NOT_FOUND,
        answerable=answerable,
        evidence=max((sentence.score for sentence in summary.sentences), default=0.0),
        sentences=summary.sentences if answerable else (),
        citations=summary.citations if answerable else (),
        hits=Hits(question=question),
        model=summary.model,
        usage=summary.usage,
        seconds=summary.seconds,
    )
