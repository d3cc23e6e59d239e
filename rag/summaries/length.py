"""A summary brought to the words that were asked for: cut at a sentence, or asked for once more in another length.

A small model may still write far less. Then the best sentences of the parts that its summary was made of are taken over, and
after those sentences of the document itself, each of which is borne out.
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
    """The part with close to `words` words, as far as the model writes them; `can_grow` says whether there is more to tell."""
    part = _cut(part, words, work)
    if _is_near(part, words) or (count_words(part.text) < words and not can_grow):
        return part
    other = await _asked_anew(part, words, work) if part.judged else None
    if other and (other.is_borne_out or not part.is_borne_out):
        return min(part, _cut(other, words, work), key=lambda one: _distance(one, words))
    return part


def each_said_once(parts: Sequence[Part]) -> list[Part]:
    """The parts without sentences that an earlier one has."""
    said: set[tuple[str, ...]] = set()
    kept: list[Part] = []
    for part in parts:
        kept.append(part.only([one for one in part.judged if _in_order(one[0].text) not in said]))
        said.update(map(_in_order, kept[-1].sentences))
    return kept


def _in_order(sentence: str) -> tuple[str, ...]:
    """Its words as they follow one another: who did what to whom depends on it."""
    return tuple(stems(sentence))


def filled(part: Part, words: int, work: Work, stretch: tuple[float, float], said: Sequence[str]) -> Part:
    """The part, after it what its own parts said beside that, and after those sentences of the document, where words are missing.

    `stretch` is what it tells of, as shares of the document, and `said` are the sentences that the summary has elsewhere. Of a part
    that no end of a sentence brings near its length, the sentences that leave room are filled up.
    """
    if _is_near(part, words):
        return part
    begun = _shorter(part, words) if count_words(part.text) > words else part
    if part.judged and not begun.judged:
        return part
    of_parts = _left_out(begun, words - count_words(begun.text), work.asking.focus, said)
    longer = _longer(begun, of_parts)
    own: list[Judged] = []
    for most in (words, int((1 + TOLERANCE) * words)):
        if not _is_near(longer, words):
            known = [*said, *longer.sentences]
            more = work.judge.telling(stretch, most - count_words(longer.text), said=known, focus=work.asking.focus)
            own, longer = own + more, _longer(longer, more)
    if _distance(longer, words) > _distance(part, words):
        return part
    work.tally.notes[FROM_PARTS] += len(of_parts)
    work.tally.notes[FROM_DOCUMENT] += len(own)
    return longer


def _shorter(part: Part, words: int) -> Part:
    """The first sentences, as many as have no more words."""
    fitting = (count for count in range(len(part.judged), 0, -1) if count_words(part.only(part.judged[:count]).text) <= words)
    return part.only(part.judged[: next(fitting, 0)])


def _left_out(part: Part, words: int, focus: str, said_elsewhere: Sequence[str]) -> list[Judged]:
    """Of what the part was made of, the sentences that bear most on the focus and are borne out best, in their order.

    None that says nothing new, and none so short that it leans on others.
    """
    asked = frozenset(content_stems(focus))
    said = [meant(text) for text in (*part.sentences, *said_elsewhere)]
    kept: list[int] = []
    for place, (sentence, _) in sorted(enumerate(part.merged), key=lambda one: _worth(one[1], asked), reverse=True):
        length, told = count_words(sentence.text), meant(sentence.text)
        is_worth_it = sentence.support != "none" and LEAST_WORDS <= length <= words
        if is_worth_it and not any(told <= earlier for earlier in said):
            kept.append(place)
            said.append(told)
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
    """Without the last sentences, where that is nearer to the length."""
    if _is_near(part, words) or count_words(part.text) < words:
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
    if says_nothing(text, was_asked=bool(work.asking.focus)):
        return None
    sentences = await asyncio.to_thread(statements, text)
    written = await work.calls.aside((work.turn,), work.judge.part, sentences, max(1, round(tokens)), part.basis)
    return replace(written, merged=part.merged) if written.judged else None
