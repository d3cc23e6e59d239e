"""What tells nothing of a document: answers of nothing, small talk of chat models, praise of a text, the noise of minutes."""

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

REMARK = re.compile(
    r"^(?:the|this) (?:text|summary) is (?:also |very )?"
    r"(?:well[- ](?:written|structured|organi[sz]ed)"
    r"|(?:written|presented|formatted) in an? (?:[\w-]+,? (?:and )?){0,3}(?:tone|style|manner)"
    r"|(?:short|clear|concise|easy)(?:,| and| to read))\b(?![^\n]*\b(?:says?|states?|argues?|that|finds?|found)\b)[^\d:]*$",
    re.IGNORECASE,
)
"""What small models say of how a text is written, asked for what it says."""

SPEAKER = re.compile(r"^\s*[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,2}\s*:\s")
NOISE = re.compile(r"\{(?:vocalsound|nonvocalsound|disfmarker|gap|pause|comment)\}")
HESITATION = re.compile(r"(?<!\d)(?<!\d\s)\b(?:uhm?|umm?)\b", re.IGNORECASE)
SOUNDS = frozenset("ah aha erm hm hmm huh mhm oh uh uhm um umm yeah".split())
AGREEMENT = SOUNDS | frozenset(("mm", "ok", "okay"))
"""Minutes are full of these; who speaks and what a transcript marks as noise say nothing either. "5 um" is a length."""

ACRONYM = re.compile(r"\b[A-Z]{2,}\b")


def says_nothing(text: str, *, was_asked: bool = False) -> bool:
    """Whether a model had nothing to say, in the words that it was told to use, or in none; or gave one speaker's "Mm-hmm."

    What `was_asked` about something also says nothing when it tells, in English, that the text does not hold that.
    """
    if not re.search(r"\w", text) or NOTHING.match(text) or (SPEAKER.match(text) and is_noise(text)):
        return True
    return was_asked and NO_MENTION.match(text) is not None


def is_idle(sentence: str) -> bool:
    """Whether a sentence tells nothing of the document: noise of minutes, or praise of how a text is written."""
    return REMARK.match(sentence) is not None or is_noise(sentence)


def is_noise(sentence: str) -> bool:
    """Whether nothing is said in it but "Um okay." or "Mm-hmm.", whoever says it. "OH" and "HMM" are names."""
    spoken = SPEAKER.sub("", NOISE.sub(" um ", sentence))
    words = frozenset(stems(spoken))
    return words <= AGREEMENT and not words.isdisjoint(SOUNDS) and not ACRONYM.search(spoken)


def unhesitating(sentence: str) -> str:
    """The sentence as if it were said without a pause."""
    return HESITATION.sub(" ", sentence)


def meant(sentence: str) -> frozenset[str]:
    """The words of a sentence, by their stems, as if it were said without a pause."""
    return frozenset(stems(unhesitating(sentence)))
