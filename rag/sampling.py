"""How a generator chooses tokens, and which of these options it obeys."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rag.arguments import check_fields, described, option
from rag.errors import UsageError


@described
@dataclass(frozen=True, slots=True)
class Sampling:
    """How a generator chooses tokens. None leaves a choice to the model's own default.

    Raises UsageError for a value out of range.

        rag.Sampling(max_tokens=400, temperature=0.7, seed=1)
    """

    max_tokens: int = option(256, "Longest answer, in tokens.", least=1)
    temperature: float | None = option(0.0, "0 always takes the most likely token; higher values vary more.", least=0)
    top_p: float | None = option(
        None, "Sample from the most likely tokens whose probabilities add up to this share.", over=0, most=1
    )
    top_k: int | None = option(None, "Sample from the N most likely tokens.", least=1)
    repetition_penalty: float | None = option(None, "Values over 1 discourage repetition.", over=0)
    seed: int | None = option(None, "Random seed; makes sampling repeatable.")
    stop: tuple[str, ...] = option((), "Strings at which the answer ends; they are left out.")

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def chosen(self) -> frozenset[str]:
        """The names of the options that were set to something else than their default; `max_tokens` is not among them."""
        return frozenset(
            field.name for field in fields(self) if field.name != "max_tokens" and getattr(self, field.name) != field.default
        )


ALL_OPTIONS = frozenset(field.name for field in fields(Sampling))


def check_options(sampling: Sampling, *, model: str, able: frozenset[str]) -> None:
    """Raise UsageError where an option is set that a model is not able to obey. None of them is ignored without a word."""
    if refused := sorted(sampling.chosen - able):
        known = ", ".join(sorted(able))
        raise UsageError(
            f"{model} cannot do {', '.join(refused)}. Leave it out, or use another model (--llm). It can do: {known}."
        )
