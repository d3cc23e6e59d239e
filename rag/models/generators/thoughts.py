"""Remove the thoughts of a reasoning model: the text between <think> and </think> before its answer.

Templates of some models open the thought in the prompt, so that the reply has only </think>. Until then, a thought looks like
an answer.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from enum import Enum
from typing import TYPE_CHECKING

from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

OPENS, CLOSES = "<think>", "</think>"
TAG = re.compile(f"{OPENS}|{CLOSES}")
HALF_A_TAG = re.compile("<(?:/?(?:t(?:h(?:i(?:nk?)?)?)?)?)?$")


class Sign(Enum):
    """A signal in a stream of pieces."""

    ALL_WAS_THOUGHT = "all text before this was a thought"


async def pieces_without_thoughts(pieces: AsyncGenerator[str | Usage, None]) -> AsyncGenerator[str | Usage | Sign, None]:
    """The pieces without the thoughts and white space at the beginning. An unended thought is removed too.

    A thought that began in the prompt is only recognised at its end. ALL_WAS_THOUGHT then says that earlier pieces were one.
    """
    reply, usage = _Reply(), None
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                usage = piece
                continue
            for part in reply.parts(piece):
                yield part
    if rest := reply.rest():
        yield rest
    if usage is not None:
        yield usage


class _Reply:
    """Splits a reply as it arrives. `_held` is text that may be a thought or part of a tag."""

    def __init__(self) -> None:
        self._held = ""
        self._has_begun = False
        self._may_have_been_thought = True

    def parts(self, piece: str) -> list[str | Sign]:
        """The parts that are now known to be text, and signals."""
        if not self._may_have_been_thought:
            return [piece]
        self._held += piece
        found: list[str | Sign] = []
        if self._has_begun and (tag := TAG.search(self._held)):
            if tag.group() == OPENS:
                self._may_have_been_thought = False
                return self._taken(len(self._held))
            found.append(Sign.ALL_WAS_THOUGHT)
            self._held, self._has_begun = self._held[tag.end() :], False
        if not self._has_begun:
            self._held = _after_thoughts(self._held)
            self._has_begun = not (self._held.startswith(OPENS) or OPENS.startswith(self._held))
            return [*found, *(self.parts("") if self._has_begun else [])]
        half = HALF_A_TAG.search(self._held)
        return self._taken(half.start() if half else len(self._held))

    def rest(self) -> str:
        """The text still held back at the end."""
        return "" if self._held.startswith(OPENS) else self._held

    def _taken(self, end: int) -> list[str | Sign]:
        text, self._held = self._held[:end], self._held[end:]
        return [text] if text else []


def _after_thoughts(text: str) -> str:
    """The text after all complete thoughts."""
    while (text := text.lstrip()).startswith(OPENS) and CLOSES in text:
        text = text.partition(CLOSES)[2]
    return text


_THOUGHTS = re.compile(r"\A\s*(?:<think>)?(?:(?!<think>).)*?</think>\s*", re.DOTALL)
"""A thought at the beginning. The opening tag may be missing, since some templates put it into the prompt."""

_UNENDED_THOUGHT = re.compile(r"\A\s*<think>")


def without_thoughts(text: str) -> str:
    """The text after the thoughts; empty if the last thought never ends.

    >>> without_thoughts("<think>Hm.</think> Yes.")
    'Yes.'
    """
    while _THOUGHTS.match(text):
        text = _THOUGHTS.sub("", text, count=1)
    return "" if _UNENDED_THOUGHT.match(text) else text
