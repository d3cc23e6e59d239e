"""What a person says in a conversation: small talk, a question that stands for itself, or one that leans on what was said.

Rules decide whether a question leans on the earlier ones, for a model that is asked to rewrite every question rewrites
those too that are whole. They know English; a question in another language is taken to lean on the conversation when it
is very short.
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
    """What says nothing else, in all languages that are known, and the reply to it."""
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
    """Patterns of questions: words that point back, that go on, that make a whole question, and relative clauses."""

    pointing: re.Pattern[str]
    continuing: re.Pattern[str]
    asking: re.Pattern[str]
    question_word: re.Pattern[str]
    relative: re.Pattern[str]


@cache
def _english() -> _English:
    """A demonstrative points to something said before where no noun follows, or one that only points. "There" does, but not before
    or behind a form of "to be", nor before an article."""
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
"""Content words of a fragment at most, such as "the second floor?"."""

KEPT = 0.5
FROM_THE_CONVERSATION = 0.7
LONGEST_REWRITING = 300
LONGEST_SMALL_TALK = 60
LABEL = re.compile(r"^\W*(?:the )?(?:whole |last |full |complete |rewritten )?question(?: is)?\s*:\s*", re.IGNORECASE)


def small_talk(text: str) -> str | None:
    """The reply to a greeting, thanks or a farewell that says nothing else; None for what may be a question."""
    said = " ".join(text.casefold().split()).strip(" .!?,:)(")
    if not said or len(said) > LONGEST_SMALL_TALK:
        return None
    return next((reply for pattern, reply in _small_talk() if pattern.fullmatch(said)), None)


def leans_on_earlier(text: str) -> bool:
    """Whether a question needs what was said before it: a word that points back, a beginning that goes on, or a fragment."""
    english = _english()
    if english.pointing.search(english.relative.sub(" ", text)) or english.continuing.match(text):
        return True
    content = len(set(content_stems(text)))
    if english.question_word.search(text):
        return content < FEW
    return content <= FEW and not english.asking.search(text)


def topic_words(text: str) -> str:
    """The content words of a question as they are written, each once."""
    words = re.findall(r"[^\W_][\w’'-]*", text)
    return " ".join(dict.fromkeys(word for word in words if content_stems(word)))


def accepted_rewriting(written: str, text: str, conversation: Sequence[str]) -> str | None:
    """The question that a model has made whole; None where it is no rewriting of this one.

    It has to keep what was asked, and to take what it adds from the conversation: a model that answers, or asks something
    of its own, is not followed, nor one that leaves the question as it was.
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
