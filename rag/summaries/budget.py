"""A model's window of tokens → room for texts, for answers, and for the parts of one merge.

If the instructions leave U tokens of the window, an answer has at most U/3. So two answers always fit one prompt, with room
for a third, and every level of merges has fewer parts than the level below.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from rag.errors import UsageError

LEAST_WINDOW = 512
LEAST_TEXT = 48
"""Tokens of text. A prompt with less text is not worth its instructions."""

PIECE_TOKENS = MERGED_TOKENS = 3000
"""Tokens of text, and of parts to merge, in one prompt, even if the window has room for more."""

MOST_PART_WORDS, LEAST_PART_WORDS = 150, 60
ROOM = 1.3
"""Room for an answer, in tokens for each token of the requested length."""

BETWEEN = 8
"""Tokens for the separator of two parts."""

SURE = 0.9
"""Share of the room for parts. The rest is a margin, since the size of a part without some of its sentences is estimated."""

TOKENS_A_WORD = (1.35, 1.6, 2.0, 2.7, 4.0, 6.0)
"""The document's tokens per word are rounded up to one of these steps.

A table of figures says little about the language of its summary. And a small change in a document should not change the room
for answers, because a kept call is only found under the same options.
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens for one document, model and length.

    `text` is the most text in a prompt, `piece` the same with the instructions. `answer` is the room for a final text,
    `part` the room for the summary of a piece or an inner merge. `merged` is the most tokens of the parts of a merge, if
    these are more than two. `final_parts` is the number of texts in the summary. Each of them has `words` words, and the
    summary of a piece has `part_words`.
    """

    window: int
    text: int
    piece: int
    answer: int
    part: int
    merged: int
    final_parts: int
    words: int
    part_words: int


def plan_budget(
    *,
    model: str,
    window: int,
    instructions: int,
    words: int,
    tokens_a_word: float,
    piece_tokens: int | None = None,
    part_words: int | None = None,
) -> Budget:
    """Divide a window of `window` tokens. `instructions` is the tokens of the longest prompt without text.

    Raises UsageError if the window, or the room for text in it, is too small.
    """
    if window < LEAST_WINDOW:
        raise UsageError(
            f"The window of {model} ({window} tokens) is too small for summaries, which need {LEAST_WINDOW} tokens. "
            "Use a model with a larger window, or start the server with one."
        )
    usable = window - instructions
    if usable < 3 * (LEAST_TEXT + BETWEEN):
        raise UsageError(
            f"The instructions take {instructions} of the {window} tokens that {model} reads. That leaves no room for "
            "text. Shorten the focus or the prompts, or use a model with a larger window (--llm)."
        )
    rate = next((step for step in TOKENS_A_WORD if tokens_a_word <= step), TOKENS_A_WORD[-1])
    third = usable // 3 - BETWEEN
    answer, fitting_words = _answer(words, rate, third)
    part, asked = _answer(part_words or max(LEAST_PART_WORDS, min(MOST_PART_WORDS, words)), rate, third)
    text = min(piece_tokens or PIECE_TOKENS, usable - part)
    if text < LEAST_TEXT:
        raise UsageError(f"Pieces of {text} tokens are too short to sum up. Use {LEAST_TEXT} tokens or more.")
    inner = max(part, answer)
    return Budget(
        window=window,
        text=text,
        piece=instructions + text,
        answer=answer,
        part=part,
        merged=min(max(piece_tokens or 0, MERGED_TOKENS), int(SURE * (usable - inner))),
        final_parts=max(1, ceil(words / fitting_words)),
        words=min(words, ceil(words / max(1, ceil(words / fitting_words)))),
        part_words=asked,
    )


def _answer(words: int, rate: float, most: int) -> tuple[int, int]:
    """Tokens for an answer with `words` words, and its words; fewer if it would take more than `most` tokens."""
    wanted = ceil(words * rate * ROOM) + BETWEEN
    if wanted <= most:
        return wanted, words
    return most, max(10, int((most - BETWEEN) / rate / ROOM))
