"""What a reasoning model writes before its answer, between <think> and </think>, is no part of the answer."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OPENS, CLOSES = "<think>", "</think>"


async def without_thoughts(pieces: AsyncGenerator[str | Usage, None]) -> AsyncGenerator[str | Usage, None]:
    """The pieces without thoughts and white space at their beginning; a thought that is never ended is left out too."""
    held, usage, has_begun = "", None, False
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                usage = piece
            elif has_begun:
                yield piece
            else:
                held = _after_thoughts(held + piece)
                has_begun = bool(held) and not held.startswith(OPENS) and not OPENS.startswith(held)
                if has_begun:
                    yield held
    if not has_begun and held and not held.startswith(OPENS):
        yield held
    if usage is not None:
        yield usage


def _after_thoughts(text: str) -> str:
    """What follows the thoughts that are complete."""
    while (text := text.lstrip()).startswith(OPENS) and CLOSES in text:
        text = text.partition(CLOSES)[2]
    return text
