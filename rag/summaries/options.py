"""The keyword arguments that `summarize` and its kin have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from rag.arguments import require, require_count, require_path, require_text
from rag.errors import UsageError, nearest
from rag.prompts import Prompts
from rag.sampling import Sampling
from rag.specs import opened_verifier
from rag.summaries.prompts import Asking
from rag.summaries.types import check_chain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rag.protocols import Verifier


class Wishes(TypedDict, total=False):
    """See `rag.summaries.summarize.summarize`."""

    chain: str
    words: int | None
    focus: str
    strict: bool
    piece_tokens: int | None
    piece_words: int | None
    look_back: bool
    sampling: Sampling | None
    verifier: Verifier | str | None
    prompts: Prompts | None
    calls: Path | str | None
    fresh: bool


COUNTS = ("words", "piece_tokens", "piece_words")
TEXTS = ("chain", "focus")
SWITCHES = ("strict", "look_back", "fresh")
OF_THE_RUN = frozenset({"calls", "fresh"})


def wish_of(wishes: Wishes, **more: Any) -> Wish:
    """What is asked of a document; `more` are further fields. Raises UsageError for an unknown name or value."""
    known = Wishes.__annotations__
    for name in wishes:
        if name not in known:
            raise UsageError(f"There is no option '{name}'.{nearest(name, known)} Known: {', '.join(known)}.")
    chosen: dict[str, Any] = {name: value for name, value in wishes.items() if value is not None}
    _check(chosen)
    if verifier := opened_verifier(chosen.pop("verifier", None)):
        chosen["verifier"] = verifier
    return Wish(**{name: value for name, value in chosen.items() if name not in OF_THE_RUN}, **more)


def _check(chosen: Mapping[str, Any]) -> None:
    """Raise UsageError that says what a wish must be."""
    for name, value in chosen.items():
        if name in COUNTS:
            require_count(value, name)
        elif name in TEXTS:
            require_text(value, name)
        elif name in SWITCHES:
            require(isinstance(value, bool), value, name, "True or False")
        elif name == "calls":
            require_path(value, name, "the path of a file")
    sampling, prompts = chosen.get("sampling"), chosen.get("prompts")
    require(sampling is None or isinstance(sampling, Sampling), sampling, "sampling", "what rag.Sampling(…) makes")
    require(prompts is None or isinstance(prompts, Prompts), prompts, "prompts", "what rag.Prompts(folder) makes")


DEFAULT_WORDS = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of every document of a run.

    `words` None leaves the length to the toolkit: `usual_words`, fewer for a short document. `is_question` makes `focus` a
    question that the document is to answer.
    `piece_tokens` and `piece_words` bound a piece's text and what is asked about it; `look_back` shows merges the best
    sources of their parts. `sampling.max_tokens` is not used.
    """

    chain: str = "auto"
    words: int | None = None
    focus: str = ""
    strict: bool = False
    piece_tokens: int | None = None
    piece_words: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    verifier: Verifier | None = None
    prompts: Prompts | None = None
    look_back: bool = False
    is_question: bool = False
    usual_words: int = DEFAULT_WORDS

    def __post_init__(self) -> None:
        check_chain(self.chain)

    @property
    def asking(self) -> Asking:
        """How texts are put to the model."""
        return Asking(" ".join(self.focus.split()), self.is_question, self.prompts or Prompts())
