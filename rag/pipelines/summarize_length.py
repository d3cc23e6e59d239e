"""A summary brought to the words that were asked for: cut at a sentence, or asked for once more in another length."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rag.pipelines.summarize_chains import CUT, answered, fitted
from rag.summaries.wording import count_words, says_nothing, statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.pipelines.summarize_chains import Work
    from rag.summaries.parts import Part
    from rag.types import Message

TOLERANCE = 0.15


async def to_length(part: Part, words: int, work: Work, *, can_grow: bool) -> Part:
    """The part with as close to `words` words as cutting and one request bring it; `can_grow` says whether more may be asked."""
    part = _cut(part, words, work)
    if _is_near(part, words) or (count_words(part.text) < words and not can_grow):
        return part
    other = await _asked_anew(part, words, work)
    return min(part, _cut(other, words, work), key=lambda one: _distance(one, words)) if other else part


def _distance(part: Part, words: int) -> int:
    return abs(count_words(part.text) - words)


def _is_near(part: Part, words: int) -> bool:
    return _distance(part, words) <= TOLERANCE * words


def _cut(part: Part, words: int, work: Work) -> Part:
    """Without the last sentences, where that is nearer to the length."""
    if _is_near(part, words):
        return part
    best = min(
        (part.judged[:count] for count in range(1, len(part.judged) + 1)), key=lambda kept: _distance(part.only(kept), words)
    )
    if len(best) == len(part.judged):
        return part
    work.tally.notes[CUT] += 1
    return part.only(best)


async def _asked_anew(part: Part, words: int, work: Work) -> Part | None:
    """What the model writes when it is told the length; None where it writes nothing, or there is no room to ask."""
    room = work.budget.answer
    sources = [passage.text for passage in part.basis]

    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        return work.asking.of_length(part.text, count_words(part.text), texts, words=words)

    least = await asyncio.to_thread(work.calls.llm.count_tokens, render([""]))
    if least + room > work.budget.window:
        return None
    messages = await fitted(render, sources, room, work, note=False)
    text, tokens, _ = await answered(messages, room, work)
    if says_nothing(text):
        return None
    sentences = await asyncio.to_thread(statements, text)
    written = await work.calls.aside((work.turn,), work.judge.part, sentences, max(1, round(tokens)), part.basis)
    return written if written.judged else None
