"""Whole answers, for batches that nobody watches. They save a server and its client the cost of many pieces."""

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
    """Whether the generator can return whole answers, and they cost less."""
    return isinstance(llm, Completes) and llm.gives_whole_answers


async def whole_answer(llm: Generator, prompt: Prompt, sampling: Sampling) -> tuple[str, Usage]:
    """The text and its usage, as a whole answer if the generator prefers that, else from a stream."""
    if gives_whole_answers(llm):
        return await llm.complete(prompt, sampling)
    return await joined(llm.stream(prompt, sampling))


async def joined(pieces: AsyncGenerator[str | Usage, None]) -> tuple[str, Usage]:
    """The whole text and the usage of a stream."""
    texts: list[str] = []
    usage = Usage()
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                usage = piece
            else:
                texts.append(piece)
    return "".join(texts), usage
