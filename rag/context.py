"""Hits → a prompt with numbered sources that fits the model's window, counted by the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.errors import UsageError
from rag.types import Passage, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.protocols import Generator
    from rag.types import Hit, Message

    Render = Callable[[str, Sequence[Passage]], tuple[Message, ...]]


def pack(question: str, hits: Sequence[Hit], *, llm: Generator, max_tokens: int, render: Render) -> Prompt:
    """The prompt with as many of the best hits as fit: prompt tokens + `max_tokens` ≤ the model's window.

    No more than the model can tell apart (`max_sources`). Sources are whole or absent, never cut. Raises UsageError
    where the question leaves no room for a single one.
    """
    passages = tuple(Passage.from_hit(number, hit) for number, hit in enumerate(hits[: llm.max_sources], 1))
    budget = llm.window - max_tokens

    def prompt(count: int) -> Prompt:
        return Prompt(question, passages[:count], render(question, passages[:count]))

    whole = prompt(len(passages))
    if llm.count_tokens(whole.messages) <= budget:
        return whole
    fits, too_many = 0, len(passages)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if llm.count_tokens(prompt(middle).messages) <= budget:
            fits = middle
        else:
            too_many = middle
    if fits == 0:
        raise UsageError(
            f"The window of {llm.name} ({llm.window} tokens) has no room for the question, one source and an answer of "
            f"{max_tokens} tokens. Ask for a shorter answer (--max-tokens), or use a model with a larger window (--llm)."
        )
    return prompt(fits)
