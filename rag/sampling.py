"""How a generator chooses tokens, and which of these options it obeys."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf

from rag.arguments import is_whole, require
from rag.errors import UsageError


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a generator chooses tokens. None leaves the choice to the model's own default.

    `max_tokens` ≥ 1; `temperature` ≥ 0, 0 takes the likeliest token; `top_p` in (0, 1]; `top_k` ≥ 1; `repetition_penalty` > 0,
    over 1 discourages repetition; `stop` holds strings at which the answer ends, themselves left out. Raises UsageError for
    what is out of range.
    """

    max_tokens: int = 256
    temperature: float | None = 0.0
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_tokens", "top_k", "seed"):
            value = getattr(self, name)
            is_left = value is None and name != "max_tokens"
            require(is_left or is_whole(value), value, name, "a whole number")
        for name in ("temperature", "top_p", "repetition_penalty"):
            value = getattr(self, name)
            require(value is None or isinstance(value, float) or is_whole(value), value, name, "a number")
        ranges = {
            "max_tokens": (self.max_tokens >= 1, "at least 1"),
            "temperature": (self.temperature is None or 0 <= self.temperature < inf, "at least 0"),
            "top_p": (self.top_p is None or 0 < self.top_p <= 1, "over 0 and at most 1"),
            "top_k": (self.top_k is None or self.top_k >= 1, "at least 1"),
            "repetition_penalty": (self.repetition_penalty is None or 0 < self.repetition_penalty < inf, "over 0"),
            "stop": (isinstance(self.stop, tuple) and all(self.stop), "a tuple of strings that are not empty"),
        }
        for name, (is_in_range, range_) in ranges.items():
            if not is_in_range:
                raise UsageError(f"{name} must be {range_}, not {getattr(self, name)!r}.")

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
