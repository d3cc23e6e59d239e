"""The questions in what a person wrote: several at once, one within a mail, one below a pasted paragraph.

question_parts("Hello! Who built the tower? And how tall is it? Many thanks")  # ("Who built the tower?", "And how tall is it?")
"""

from __future__ import annotations

import re

from rag.text.sentences import sentence_spans
from rag.text.words import content_stems

ASKS = ("?", "？", "؟", "⸮", "՞")
MOST = 8
"""Parts that are read one by one. A text with more of them is read as a whole, so that a pasted page costs no more than a question."""

LEAST_WORDS = 2
"""Content words of what follows a colon, below which it is no question of its own."""

_AFTER_COLON = re.compile(r"[:：]\s+(?=[^:：]*$)")
_CLOSING = " \t\n\"'”’)]»"


def question_parts(text: str) -> tuple[str, ...]:
    """The sentences that end in a question mark, each from its last colon on; all sentences where none does.

    Empty where there is nothing to part, because the text is a single question already, and where there are more than MOST parts.
    """
    sentences = [text[start:end] for start, end in sentence_spans(text)]
    asked = [sentence for sentence in sentences if _asks(sentence)]
    parts = tuple(dict.fromkeys(_without_lead(sentence) for sentence in asked or sentences))
    return () if len(parts) > MOST or parts == (text.strip(),) else parts


def questions_in(text: str) -> tuple[str, ...]:
    """The sentences that end in a question mark, if there are 2 to MOST different ones; otherwise none.

    A single question among other sentences is not taken out: what stands around it tells what it is about.

    >>> questions_in("Hello! Who built the tower? And how tall is it? Many thanks")
    ('Who built the tower?', 'And how tall is it?')
    >>> questions_in("I am new here. Who built the tower?")
    ()
    """
    sentences = (text[start:end] for start, end in sentence_spans(text))
    asked = tuple(dict.fromkeys(sentence for sentence in sentences if _asks(sentence)))
    return asked if 2 <= len(asked) <= MOST else ()


def _asks(sentence: str) -> bool:
    return sentence.rstrip(_CLOSING).endswith(ASKS)


def _without_lead(sentence: str) -> str:
    """What follows the last colon, where that is a question by itself."""
    tail = _AFTER_COLON.split(sentence)[-1]
    return tail if len(content_stems(tail)) >= LEAST_WORDS else sentence
