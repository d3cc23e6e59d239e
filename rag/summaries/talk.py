"""What tells nothing of a document: answers of nothing, small talk of chat models, praise of a text, the noise of minutes."""

from __future__ import annotations

import re

from rag.words import is_stop_stem, stems

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

REMARK = re.compile(
    r"^(?:the|this) (?:text|summary|document|passage|article) (?:is|was) (?:also |very )?(?:well[- ](?:written|structured|organi[sz]ed)"
    r"|(?:written|presented|formatted) in an? [\w ,'-]*\b(?:tone|style|manner|way)|(?:short|clear|concise|easy)(?:,| and| to read))\b",
    re.IGNORECASE,
)
"""What small models say of how a text is written, asked for what it says."""

SPEAKER = re.compile(r"^\s*[^\W\d_][^:\n]{0,40}:\s")
NOISE = re.compile(r"\{[^{}\n]{1,40}\}")
HESITATION = frozenset("uh uhm um umm".split())
SOUNDS = HESITATION | frozenset("ah aha eh erm hm hmm huh mhm mm oh yeah".split())
OKAY = SOUNDS | frozenset(("ok", "okay"))
AGREEMENT = OKAY | frozenset(("right", "yep", "yes"))
"""Minutes are full of these; who speaks and what a transcript marks as noise say nothing either."""


def says_nothing(text: str, *, was_asked: bool = False) -> bool:
    """Whether a model had nothing to say, in the words that it was told to use, or in none.

    What `was_asked` about something also says nothing when it tells, in English, that the text does not hold that.
    """
    if not re.search(r"\w", text) or NOTHING.match(text):
        return True
    return was_asked and NO_MENTION.match(text) is not None


def meant(sentence: str) -> frozenset[str]:
    """The words of a sentence, by their stems, as if it were said without a pause."""
    return frozenset(stems(sentence)) - HESITATION


def is_noise(sentence: str) -> bool:
    """Whether nothing is said in it but "Um okay." or "Mm-hmm.", whoever says it."""
    words = frozenset(stems(SPEAKER.sub("", NOISE.sub(" ", sentence))))
    if not words:
        return NOISE.search(sentence) is not None
    return words <= OKAY or (not words.isdisjoint(SOUNDS) and all(word in AGREEMENT or is_stop_stem(word) for word in words))
