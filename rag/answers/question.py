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
from rag.models.generators.abstention import abstains
from rag.prompts import Prompts
from rag.retrieval.retrieve import Retrieved, candidates, near_ones, retrieve
from rag.retrieval.search import check_question
from rag.system.waiting import threads
from rag.text.question_parts import question_parts
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
    """A question and what was found for it. `prompt` is None where the model is not asked."""

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

    A model that abstains is asked about whatever was found; another one only where there is enough evidence of an answer.
    `retrieved` is what `retrieve_distinct` has found already. `said` is what a person said where `question` is that with a topic
    added: the sentence that answers it need not hold the topic, which stands in those around it.
    """
    retrieved = retrieved or retrieve_distinct(question, index, options)
    prompts = options.prompts or Prompts()
    with threads(1) as thread:  # compile the templates while numpy computes without the GIL
        thread.submit(lambda: [prompts.template(task) for task in ANSWER_TASKS])
        likelihood = max(evidence_of(one, retrieved, index) for one in filter(None, (question, said)))
        if likelihood < THRESHOLD and not abstains(llm):
            question, retrieved, likelihood = _best_part(question, retrieved, likelihood, index, options)
    merge = partial(merged, between=white_space_between(index))
    prompt = None
    if retrieved.hits and (abstains(llm) or likelihood >= THRESHOLD):
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


def _best_part(
    question: str, retrieved: Retrieved, likelihood: float, index: Searchable, options: AskOptions
) -> tuple[str, Retrieved, float]:
    """The first question of a longer text that is answered where it is searched for alone; else what is given.

    A pasted paragraph finds passages on itself, and what is asked below it is lost among its words.
    """
    for part in question_parts(question):
        alone = retrieve_distinct(part, index, options)
        found = evidence_of(part, alone, index)
        if found >= THRESHOLD:
            return part, alone, found
    return question, retrieved, likelihood


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
