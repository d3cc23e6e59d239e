"""Answers without content: "Nothing.", "The text does not mention …", and what chat models say around an answer."""

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
"""An answer of one sentence that a model gives, though told to write "Nothing.", where a text does not hold what was asked."""

OPENING = re.compile(r"^(?:certainly|sure|of course)\W*$", re.IGNORECASE)
CLOSING = re.compile(
    r"^\W*(?:(?:please )?(?:let me know if|feel free to)|i hope this|would you like me to|is there anything else|word count\W*\d)",
    re.IGNORECASE,
)
"""What chat models say to whoever asked, before and after what they were asked for."""


def says_nothing(text: str, *, was_asked: bool = False) -> bool:
    """Whether a model had nothing to say, in the words that the prompt asks for, or in none.

    What `was_asked` about something also says nothing when it tells, in English, that the text does not hold that.
    """
    if not re.search(r"\w", text) or NOTHING.match(text):
        return True
    return was_asked and NO_MENTION.match(text) is not None


def meant(sentence: str) -> frozenset[str]:
    """The words of a sentence, by their stems."""
    return frozenset(stems(sentence))
