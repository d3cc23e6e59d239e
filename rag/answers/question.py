"""Question → passages → sources that fit the model: all that comes before a model writes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from rag.answers.context import distinct, merged
from rag.answers.evidence import THRESHOLD, Meaning, compared, evidence, question_words, rarity, sentences_read
from rag.answers.fit import pack_prompts
from rag.arguments import require
from rag.grounding.citations import Citations, checked_all
from rag.grounding.lexical import LexicalVerifier
from rag.models.embedders.batches import embedded_questions
from rag.prompts import Prompts
from rag.retrieval.retrieve import Retrieved, candidates, check_choice, check_filters, near_ones, retrieve
from rag.sampling import Sampling
from rag.specs import open_reranker, open_verifier
from rag.system.waiting import threads
from rag.types import Hits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rag.answers.context import Between
    from rag.grounding.citations import Judged
    from rag.index.index import Index
    from rag.protocols import Embedder, Generator, Reranker, Verifier
    from rag.retrieval.retrieve import Mode
    from rag.types import Document, Hit, Passage, Prompt

PASSAGES = 5
"""Hits that a model is shown where nothing else is asked for."""

ANSWER_TASKS = ("answer.system", "answer.user")
"""The templates that a prompt is made with."""

SPARE = 4
"""Hits that are looked at for each one that is shown, since some say the same."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How questions are asked: what is looked for, and how a model is to write.

    `strict` leaves out sentences that nothing supports. `verifier` None is the default one, `prompts` None the packaged ones.
    """

    k: int = PASSAGES
    mode: Mode = "hybrid"
    where: Mapping[str, str] | None = None
    reranker: Reranker | None = None
    sampling: Sampling = field(default_factory=Sampling)
    strict: bool = False
    verifier: Verifier | None = None
    prompts: Prompts | None = None


def asked_as(
    k: int = PASSAGES,
    mode: Mode = "hybrid",
    where: Mapping[str, str] | None = None,
    reranker: Reranker | str | None = None,
    sampling: Sampling | None = None,
    strict: bool = False,
    verifier: Verifier | str | None = None,
    prompts: Prompts | None = None,
) -> Asking:
    """The options of `rag.ask`, checked, with what specs name opened. Raises UsageError that says what an option must be."""
    check_choice(k, mode)
    check_filters(where, reranker)
    require(isinstance(strict, bool), strict, "strict", "True or False")
    require(sampling is None or isinstance(sampling, Sampling), sampling, "sampling", "what rag.Sampling(…) makes")
    require(prompts is None or isinstance(prompts, Prompts), prompts, "prompts", "what rag.Prompts(folder) makes")
    return Asking(
        k=k,
        mode=mode,
        where=where,
        reranker=open_reranker(reranker) if isinstance(reranker, str) else reranker,
        sampling=sampling or Sampling(),
        strict=strict,
        verifier=opened_verifier(verifier),
        prompts=prompts,
    )


def opened_verifier(verifier: Verifier | str | None) -> Verifier | None:
    """The verifier, or the one that a spec names; None for the default one, which goes by what the index has."""
    is_one = verifier is None or isinstance(verifier, str) or hasattr(verifier, "check")
    require(is_one, verifier, "verifier", "a spec such as 'lexical' or 'nli:MODEL', or a verifier")
    if isinstance(verifier, str):
        return None if verifier == "lexical" else open_verifier(verifier)
    return verifier


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question and what was found for it. `prompt` is None where that is too little to ask a model."""

    question: str
    hits: Hits
    evidence: float
    prompt: Prompt | None
    citations: Citations


def prepare(
    question: str, *, index: Index, llm: Generator, asking: Asking, said: str = "", retrieved: Retrieved | None = None
) -> Prepared:
    """Search, judge whether the passages may hold an answer, and make the prompt. Raises UsageError where nothing fits.

    `retrieved` is what `retrieve_distinct` has found already. `said` is what a person said where `question` is that with a topic
    added: the sentence that answers it need not hold the topic, which stands in those around it.
    """
    retrieved = retrieved or retrieve_distinct(question, index, asking)
    prompts = asking.prompts or Prompts()
    with threads(1) as thread:  # compiles the templates, while judging computes outside of Python's lock
        thread.submit(lambda: [prompts.template(task) for task in ANSWER_TASKS])
        likelihood = max(_evidence(one, retrieved, index) for one in filter(None, (question, said)))
    merge = partial(merged, between=white_space_between(index))
    prompt = None
    if likelihood >= THRESHOLD:
        prompt = pack_prompts(
            question,
            retrieved.hits,
            llm=llm,
            max_tokens=asking.sampling.max_tokens,
            merge=merge,
            prompts=prompts,
        )
    verifier = asking.verifier or LexicalVerifier(index.embedder if _is_calibrated(retrieved, index) else None)
    citations = Citations(
        merge(retrieved.hits),
        _ChunkOfEachSpan(verifier, retrieved.hits),
        shown=prompt.passages if prompt else None,
        locate=index.catalog.locate,
    )
    return Prepared(question, retrieved.hits, likelihood, prompt, citations)


def retrieve_distinct(question: str, index: Index, asking: Asking) -> Retrieved:
    """The `k` best hits that each say something new."""
    k = asking.k
    retrieved = retrieve(
        question,
        index=index,
        k=SPARE * k if k > 0 else k,
        mode=asking.mode,
        where=asking.where,
        reranker=asking.reranker,
    )
    near = retrieved.near
    if asking.mode == "dense":  # what words find too is among what evidence was measured with
        near = near_ones(*candidates(question, index=index, where=asking.where))
    return Retrieved(Hits(distinct(retrieved.hits, k), question=question), near)


def white_space_between(index: Index) -> Between:
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
        return self.check_all([sentence], passages)[0]

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        return [
            (judged, [(self._of_its_chunk(*span), span[1], span[2]) for span in spans])
            for judged, spans in checked_all(self._verifier, sentences, passages)
        ]

    def _of_its_chunk(self, passage: Passage, start: int, end: int) -> Passage:
        first, last = passage.start + start, passage.start + end
        hits = [hit for hit in self._hits if hit.source == passage.source]
        holder = max(hits, key=lambda hit: min(hit.end, last) - max(hit.start, first))
        return replace(passage, chunk=holder.chunk)


def sentences_to_embed(question: str, retrieved: Retrieved, index: Index) -> list[str]:
    """What judging the passages will ask the embedder for."""
    return sentences_read(question, retrieved.hits, _weights(question, index)) if _is_calibrated(retrieved, index) else []


def _weights(question: str, index: Index) -> dict[str, float]:
    words = question_words(question)
    return rarity(words, index.word_frequencies(words), len(index))


def _evidence(question: str, retrieved: Retrieved, index: Index) -> float:
    weights = _weights(question, index)
    meaning = None
    if _is_calibrated(retrieved, index):
        documents = index.documents_of([chunk for chunk, _ in retrieved.near])
        cosines = compared([(cosine, documents.get(chunk, -chunk)) for chunk, cosine in retrieved.near])
        meaning = meaning_of(question, cosines, index.embedder)
    return evidence(question, retrieved.hits, meaning=meaning, weights=weights)


def meaning_of(question: str, cosines: Sequence[float], embedder: Embedder) -> Meaning:
    """How near the question is to the best passages, which are known, and to other texts."""
    vector = cache(lambda: embedder.embed_question(question))
    return Meaning(cosines, lambda texts: (embedded_questions(embedder, texts) @ vector()).tolist())


def _is_calibrated(retrieved: Retrieved, index: Index) -> bool:
    """Whether there are cosines, and they are those of the embedder that the constants were fitted for."""
    identity = index.catalog.embedder_identity
    return identity is not None and identity.name == "minilm" and any(cosine > 0 for _, cosine in retrieved.near)
