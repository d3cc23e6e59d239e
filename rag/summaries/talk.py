"""Answers without content: "Nothing.", "The text does not mention …", and the remarks of chat models around an answer."""

from __future__ import annotations

import re

from rag.text.words import stems

NOTHING = re.compile(
    r"^\W*(?:there is |the (?:next )?(?:text|part|source) (?:has|holds|says) )?nothing"
    r"(?: (?:more |new )?to add| new| more| relevant| found| about it| about that| about this)?\W*$",
    re.IGNORECASE,
)

NO_MENTION = re.compile(
    r"^\W*(?:(?:the|this) (?:[\w-]+ )?(?:text|document|source|passage|part|excerpt|section|article)s?(?: provided| given| above)?"
    r" (?:does|do|did)(?: not|n['’]t) (?:mention|say|contain|state|tell|discuss|address|include|provide|refer|talk|specify|describe)"
    r"|there (?:is|are|was|were) no (?:mention|information|details?|references?)"
    r"|i(?:['’]m| am) sorry,? but i (?:cannot|can['’]t|can not|am unable to))\b[^.!?\n]*[.!?]?\s*$",
    re.IGNORECASE,
)
"""An answer of one sentence, such as "The text does not mention it.". Some models give it although the prompt asks for "Nothing."."""

OPENING = re.compile(r"^(?:certainly|sure|of course)\W*$", re.IGNORECASE)
CLOSING = re.compile(
    r"^\W*(?:(?:please )?(?:let me know if|feel free to)|i hope this|would you like me to|is there anything else|word count\W*\d)",
    re.IGNORECASE,
)
"""Remarks of chat models to the user, before and after the answer."""


def says_nothing(text: str, *, was_asked: bool = False) -> bool:
    """Whether an answer has no content: it is empty, or uses the words that the prompt asks for in that case.

    If the prompt asked about something (`was_asked`), an English sentence that the text does not mention it counts too.

    >>> says_nothing("Nothing to add.")
    True
    """
    if not re.search(r"\w", text) or NOTHING.match(text):
        return True
    return was_asked and NO_MENTION.match(text) is not None


def meant(sentence: str) -> frozenset[str]:
    """The stems of the words in a sentence."""
    return frozenset(stems(sentence))
