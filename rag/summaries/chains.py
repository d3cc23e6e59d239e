"""Pieces → parts → a summary: map-reduce and refine over one document.

A merge takes as many parts as fit one prompt. It starts when these are ready, while the model still reads other pieces. Every
chain ends, whatever the model writes; see docs/reference/summaries.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError
from rag.models.generators.thoughts import without_thoughts
from rag.summaries.budget import BETWEEN
from rag.summaries.parts import Packing, Part
from rag.summaries.talk import says_nothing
from rag.summaries.wording import count_words, ends_whole, first_that_fit, statements
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from rag.grounding.citations import Judged
    from rag.models.calls import Calls
    from rag.sampling import Sampling
    from rag.summaries.budget import Budget
    from rag.summaries.parts import Judge
    from rag.summaries.pieces import Piece
    from rag.summaries.prompts import Asking
    from rag.types import Message, Passage

    Render = Callable[[Sequence[str]], tuple[Message, ...]]
    Chain = Callable[[Sequence[Piece], "Work"], Coroutine[Any, Any, tuple[Part, int]]]

LEAST_SHARE_KEPT = 0.5
"""Share of the words. A refined summary with fewer has lost earlier content, so its new sentences are added to the old ones."""

LEAST_SURE = 0.8
"""Share of the room for quotes of the document. The rest is a margin, since their tokens are estimated."""

A_FEW_TOKENS = 32
MOST_TO_THINK = 16_384
"""Most tokens that a reasoning model may write, thoughts and answer together, if the window has room for them."""

CUT = "answers longer than asked, cut at a sentence"
SHORTENED = "texts shortened at a sentence to fit the window"
SILENT_MERGES = "merges to which the model said nothing; their parts are kept instead"
UNFOUNDED_MERGES = "merges that the document does not support at all; their parts are kept instead"
UNFOUNDED_STEPS = "steps that the document does not support at all; the summary stayed as it was"
ONLY_THOUGHTS = "answers that were nothing but thoughts, even with all the room in the window"
SILENT_PIECES = "pieces about which the model said nothing"
ERASED = "steps that would have erased the summary; only their new sentences were added"


@dataclass(slots=True)
class Tally:
    """Counts of one summary: answers, answers kept from an earlier run, tokens of the others, and notes by text."""

    calls: int = 0
    reused: int = 0
    usage: Usage = field(default_factory=Usage)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, usage: Usage, *, known: bool) -> None:
        """Count an answer; `known` is one kept from an earlier run."""
        self.calls += 1
        self.reused += known
        if not known:
            self.usage = Usage(
                self.usage.prompt_tokens + usage.prompt_tokens,
                self.usage.completion_tokens + usage.completion_tokens,
                self.usage.cached_tokens + usage.cached_tokens,
            )


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that the summary of one document needs.

    `tokens_a_character` is measured on the document. Calls of a document with a lower `turn` go first. With `look_back`, the
    prompt of a merge also has the best sources of its parts. `on_read` gets the tokens of each finished piece.
    """

    budget: Budget
    asking: Asking
    sampling: Sampling
    calls: Calls
    judge: Judge
    tally: Tally
    tokens_a_character: float
    look_back: bool = False
    turn: int = 0
    on_read: Callable[[int], None] | None = None


async def map_reduce(pieces: Sequence[Piece], work: Work) -> tuple[list[Part], int]:
    """The parts of the summary, in order, and the levels of calls. There is one part if `words` fit one answer."""
    return await _by_stretches(_reduced, pieces, work)


async def refine(pieces: Sequence[Piece], work: Work) -> tuple[list[Part], int]:
    """Like `map_reduce`, but each part is refined from piece to piece of its stretch of the document."""
    return await _by_stretches(_refined, pieces, work)


async def _by_stretches(chain: Chain, pieces: Sequence[Piece], work: Work) -> tuple[list[Part], int]:
    """A part for each stretch of the document, empty ones left out, and the most calls in a row."""
    stretches = even(len(pieces), min(len(pieces), work.budget.final_parts))
    async with _cancelled_at_end() as tasks:
        tasks += [asyncio.create_task(chain(pieces[start:end], work)) for start, end in stretches]
        outcomes = await asyncio.gather(*tasks)
    parts = [part for part, _ in outcomes if part.judged]
    return _relevant(parts, work), max(levels for _, levels in outcomes)


def _relevant(parts: Sequence[Part], work: Work) -> list[Part]:
    """All parts; with a focus, only the supported ones if there are any, since most pieces say nothing about it."""
    supported = [part for part in parts if part.is_borne_out] if work.asking.focus else []
    return supported or list(parts)


@asynccontextmanager
async def _cancelled_at_end() -> AsyncIterator[list[asyncio.Task[Any]]]:
    """A list for tasks. All are cancelled at the end of the block, because one failed task makes the others useless."""
    tasks: list[asyncio.Task[Any]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def even(count: int, stretches: int) -> list[tuple[int, int]]:
    """Divide `count` items into stretches (start, end) of nearly equal length.

    >>> even(7, 2)
    [(0, 4), (4, 7)]
    """
    return list(pairwise(round(number * count / stretches) for number in range(stretches + 1)))


async def _reduced(pieces: Sequence[Piece], work: Work) -> tuple[Part, int]:
    """One part for all pieces, and the levels of calls."""
    async with _cancelled_at_end() as tasks:
        level = [asyncio.create_task(map_piece(piece, work, is_final=len(pieces) == 1)) for piece in pieces]
        tasks += level
        levels = 1
        while len(level) > 1:
            level = await _next_level(level, work, tasks)
            levels += 1
        return (await level[0] if level else Part()), levels


async def _next_level(
    level: Sequence[asyncio.Task[Part]], work: Work, tasks: list[asyncio.Task[Any]]
) -> list[asyncio.Task[Part]]:
    """Merges of neighbouring parts. Each starts when its parts are ready; if there is only one group, its merge is the final one."""
    packing = Packing(work.budget.merged // 2 if work.look_back else work.budget.merged)
    merges: list[asyncio.Task[Part]] = []

    def begin(group: Sequence[Part], *, is_final: bool = False) -> None:
        merges.append(asyncio.create_task(merge(group, work, is_final=is_final)))
        tasks.append(merges[-1])

    for task in level:
        part = await task
        group = packing.add(part) if part.judged else []
        if group:
            begin(group)
    rest = packing.rest()
    for group in rest:
        begin(group, is_final=len(rest) == 1)
    return merges


async def map_piece(piece: Piece, work: Work, *, is_final: bool) -> Part:
    """Ask the model to sum up a piece, and check the answer against it."""
    budget = work.budget
    free = budget.window - piece.tokens - A_FEW_TOKENS
    words, room = budget.part_words, budget.part
    if is_final:
        words, room = budget.words, max(budget.part, min(budget.answer, free))

    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        shown = piece if texts[0] == piece.text else replace(piece, end=piece.start + len(texts[0]))
        return work.asking.of_piece(shown, words=words, window=budget.window)

    sentences, tokens = await _asked(render, [piece.text], room, work, about=piece.tokens, last=True)
    if work.on_read:
        work.on_read(piece.tokens)
    if not sentences and not work.asking.focus:
        work.tally.notes[SILENT_PIECES] += 1
    return await work.calls.aside((work.turn, 1), work.judge.part, sentences, tokens, [piece.passage])


async def merge(parts: Sequence[Part], work: Work, *, is_final: bool) -> Part:
    """Merge several parts into one that is never larger than all of them. A single part is not changed."""
    parts = _relevant(parts, work)
    if len(parts) < 2:
        return parts[0] if parts else Part()
    budget = work.budget
    words, room = (budget.words, budget.answer) if is_final else (budget.part_words, budget.part)
    carried = [part.only(part.carried) for part in parts]
    judged = [pair for part in carried for pair in part.judged]
    room_of_all = sum(part.tokens for part in carried)

    sources = await _looked_up(judged, len(parts), room, room_of_all, work) if work.look_back else []

    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        return work.asking.of_parts(texts, words=words, sources=sources)

    sentences, tokens = await _asked(render, [part.text for part in carried], room, work)
    if tokens > room_of_all:
        sentences, tokens = _cut(sentences, tokens, room_of_all, work)
    basis = await work.calls.aside((work.turn,), work.judge.basis_of, judged)
    merged = await work.calls.aside((work.turn,), work.judge.part, sentences, tokens, basis)
    if not merged.judged:
        work.tally.notes[SILENT_MERGES] += 1
    elif any(part.is_borne_out for part in parts) and not merged.is_borne_out:
        work.tally.notes[UNFOUNDED_MERGES] += 1
    else:
        return replace(merged, merged=tuple(judged))
    return replace(_condensed(carried, room, basis), merged=tuple(judged))


async def _looked_up(judged: Sequence[Judged], parts: int, room: int, used: int, work: Work) -> list[str]:
    """Quotes of the document that support the best sentences, as many as fit the prompt beside the parts."""
    budget = work.budget
    free = budget.window - (budget.piece - budget.text) - room - used - BETWEEN * (parts + 2)
    characters = LEAST_SURE * min(budget.text, free) / max(work.tokens_a_character, 1e-6)
    best = await work.calls.aside((work.turn,), work.judge.best_of, judged, characters)
    return [passage.text for passage in await work.calls.aside((work.turn,), work.judge.basis_of, best)]


def _condensed(parts: Sequence[Part], room: int, basis: Sequence[Passage]) -> Part:
    """The first sentences of each part that fit the room; if none fits, the first sentence of the first part."""
    beginnings = [_beginning_of(part, room / len(parts)) for part in parts]
    kept = [part for part in beginnings if part.judged] or [parts[0].only(parts[0].judged[:1])]
    return Part(tuple(pair for part in kept for pair in part.judged), sum(part.tokens for part in kept), tuple(basis))


def _beginning_of(part: Part, room: float) -> Part:
    """The first whole sentences that fit `room` tokens."""
    rate = part.tokens / max(1, len(part.text))
    first = first_that_fit(part.sentences, room, lambda text: rate * (len(text) + 1))
    return part.only([pair for pair in part.judged[: len(first)] if pair[0].text in first])


async def _refined(pieces: Sequence[Piece], work: Work) -> tuple[Part, int]:
    summary = Part()
    for piece in pieces:
        summary = await (refined(summary, piece, work) if summary.judged else map_piece(piece, work, is_final=True))
    return summary, len(pieces)


async def refined(summary: Part, piece: Piece, work: Work) -> Part:
    """Add a piece to the summary. The result is never empty, fits its room, and keeps most of the earlier content."""
    room = work.budget.answer

    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        return work.asking.of_next(summary.text, replace(piece, end=piece.start + len(texts[0])), words=work.budget.words)

    sentences, tokens = await _asked(render, [piece.text], room, work)
    if work.on_read:
        work.on_read(piece.tokens)
    if not sentences:
        return summary
    basis = [piece.passage, *await work.calls.aside((work.turn,), work.judge.basis_of, summary.judged)]
    new = await work.calls.aside((work.turn,), work.judge.part, sentences, tokens, basis)
    if summary.is_borne_out and not new.is_borne_out:
        work.tally.notes[UNFOUNDED_STEPS] += 1
        return summary
    if count_words(new.text) >= LEAST_SHARE_KEPT * count_words(summary.text):
        return new
    work.tally.notes[ERASED] += 1
    said = {text.casefold() for text in summary.sentences}
    supported = [pair for pair in new.judged if pair[0].support != "none"]
    added = [pair for pair in supported if pair[0].text.casefold() not in said]
    longer = Part((*summary.judged, *added), summary.tokens + new.only(added).tokens, tuple(basis))
    return _beginning_of(longer, room)


async def _asked(
    render: Render, texts: list[str], room: int, work: Work, *, about: int = 0, last: bool = False
) -> tuple[list[str], int]:
    """The sentences of the answer, cut to the room, and their tokens; no sentences if the model has nothing to say.

    `about` is the size in tokens of a prompt that differs from this one in a few characters, 0 if unknown. A call with
    `last` waits for the other calls of the document.
    """
    fits = 0 < about <= work.budget.window - room - A_FEW_TOKENS
    messages = render(texts) if fits else await fitted(render, texts, room, work)
    text, written, is_cut = await answered(messages, room, work, last=last)
    if says_nothing(text, was_asked=bool(work.asking.focus)):
        return [], 0
    sentences = await asyncio.to_thread(statements, text)
    if is_cut and len(sentences) > 1 and not ends_whole(text):
        sentences.pop()
        work.tally.notes[CUT] += 1
    tokens = min(ceil(written), ceil(written / len(text) * _length(sentences)))
    if tokens > room:
        return _cut(sentences, tokens, room, work)
    return sentences, tokens


async def answered(messages: tuple[Message, ...], room: int, work: Work, *, last: bool = False) -> tuple[str, float, bool]:
    """The answer without thoughts, its tokens, and whether the limit of `room` tokens cut it off.

    If thoughts took all of the room, the model is asked once more with the rest of the window.
    """
    for allowed in (room, 0):
        most = allowed or await _room_to_think(messages, work)
        if most < room:
            break
        reply, known = await work.calls.ask(messages, replace(work.sampling, max_tokens=most), turn=(work.turn, last))
        work.tally.add(reply.usage, known=known)
        written = reply.usage.completion_tokens or len(reply.text) * work.tokens_a_character
        text, is_cut = without_thoughts(reply.text), written >= most
        is_hidden = not reply.text and is_cut  # the server does not send the thoughts
        if text or not (reply.text.strip() or is_hidden):
            return text, written * len(text) / max(1, len(reply.text)), is_cut
    work.tally.notes[ONLY_THOUGHTS] += 1
    return "", 0, True


async def _room_to_think(messages: tuple[Message, ...], work: Work) -> int:
    tokens = await asyncio.to_thread(work.calls.llm.count_tokens, messages)
    return min(MOST_TO_THINK, work.budget.window - tokens)


def _cut(sentences: Sequence[str], tokens: int, room: int, work: Work) -> tuple[list[str], int]:
    rate = tokens / max(1, _length(sentences))
    kept = first_that_fit(sentences, room, lambda text: rate * (len(text) + 1))
    if kept != list(sentences):
        work.tally.notes[CUT] += 1
    return kept, min(room, ceil(rate * _length(kept)))


def _length(sentences: Sequence[str]) -> int:
    """Characters of the sentences, with a space after each."""
    return sum(len(sentence) + 1 for sentence in sentences)


async def fitted(render: Render, texts: list[str], room: int, work: Work, *, note: bool = True) -> tuple[Message, ...]:
    """The messages with all texts, or with the beginning of each, as much as fits. Raises UsageError if nothing fits."""
    most = work.budget.window - room
    while True:
        messages = render(texts)
        tokens = await asyncio.to_thread(work.calls.llm.count_tokens, messages)
        if tokens <= most:
            return messages
        length = sum(map(len, texts))
        if not length:
            raise UsageError(
                f"The instructions take {tokens} of the {work.budget.window} tokens that {work.calls.llm.name} reads. Shorten "
                "the focus or the prompts, or use a model with a larger window (--llm)."
            )
        work.tally.notes[SHORTENED] += note
        rate = max(work.tokens_a_character, 1e-6)
        share = max(0.0, min(0.95, 1 - 1.1 * (tokens - most) / (rate * length)))
        texts = [_beginning(text, int(share * len(text))) for text in texts]


def _beginning(text: str, length: int) -> str:
    """At most `length` characters of a text, cut at the end of a sentence in the second half, else of a word."""
    cut = text[:length]
    ends = [cut.rfind(mark) + 1 for mark in (". ", "! ", "? ", "。", "\n")]
    end = max([end for end in ends if end > length // 2], default=0) or cut.rfind(" ") + 1
    return cut[: end or length].rstrip()
