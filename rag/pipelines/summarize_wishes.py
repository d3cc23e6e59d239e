"""The keyword arguments that `summarize` and its kin have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from rag.errors import UsageError, nearest
from rag.pipelines.summarize_document import Wish
from rag.sampling import Sampling

if TYPE_CHECKING:
    from pathlib import Path

    from rag.prompts import Prompts
    from rag.protocols import Verifier


class Wishes(TypedDict, total=False):
    """See `rag.pipelines.summarize.summarize`."""

    chain: str
    words: int | None
    focus: str
    strict: bool
    piece_tokens: int | None
    piece_words: int | None
    look_back: bool
    sampling: Sampling | None
    verifier: Verifier | None
    prompts: Prompts | None
    calls: Path | str | None
    fresh: bool


OF_THE_RUN = frozenset({"calls", "fresh"})


def wish_of(wishes: Wishes, **more: Any) -> Wish:
    """What is asked of a document; `more` are further fields. Raises UsageError for an unknown name or value."""
    known = Wishes.__annotations__
    for name in wishes:
        if name not in known:
            raise UsageError(f"There is no option '{name}'.{nearest(name, known)} Known: {', '.join(known)}.")
    chosen = {name: value for name, value in wishes.items() if name not in OF_THE_RUN and value is not None}
    return Wish(**chosen, **more)  # type: ignore[arg-type]
