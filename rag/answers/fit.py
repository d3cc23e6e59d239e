"""A prompt that fits: sources come first, and what else stands in it takes the room that they leave."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rag.answers.context import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.answers.context import Merge
    from rag.prompts import Prompts
    from rag.protocols import Generator
    from rag.types import Hit, Prompt


def pack_prompts(
    question: str, hits: Sequence[Hit], *, llm: Generator, max_tokens: int, merge: Merge, prompts: Prompts
) -> Prompt:
    """`pack` with as much of what was said before, and as many examples, as there is room for beside all the sources.

    The oldest messages give way first, then the examples; sources only when nothing else is left.
    """
    by_example = llm.max_sources == 1
    passages = merge(hits[: llm.max_sources])
    while (lighter := prompts.lighter()) is not None:
        if llm.count_tokens(prompts.answer(question, passages, by_example=by_example)) + max_tokens <= llm.window:
            break
        prompts = lighter
    return pack(
        question, hits, llm=llm, max_tokens=max_tokens, merge=merge, render=partial(prompts.answer, by_example=by_example)
    )
