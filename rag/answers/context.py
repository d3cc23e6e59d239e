"""Hits → numbered sources that each say something new and fit the model's window, counted by the model itself.

Wordings are compared by their shingles, here every run of eight words (Broder, "On the resemblance and containment of
documents", 1997): in forms and tables, shorter runs recur with another meaning.
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
"""Share of the shingles of two near-duplicates, taken together, that both have: of 150 words, three may differ."""


@dataclass(frozen=True, slots=True)
class _Wording:
    """What is compared of a text: its shingles, its numbers, and how often it denies something."""

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
        """Whether both say the same in nearly the same words, with the same numbers and as many denials."""
        common = len(self.shingles & other.shingles)
        return (
            common >= RESEMBLANCE * (len(self.shingles) + len(other.shingles) - common)
            and self.numbers == other.numbers
            and self.negations == other.negations
        )


def distinct(hits: Sequence[Hit], n: int) -> list[Hit]:
    """The first `n` hits that say something new, ranked from 1.

    Two kinds are left out: a hit all of whose shingles stand in better ones, so a copy, however it was split; and a
    near-duplicate of a better one. Two versions that differ in a number or in a "not" are no near-duplicates.
    """
    kept: list[Hit] = []
    wordings: list[_Wording] = []
    said: set[tuple[str, ...]] = set()
    for hit in hits:
        if len(kept) == n:
            break
        wording = _Wording.of(hit.text)
        if wording.shingles <= said or any(wording.nearly_equals(other) for other in wordings):
            continue
        kept.append(replace(hit, rank=len(kept) + 1))
        wordings.append(wording)
        said |= wording.shingles
    return kept


def merged(hits: Sequence[Hit], *, between: Between) -> tuple[Passage, ...]:
    """Passages numbered from 1 in the order of their best hits: hits of one document that overlap or touch are one passage.

    `between` tells the white space that separates two hits, the former one first, or None where other text does.
    Holds for every passage: `document.text[passage.start : passage.start + len(passage.text)] == passage.text`.
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
    """The passage, which ends with `last`, up to the end of `hit`; None where they are apart. Numbers are ranks still."""
    overlap = passage.start + len(passage.text) - hit.start
    gap = "" if overlap >= 0 else between(last, hit)
    read_from_another_version = overlap > 0 and not passage.text.endswith(hit.text[:overlap])
    if gap is None or read_from_another_version:
        return None
    best = min(passage, Passage.from_hit(hit.rank, hit), key=lambda either: either.number)
    pages = (passage.pages[0], hit.pages[1]) if passage.pages and hit.pages else None
    text = passage.text + gap + hit.text[max(0, overlap) :]
    return replace(best, text=text, start=passage.start, pages=pages, place="")


def pack(question: str, hits: Sequence[Hit], *, llm: Generator, max_tokens: int, merge: Merge, render: Render) -> Prompt:
    """The prompt with as many of the best hits as fit: prompt tokens + `max_tokens` ≤ the model's window.

    No more than the model can tell apart (`max_sources`). Hits are whole or absent, never cut; `merge` makes passages of
    them. Raises UsageError where the question leaves no room for a single one.
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
        tried = prompt((fits + too_many) // 2)
        if tried.tokens <= budget:
            fits, best = (fits + too_many) // 2, tried
        else:
            too_many = (fits + too_many) // 2
    if fits == 0:
        raise UsageError(
            f"The window of {llm.name} ({llm.window} tokens) has no room for the question, one source and an answer of "
            f"{max_tokens} tokens. Ask for a shorter answer (--max-tokens), or use a model with a larger window (--llm)."
        )
    return best


def white_space_between(index: Searchable) -> Between:
    """Reads the documents; what has changed since the hits were found is told apart by its text."""
    document: Callable[[str], Document | None] = cache(index.catalog.document)

    def between(first: Hit, second: Hit) -> str | None:
        if second.chunk != first.chunk + 1 or (whole := document(first.source)) is None:
            return None
        gap = whole.text[first.end : second.start]
        unchanged = all(whole.text[hit.start : hit.end] == hit.text for hit in (first, second))
        return gap if unchanged and not gap.strip() else None

    return between


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
