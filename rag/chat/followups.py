"""Sorts the messages of a conversation into small talk, complete questions and follow-up questions.

Rules find the follow-ups, because a model that has to rewrite every question also changes the complete ones. The rules know
English. In other languages, a very short question counts as a follow-up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rag.text.language import language, of_all, one_of
from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def _small_talk() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of small talk in all known languages, each with its reply."""
    greeted, agreement, behind = (one_of(of_all(name)) for name in ("greeted", "agreements", "behind_thanks"))
    patterns = (
        (rf"{one_of(of_all('greetings'))}(?:[ ,]+{greeted})*", "Hello. Ask me something about the documents."),
        (one_of(of_all("farewells")), "Goodbye."),
        (rf"(?:{agreement}[ ,.!]+)*{one_of(of_all('thanks'))}(?:[ ,.!]+{behind})*", "You are welcome."),
        (rf"{agreement}(?:[ ,.!]+{agreement})*", "All right. Ask me more about the documents."),
    )
    return tuple((re.compile(pattern), reply) for pattern, reply in patterns)


@dataclass(frozen=True, slots=True)
class _English:
    """Patterns of English questions: words that point back, first words of follow-ups, verbs of requests, relative clauses."""

    pointing: re.Pattern[str]
    continuing: re.Pattern[str]
    asking: re.Pattern[str]
    question_word: re.Pattern[str]
    relative: re.Pattern[str]


@cache
def _english() -> _English:
    """The patterns of English questions.

    A demonstrative points back if no noun follows, or only a noun such as "year". "There" points back unless it is next to a form
    of "to be" or in front of an article.
    """
    known = language("en")
    pointer = one_of(known.pointers)
    pointing = (
        rf"\b{one_of(known.persons)}\b|\b{pointer}(?=\W*$|\W+{one_of(known.behind_a_pointer)}\b)"
        rf"|\b(?:does|do|did) {pointer}\W+\w+\W*$"
        r"|\bthere\b(?!\W+(?:is|are|was|were|be|been|has|have|a|an|any|no)\b)(?<!is there)(?<!are there)(?<!was there)(?<!were there)"
        rf"|\b{one_of(known.pointing_phrases)}\b"
    )
    relative = r"\w+\s+that\s+(?:is|are|was|were|has|have|had|can|could|will|would|does|do|did)\b"
    patterns = (
        pointing,
        rf"\s*{one_of(known.beginnings)}\b",
        rf"\b{one_of(known.request_verbs)}\b",
        rf"\b{one_of(known.question_words)}\b",
        relative,
    )
    return _English(*(re.compile(pattern, re.IGNORECASE) for pattern in patterns))


FEW = 2
"""A fragment such as "the second floor?" has at most this many content words."""

KEPT = 0.5
"""A rewriting contains at least this share of the question's content words."""

FROM_THE_CONVERSATION = 0.7
"""At least this share of a rewriting's new words comes from the conversation."""

LONGEST_REWRITING = 300
LONGEST_SMALL_TALK = 60
LABEL = re.compile(r"^\W*(?:the )?(?:whole |last |full |complete |rewritten )?question(?: is)?\s*:\s*", re.IGNORECASE)


def small_talk(text: str) -> str | None:
    """The reply to a message that is only a greeting, thanks, assent or a farewell; None for all other messages.

    >>> small_talk("Thank you!")
    'You are welcome.'
    >>> small_talk("Who built the tower?") is None
    True
    """
    said = " ".join(text.casefold().split()).strip(" .!?,:)(")
    if not said or len(said) > LONGEST_SMALL_TALK:
        return None
    return next((reply for pattern, reply in _small_talk() if pattern.fullmatch(said)), None)


def leans_on_earlier(text: str) -> bool:
    """Whether a question needs the earlier conversation: it points back, continues a question, or is a fragment.

    >>> leans_on_earlier("When did she build it?"), leans_on_earlier("When was the tower built?")
    (True, False)
    """
    english = _english()
    if english.pointing.search(english.relative.sub(" ", text)) or english.continuing.match(text):
        return True
    content = len(set(content_stems(text)))
    if english.question_word.search(text):
        return content < FEW
    return content <= FEW and not english.asking.search(text)


def topic_words(text: str) -> str:
    """The content words of a question in their original spelling, without duplicates.

    >>> topic_words("How tall is the tower of Kell?")
    'tall tower Kell'
    """
    words = re.findall(r"[^\W_][\w’'-]*", text)
    return " ".join(dict.fromkeys(word for word in words if content_stems(word)))


def accepted_rewriting(written: str, text: str, conversation: Sequence[str]) -> str | None:
    """The complete question in a model's text; None if the text is not a rewriting of the question `text`.

    A rewriting keeps the words of the question, adds words from the conversation only, and is no longer a follow-up. This
    rejects a model that answers, that asks something else, or that repeats the question.
    """
    lines = [line.strip() for line in written.strip().splitlines() if line.strip()]
    question = LABEL.sub("", lines[0]).strip(" \"'“”*`") if lines else ""
    if not question or len(question) > len(text) + LONGEST_REWRITING or leans_on_earlier(question):
        return None
    asked, whole = set(content_stems(text)), set(content_stems(question))
    added = whole - set(stems(text))
    known = set(stems(" ".join(conversation)))
    if len(asked & whole) < KEPT * len(asked) or len(added & known) < FROM_THE_CONVERSATION * len(added):
        return None
    return question
