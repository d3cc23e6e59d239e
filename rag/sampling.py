"""Options for how a generator chooses tokens, and the check that it supports them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rag.arguments import check_fields, described, option
from rag.errors import UsageError


@described
@dataclass(frozen=True, slots=True)
class Sampling:
    """How a generator chooses tokens. None means the model's own default.

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
        """The names of the options that differ from their defaults, `max_tokens` excepted.

        >>> sorted(Sampling(max_tokens=400, temperature=0.7, seed=1).chosen)
        ['seed', 'temperature']
        """
        changed = {field.name for field in fields(self) if getattr(self, field.name) != field.default}
        return frozenset(changed - {"max_tokens"})


ALL_OPTIONS = frozenset(field.name for field in fields(Sampling))


def check_options(sampling: Sampling, *, model: str, able: frozenset[str]) -> None:
    """Raise UsageError for an option that a model does not support, so that none is ignored silently."""
    if refused := sorted(sampling.chosen - able):
        known = ", ".join(sorted(able))
        raise UsageError(
            f"{model} cannot do {', '.join(refused)}. Leave it out, or use another model (--llm). It can do: {known}."
        )
