"""Bring a summary to the requested length: cut it at a sentence, or ask the model once more.

A small model may still write far less. Then the best sentences of the merged parts are added, and after these sentences of the
document itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.summaries.chains import CUT, answered, fitted
from rag.summaries.talk import meant, says_nothing
from rag.summaries.telling import LEAST_WORDS
from rag.summaries.wording import count_words, statements
from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.grounding.citations import Judged
    from rag.summaries.chains import Work
    from rag.summaries.parts import Part
    from rag.types import Message

TOLERANCE = 0.15
FROM_PARTS = "sentences taken over from the parts, since the model wrote fewer words than were asked for"
FROM_DOCUMENT = "sentences of the document itself added, since the model wrote fewer words than were asked for"


async def near_length(part: Part, words: int, work: Work, *, can_grow: bool) -> Part:
    """The part with close to `words` words, if the model writes them. `can_grow`: the document has more words than the summary."""
    part = _cut(part, words, work)
    if _is_near(part, words) or (count_words(part.text) < words and not can_grow):
        return part
    other = await _rewritten(part, words, work) if part.judged else None
    if other and (other.is_borne_out or not part.is_borne_out):
        return min(part, _cut(other, words, work), key=lambda candidate: _distance(candidate, words))
    return part


def each_said_once(parts: Sequence[Part]) -> list[Part]:
    """The parts, without sentences that an earlier part has."""
    said: set[tuple[str, ...]] = set()
    kept: list[Part] = []
    for part in parts:
        new = [(sentence, spans) for sentence, spans in part.judged if _in_order(sentence.text) not in said]
        kept.append(part.only(new))
        said.update(map(_in_order, kept[-1].sentences))
    return kept


def _in_order(sentence: str) -> tuple[str, ...]:
    """The stems in order, since word order tells who did what to whom."""
    return tuple(stems(sentence))


def filled(part: Part, words: int, work: Work, stretch: tuple[float, float], said: Sequence[str]) -> Part:
    """The part; if it has too few words, with more sentences of the parts it was merged from, then of the document.

    `stretch` is the stretch of the document that it sums up, as shares of the length, and `said` holds the sentences of the
    other parts. If no cut at a sentence brings a long part near its length, it is cut shorter and filled up.
    """
    if _is_near(part, words):
        return part
    shorter = _shorter(part, words) if count_words(part.text) > words else part
    if part.judged and not shorter.judged:
        return part
    of_parts = _left_out(shorter, words - count_words(shorter.text), work.asking.focus, said)
    longer = _longer(shorter, of_parts)
    quoted: list[Judged] = []
    for most in (words, int((1 + TOLERANCE) * words)):
        if not _is_near(longer, words):
            known = [*said, *longer.sentences]
            more = work.judge.telling(stretch, most - count_words(longer.text), said=known, focus=work.asking.focus)
            quoted, longer = quoted + more, _longer(longer, more)
    if _distance(longer, words) > _distance(part, words):
        return part
    work.tally.notes[FROM_PARTS] += len(of_parts)
    work.tally.notes[FROM_DOCUMENT] += len(quoted)
    return longer


def _shorter(part: Part, words: int) -> Part:
    """The first sentences, with at most `words` words in total."""
    for count in range(len(part.judged), 0, -1):
        shorter = part.only(part.judged[:count])
        if count_words(shorter.text) <= words:
            return shorter
    return part.only(())


def _left_out(part: Part, words: int, focus: str, said_elsewhere: Sequence[str]) -> list[Judged]:
    """Sentences of the merged parts that are missing in the part, in order: closest to the focus and best supported first.

    Sentences that say nothing new, or that are too short to be understood alone, are left out.
    """
    asked = frozenset(content_stems(focus))
    said = [meant(text) for text in (*part.sentences, *said_elsewhere)]
    kept: list[int] = []
    best_first = sorted(enumerate(part.merged), key=lambda numbered: _worth(numbered[1], asked), reverse=True)
    for place, (sentence, _) in best_first:
        length, stems_of_it = count_words(sentence.text), meant(sentence.text)
        is_worth_it = sentence.support != "none" and LEAST_WORDS <= length <= words
        if is_worth_it and not any(stems_of_it <= earlier for earlier in said):
            kept.append(place)
            said.append(stems_of_it)
            words -= length
    return [part.merged[place] for place in sorted(kept)]


def _worth(judged: Judged, asked: frozenset[str]) -> tuple[int, float]:
    sentence, _ = judged
    return len(asked.intersection(content_stems(sentence.text))), sentence.score


def _longer(part: Part, more: Sequence[Judged]) -> Part:
    return part.only([*part.judged, *more])


def _distance(part: Part, words: int) -> int:
    return abs(count_words(part.text) - words)


def _is_near(part: Part, words: int) -> bool:
    return _distance(part, words) <= TOLERANCE * words


def _cut(part: Part, words: int, work: Work) -> Part:
    """Drop the last sentences, if the rest is nearer to the length."""
    if _is_near(part, words) or count_words(part.text) < words:
        return part
    best = min(
        (part.judged[:count] for count in range(1, len(part.judged) + 1)), key=lambda kept: _distance(part.only(kept), words)
    )
    if len(best) == len(part.judged):
        return part
    work.tally.notes[CUT] += 1
    return part.only(best)


async def _rewritten(part: Part, words: int, work: Work) -> Part | None:
    """Ask the model for the same text in the right length. None if it writes nothing, or the prompt does not fit."""
    room = work.budget.answer
    sources = [passage.text for passage in part.basis]

    def render(texts: Sequence[str]) -> tuple[Message, ...]:
        return work.asking.of_length(part.text, count_words(part.text), texts, words=words)

    least = await asyncio.to_thread(work.calls.llm.count_tokens, render([""]))
    if least + room > work.budget.window:
        return None
    messages = await fitted(render, sources, room, work, note=False)
    text, tokens, _ = await answered(messages, room, work)
    if says_nothing(text, was_asked=bool(work.asking.focus)):
        return None
    sentences = await asyncio.to_thread(statements, text)
    written = await work.calls.aside((work.turn,), work.judge.part, sentences, max(1, round(tokens)), part.basis)
    return replace(written, merged=part.merged) if written.judged else None
