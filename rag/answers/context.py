"""Hits → numbered sources without duplicates that fit the model's window, counted by the model itself.

Duplicates are found by their shingles: every run of eight words (Broder, "On the resemblance and containment of documents",
1997). Shorter runs recur with another meaning in forms and tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from rag.errors import UsageError
from rag.text.words import denials_in, numbers, stems
from rag.types import Passage, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.protocols import Generator
    from rag.types import Hit, Message

    Render = Callable[[str, Sequence[Passage]], tuple[Message, ...]]
    Merge = Callable[[Sequence[Hit]], tuple[Passage, ...]]
    Between = Callable[[Hit, Hit], str | None]
    from collections.abc import Sequence

    from rag.prompts import Prompts
    from rag.protocols import Searchable
    from rag.types import Document, Hit, Passage, Prompt

SHINGLE_WORDS = 8
RESEMBLANCE = 0.7
"""Two texts with at least this share of common shingles (of all their shingles) are near-duplicates: 3 of 150 words may differ."""


@dataclass(frozen=True, slots=True)
class _Wording:
    """The parts of a text that are compared: its shingles, its numbers and its count of negations."""

    shingles: frozenset[tuple[str, ...]]
    numbers: frozenset[str]
    negations: int

    @classmethod
    def of(cls, text: str) -> _Wording:
        words = stems(text)
        starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
        shingles = frozenset(tuple(words[start : start + SHINGLE_WORDS]) for start in starts)
        return cls(shingles, frozenset(numbers(text)), denials_in(text))

    def nearly_equals(self, other: _Wording) -> bool:
        """Whether both have nearly the same words, the same numbers and the same count of negations."""
        common = len(self.shingles & other.shingles)
        return (
            common >= RESEMBLANCE * (len(self.shingles) + len(other.shingles) - common)
            and self.numbers == other.numbers
            and self.negations == other.negations
        )


def distinct(hits: Sequence[Hit], n: int) -> list[Hit]:
    """The first `n` hits without duplicates, ranked from 1.

    A hit is dropped if better hits contain all of its shingles (a copy, however it was split), or if it is a near-duplicate of a
    better hit. Two versions that differ in a number or in a "not" are both kept.
    """
    kept: list[Hit] = []
    wordings: list[_Wording] = []
    seen: set[tuple[str, ...]] = set()
    for hit in hits:
        if len(kept) == n:
            break
        wording = _Wording.of(hit.text)
        if wording.shingles <= seen or any(wording.nearly_equals(other) for other in wordings):
            continue
        kept.append(replace(hit, rank=len(kept) + 1))
        wordings.append(wording)
        seen |= wording.shingles
    return kept


def merged(hits: Sequence[Hit], *, between: Between) -> tuple[Passage, ...]:
    """Join the hits of a document that overlap or touch. Returns passages numbered from 1, in the order of their best hits.

    `between` returns the white space from the end of one hit to the start of the next, or None if other text lies between them.
    Every passage satisfies `document.text[passage.start : passage.start + len(passage.text)] == passage.text`.
    """
    passages: list[Passage] = []
    last: Hit | None = None
    for hit in sorted(hits, key=lambda hit: (hit.source, hit.start, hit.end)):
        longer = _extended(passages[-1], last, hit, between) if last and last.source == hit.source else None
        if longer:
            passages[-1] = longer
        else:
            passages.append(Passage.from_hit(hit.rank, hit))
        last = hit
    best_first = sorted(passages, key=lambda passage: passage.number)
    return tuple(replace(passage, number=number) for number, passage in enumerate(best_first, 1))


def _extended(passage: Passage, last: Hit, hit: Hit, between: Between) -> Passage | None:
    """The passage, which ends with `last`, extended to the end of `hit`; None if they do not touch. Its number is a rank."""
    overlap = passage.start + len(passage.text) - hit.start
    gap = "" if overlap >= 0 else between(last, hit)
    read_from_another_version = overlap > 0 and not passage.text.endswith(hit.text[:overlap])
    if gap is None or read_from_another_version:
        return None
    best = min(passage, Passage.from_hit(hit.rank, hit), key=lambda candidate: candidate.number)
    pages = (passage.pages[0], hit.pages[1]) if passage.pages and hit.pages else None
    text = passage.text + gap + hit.text[max(0, overlap) :]
    return replace(best, text=text, start=passage.start, pages=pages, place="")


def pack(question: str, hits: Sequence[Hit], *, llm: Generator, max_tokens: int, merge: Merge, render: Render) -> Prompt:
    """The prompt with as many of the best hits as fit: prompt tokens + `max_tokens` ≤ `llm.window`.

    At most `llm.max_sources` hits are used. A hit is never cut. `merge` turns hits into passages, `render` passages into
    messages. Raises UsageError if not even one hit fits.
    """
    usable = hits[: llm.max_sources]
    budget = llm.window - max_tokens

    def prompt(count: int) -> Prompt:
        passages = merge(usable[:count])
        messages = render(question, passages)
        return Prompt(question, passages, messages, llm.count_tokens(messages))

    best, too_many = prompt(len(usable)), len(usable)
    if best.tokens <= budget:
        return best
    fits = 0
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        tried = prompt(middle)
        if tried.tokens <= budget:
            fits, best = middle, tried
        else:
            too_many = middle
    if fits == 0:
        raise UsageError(
            f"The window of {llm.name} ({llm.window} tokens) has no room for the question, one source and an answer of "
            f"{max_tokens} tokens. Ask for a shorter answer (--max-tokens), or use a model with a larger window (--llm)."
        )
    return best


def white_space_between(index: Searchable) -> Between:
    """The `between` of `merged` for an index. Returns None for a document that changed after the search."""
    document: Callable[[str], Document | None] = cache(index.catalog.document)

    def between(first: Hit, second: Hit) -> str | None:
        whole = document(first.source) if second.chunk == first.chunk + 1 else None
        if whole is None:
            return None
        gap = whole.text[first.end : second.start]
        unchanged = all(whole.text[hit.start : hit.end] == hit.text for hit in (first, second))
        return gap if unchanged and not gap.strip() else None

    return between


def pack_prompts(
    question: str, hits: Sequence[Hit], *, llm: Generator, max_tokens: int, merge: Merge, prompts: Prompts
) -> Prompt:
    """`pack`, with as much of the conversation and as many examples as fit beside all sources.

    If space runs out, the oldest messages go first, then the examples, and sources last.
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
