"""The questions in what a person wrote: several at once, one within a mail, one below a pasted paragraph.

question_parts("Hello! Who built the tower? And how tall is it? Many thanks")  # ("Who built the tower?", "And how tall is it?")
"""

from __future__ import annotations

import re

from rag.text.sentences import sentence_spans
from rag.text.words import content_stems

ASKS = ("?", "？", "؟", "⸮", "՞")
LEAST_WORDS = 2
"""Content words of what follows a colon, below which it is no question of its own."""

_AFTER_COLON = re.compile(r"[:：]\s+(?=[^:：]*$)")
_CLOSING = " \t\n\"'”’)]»"


def question_parts(text: str) -> tuple[str, ...]:
    """The sentences that end in a question mark, each from its last colon on; all sentences where none does.

    Empty where there is nothing to part: the text is a single question already.
    """
    sentences = [text[start:end].strip() for start, end in sentence_spans(text)]
    asked = [sentence for sentence in sentences if sentence.rstrip(_CLOSING).endswith(ASKS)]
    parts = tuple(dict.fromkeys(_without_lead(sentence) for sentence in asked or sentences if sentence))
    return () if parts == (text.strip(),) else parts


def _without_lead(sentence: str) -> str:
    """What follows the last colon, where that is a question by itself."""
    tail = _AFTER_COLON.split(sentence)[-1]
    return tail if len(content_stems(tail)) >= LEAST_WORDS else sentence
