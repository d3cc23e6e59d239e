"""Whole answers, for batches that nobody watches: sending one in many pieces costs a server and its client time."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeGuard

from rag.protocols import Completes
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from rag.protocols import Generator
    from rag.sampling import Sampling
    from rag.types import Prompt


def gives_whole_answers(llm: Generator) -> TypeGuard[Completes]:
    """Whether to ask it for them."""
    return isinstance(llm, Completes) and llm.gives_whole_answers


async def whole_answer(llm: Generator, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
    """The text and its usage, at once where the generator can."""
    if gives_whole_answers(llm):
        return await llm.complete(prompt, sampling)
    return await joined(llm.stream(prompt, sampling))


async def joined(pieces: AsyncGenerator[str | Usage, None]) -> tuple[str, Usage]:
    """All of a stream, to its end."""
    texts: list[str] = []
    usage = Usage()
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                usage = piece
            else:
                texts.append(piece)
    return "".join(texts), usage
