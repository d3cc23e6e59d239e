"""What fits where: a window of tokens → room for texts, for answers, and parts that one merge can take.

With U tokens of the window left by the instructions, no answer may have more than U/3. So two answers fit one prompt beside
the room for a third, whatever the model writes, and every level of merges is shorter than the one below.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from rag.errors import UsageError

LEAST_WINDOW = 512
LEAST_TEXT = 48
"""Tokens of text below which a prompt is not worth its instructions."""

PIECE_TOKENS = MERGED_TOKENS = 3000
"""What a model is shown at a time, where its window has room for more: a text, and parts to merge."""

MOST_PART_WORDS, LEAST_PART_WORDS = 150, 60
ROOM = 1.3
"""Tokens that an answer may have for each that it is asked for."""

BETWEEN = 8
"""Tokens for what stands between two parts."""

SURE = 0.9
"""Sizes of parts of which some sentences are left out are estimated; so much of the room is given to them."""

TOKENS_A_WORD = (1.35, 1.6, 2.0, 2.7, 4.0, 6.0)
"""What is measured on the document is taken for the next of these. A table of figures says little about the language of its
summary, and a small change in a document should change no answer's room, which is part of what a call depends on."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens for one document, model and wish. `piece` is the most tokens of a rendered piece, `answer` and `part` those of a
    final text and of one for a piece or an inner merge; `merged` is the most tokens of parts that a merge is shown, if these are
    more than two; `final_parts` how many texts make up the summary, `words` those that each of them is asked for, `part_words`
    likewise.
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
    """`instructions` is the tokens of the longest prompt without a text. Raises UsageError where the window is too small."""
    if window < LEAST_WINDOW:
        raise UsageError(
            f"The window of {model} ({window} tokens) is too small to sum up with; {LEAST_WINDOW} tokens are the least. "
            "Use a model, or start the server, with a larger one."
        )
    usable = window - instructions
    if usable < 3 * (LEAST_TEXT + BETWEEN):
        raise UsageError(
            f"The instructions take {instructions} of the {window} tokens that {model} reads, which leaves no room for the "
            "text. Shorten the focus or the prompts, or use a model with a larger window (--llm)."
        )
    rate = next((step for step in TOKENS_A_WORD if tokens_a_word <= step), TOKENS_A_WORD[-1])
    third = usable // 3 - BETWEEN
    answer, fitting_words = _answer(words, rate, third)
    part, asked = _answer(part_words or max(LEAST_PART_WORDS, min(MOST_PART_WORDS, words)), rate, third)
    text = min(piece_tokens or PIECE_TOKENS, usable - part)
    if text < LEAST_TEXT:
        raise UsageError(f"Pieces of {text} tokens are too short to sum up; {LEAST_TEXT} tokens are the least.")
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
    """Tokens for an answer of so many words, and the words that it is to have if that is over `most`."""
    wanted = ceil(words * rate * ROOM) + BETWEEN
    if wanted <= most:
        return wanted, words
    return most, max(10, int((most - BETWEEN) / rate / ROOM))
