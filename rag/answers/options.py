"""The options of a question. Commands and recipes take their keys and help from here, so it imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rag.arguments import described, like, option, refuse_unknown
from rag.retrieval.options import SearchKeywords, SearchOptions
from rag.sampling import Sampling

if TYPE_CHECKING:
    from rag.prompts import Prompts
    from rag.protocols import Verifier

PASSAGES = 5
"""The default `k` of questions."""


class AskKeywords(SearchKeywords, total=False):
    """The options as keyword arguments. The reranker and the verifier may be specs."""

    sampling: Sampling | None
    strict: bool
    verifier: Verifier | str | None
    prompts: Prompts | None


@described
@dataclass(frozen=True, slots=True)
class AskOptions(SearchOptions):
    """The options of `ask`. Raises UsageError for an invalid value.

    `verifier` None is the lexical verifier, `prompts` None the packaged prompts.
    """

    k: int = like(SearchOptions, "k", default=PASSAGES, help="Passages to find; the model reads as many as fit.")
    sampling: Sampling = option(Sampling(), "How the model chooses tokens.", kind=Sampling, form="what rag.Sampling(…) makes")
    strict: bool = option(False, "Leave out sentences that the documents do not support.")
    verifier: Verifier | None = option(
        None,
        "Verifier of the sentences: lexical (default), nli:MODEL or llm:http://HOST:PORT/v1.",
        method="check",
        form="a spec such as 'lexical' or 'nli:MODEL', or a verifier",
        metavar="SPEC",
    )
    prompts: Prompts | None = option(
        None, "Prompts that replace the packaged ones.", method="led_by", form="what rag.Prompts(folder) makes"
    )

    @classmethod
    def of(cls, keywords: AskKeywords, *, api_key: str | None = None) -> AskOptions:  # type: ignore[override]
        """The options from keyword arguments. All are checked before any spec is opened. Raises UsageError."""
        refuse_unknown(keywords, AskKeywords)
        chosen: dict[str, Any] = {name: value for name, value in keywords.items() if (name, value) != ("sampling", None)}
        specs = {name: chosen.pop(name) for name in ("reranker", "verifier") if isinstance(chosen.get(name), str)}
        options = cls(**chosen)
        return replace(options, **_opened(specs, api_key)) if specs else options


def _opened(specs: dict[str, str], api_key: str | None) -> dict[str, Any]:
    from rag.specs import open_reranker, open_verifier

    opened: dict[str, Any] = {}
    if "reranker" in specs:
        opened["reranker"] = open_reranker(specs["reranker"], api_key=api_key)
    if specs.get("verifier", "lexical") != "lexical":
        opened["verifier"] = open_verifier(specs["verifier"], api_key=api_key)
    return opened
