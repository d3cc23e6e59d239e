"""The options of a question, and their checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.arguments import require
from rag.prompts import Prompts
from rag.retrieval.search import check_choice, check_filters
from rag.sampling import Sampling
from rag.specs import open_reranker, opened_verifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.protocols import Reranker, Verifier
    from rag.retrieval.retrieve import Mode

PASSAGES = 5
"""Hits that a model is shown where nothing else is asked for."""


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
