"""The options of a search. Commands take their flags and help from here, so it imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, get_args

from rag.arguments import check_fields, described, option, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.protocols import Reranker

Mode = Literal["hybrid", "dense", "keyword"]
MODES: tuple[Mode, ...] = get_args(Mode)


class SearchKeywords(TypedDict, total=False):
    """The options as keyword arguments. The reranker may be a spec."""

    k: int
    mode: Mode
    where: Mapping[str, str] | None
    reranker: Reranker | str | None


@described
@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of `search`. Raises UsageError for an invalid value."""

    k: int = option(10, "Passages to find, best first.", least=1)
    mode: Mode = option("hybrid", "Search by meaning (dense), by words (keyword), or both (hybrid).", choices=MODES)
    where: Mapping[str, str] | None = option(
        None,
        "Only passages that match: source, title, media_type, page, date, or a name in the metadata.",
        metavar="KEY=GLOB",
    )
    reranker: Reranker | None = option(
        None,
        "Reranker that sorts the passages again: a cross-encoder, or http://HOST:PORT#MODEL.",
        method="scores",
        form="a spec such as a model's name, or what rag.open_reranker gives",
        metavar="SPEC",
    )

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def of(cls, keywords: SearchKeywords, *, api_key: str | None = None) -> Self:
        """The options from keyword arguments. All are checked before a reranker's spec is opened. Raises UsageError."""
        refuse_unknown(keywords, SearchKeywords)
        chosen: dict[str, Any] = dict(keywords)
        spec = chosen.pop("reranker") if isinstance(chosen.get("reranker"), str) else None
        options = cls(**chosen)
        if spec is None:
            return options
        from rag.specs import open_reranker

        return replace(options, reranker=open_reranker(spec, api_key=api_key))
