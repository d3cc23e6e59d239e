"""The options of a summary. Importing this module is cheap: commands and recipes take their keys and help texts from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from rag.arguments import check_fields, described, option, refuse_unknown
from rag.sampling import Sampling

if TYPE_CHECKING:
    from pathlib import Path

    from rag.prompts import Prompts
    from rag.protocols import Verifier

Chain = Literal["auto", "stuff", "map-reduce", "refine"]
CHAINS: tuple[Chain, ...] = get_args(Chain)
DEFAULT_WORDS = 200


class SummaryKeywords(TypedDict, total=False):
    """The options as keyword arguments. `verifier` may be a spec; None means the default for every option."""

    chain: Chain
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


@described
@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """How documents are summarised. Raises UsageError for a value that cannot work.

    Two fields are internal. `is_question` makes `focus` a question that the document answers. `usual_words` is the length
    if `words` is None; a short document gets fewer words.
    """

    chain: Chain = option(
        "auto",
        "One prompt (stuff), pieces side by side and merged (map-reduce), piece after piece (refine), or whichever fits (auto).",
        choices=CHAINS,
    )
    words: int | None = option(None, "Length of a summary in words (within 15%).", least=1, metavar="N")
    focus: str = option("", "Only what the documents say about this.", metavar="TEXT")
    strict: bool = option(False, "Leave out what the document does not support.")
    piece_tokens: int | None = option(None, "Longest text in one prompt, in tokens (default 3000).", least=1, metavar="N")
    piece_words: int | None = option(None, "Words that the model writes about one piece.", least=1, metavar="N")
    look_back: bool = option(False, "Show merges the best words of the document too.")
    sampling: Sampling = option(
        Sampling(), "How the model chooses tokens; max_tokens is not used.", kind=Sampling, form="what rag.Sampling(…) makes"
    )
    verifier: Verifier | None = option(
        None, "The verifier of sentences.", method="check", form="a spec such as 'lexical' or 'nli:MODEL', or a verifier"
    )
    prompts: Prompts | None = option(
        None, "Prompts that replace the packaged ones.", method="led_by", form="what rag.Prompts(folder) makes"
    )
    calls: Path | str | None = option(None, "File that keeps finished calls (default: in the cache folder).", metavar="FILE")
    fresh: bool = option(False, "Make all calls again.")
    is_question: bool = False
    usual_words: int = DEFAULT_WORDS

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def of(cls, keywords: SummaryKeywords, **own: Any) -> SummaryOptions:
        """Options from keyword arguments. All are checked before a verifier is opened from its spec. `own` sets internal fields.

        Raises UsageError.
        """
        refuse_unknown(keywords, SummaryKeywords)
        chosen: dict[str, Any] = {name: value for name, value in keywords.items() if value is not None}
        spec = chosen.pop("verifier") if isinstance(chosen.get("verifier"), str) else None
        options = cls(**chosen, **own)
        if spec is None:
            return options
        from rag.specs import opened_verifier

        return replace(options, verifier=opened_verifier(spec))
