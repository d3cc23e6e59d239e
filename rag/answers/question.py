"""Question → passages → prompt: every step before the model is called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rag.answers.context import distinct, merged, pack_prompts, white_space_between
from rag.answers.evidence import (
    THRESHOLD,
    evidence_of,
    is_calibrated,
)
from rag.answers.options import AskOptions
from rag.grounding.citations import ChunkOfEachSpan, Citations
from rag.grounding.lexical import LexicalVerifier
from rag.prompts import Prompts
from rag.retrieval.retrieve import Retrieved, candidates, near_ones, retrieve
from rag.retrieval.search import check_question
from rag.system.waiting import threads
from rag.types import Hits

if TYPE_CHECKING:
    from rag.protocols import Embedder, Generator, Searchable
    from rag.types import Prompt


ANSWER_TASKS = ("answer.system", "answer.user")
"""The templates of the prompt of a question."""

SPARE = 4
"""Over-fetch factor of the search: near-duplicates are dropped afterwards."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question with its hits. `prompt` is None if `evidence` (0 to 1) is below THRESHOLD."""

    question: str
    hits: Hits
    evidence: float
    prompt: Prompt | None
    citations: Citations
    embedder: Embedder | None = None
    """Reads the question and the passages, where cosines of this embedder tell what is near; None where they do not."""


def prepare(
    question: str, *, index: Searchable, llm: Generator, options: AskOptions, said: str = "", retrieved: Retrieved | None = None
) -> Prepared:
    """Search, estimate whether the passages contain an answer, and make the prompt. Raises UsageError if no source fits.

    `retrieved` is an earlier result of `retrieve_distinct`. `said` is the person's own wording if `question` has a topic added:
    both are estimated, since the sentence with the answer need not repeat the topic.
    """
    retrieved = retrieved or retrieve_distinct(question, index, options)
    prompts = options.prompts or Prompts()
    with threads(1) as thread:  # compile the templates while numpy computes without the GIL
        thread.submit(lambda: [prompts.template(task) for task in ANSWER_TASKS])
        likelihood = max(evidence_of(wording, retrieved, index) for wording in filter(None, (question, said)))
    merge = partial(merged, between=white_space_between(index))
    prompt = None
    if likelihood >= THRESHOLD:
        prompt = pack_prompts(
            question,
            retrieved.hits,
            llm=llm,
            max_tokens=options.sampling.max_tokens,
            merge=merge,
            prompts=prompts,
        )
    embedder = index.embedder if is_calibrated(retrieved, index) else None
    verifier = options.verifier or LexicalVerifier(embedder)
    citations = Citations(
        merge(retrieved.hits),
        ChunkOfEachSpan(verifier, retrieved.hits),
        shown=prompt.passages if prompt else None,
        locate=index.catalog.locate,
    )
    return Prepared(question, retrieved.hits, likelihood, prompt, citations, embedder)


def retrieve_distinct(question: str, index: Searchable, options: AskOptions) -> Retrieved:
    """The `k` best hits without near-duplicates. Raises UsageError for an empty or invalid question."""
    check_question(question)
    k = options.k
    retrieved = retrieve(
        question,
        index=index,
        k=SPARE * k if k > 0 else k,
        mode=options.mode,
        where=options.where,
        reranker=options.reranker,
    )
    near = retrieved.near
    if options.mode == "dense":  # evidence was calibrated with the candidates of both searches
        near = near_ones(*candidates(question, index=index, where=options.where))
    return Retrieved(Hits(distinct(retrieved.hits, k), question=question), near)
