"""What a model wrote, as sentences; cut at a sentence; words counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.citations import without_markers
from rag.sentences import sentence_spans
from rag.words import CJK_RUN, stems

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?\d{1,3}[.)]\s+|#{1,6}\s+|>\s+)+")
TAGS = re.compile(r"^\s*(?:</?[A-Za-z][^<>]*>\s*)+")
EMPHASIS = re.compile(r"\*\*|__(?=\w)|(?<=\w)__")
LEAD = re.compile(r"^\s*(?:summary|answer)\s*:\s*", re.IGNORECASE)
END = re.compile(r"[.!?…:;。！？।]['\"”’)\]»]*\s*$")
NOTHING = re.compile(
    r"^\W*(?:there is |the (?:next )?(?:text|part|source) (?:has|holds|says) )?nothing"
    r"(?: (?:more |new )?to add| new| more| relevant| found| about it| about that| about this)?\W*$",
    re.IGNORECASE,
)


LOOP = re.compile(r"(.{4,240}?)\1{3,}", re.DOTALL)
LEAST_LOOP = 40
"""Characters; what is said four times in fewer may be meant."""

THOUGHTS = re.compile(r"\A\s*(?:<think>)?(?:(?!<think>).)*?</think>\s*", re.DOTALL)
"""What a reasoning model writes first. Templates of some write the opening tag, so that it is not in the answer."""

UNENDED_THOUGHT = re.compile(r"\A\s*<think>")


def without_thoughts(text: str) -> str:
    """What a model wrote after its thoughts; empty where these were never ended."""
    while THOUGHTS.match(text):
        text = THOUGHTS.sub("", text, count=1)
    return "" if UNENDED_THOUGHT.match(text) else text


def count_words(text: str) -> int:
    """Words between white space; two signs of Chinese or Japanese count as one word."""
    runs = [len(run.group()) for run in CJK_RUN.finditer(text)]
    return len(CJK_RUN.sub(" ", text).split()) + sum((length + 1) // 2 for length in runs)


def says_nothing(text: str) -> bool:
    """Whether a model had nothing to say, in the words that it was told to use, or in none."""
    return not re.search(r"\w", text) or NOTHING.match(text) is not None


def statements(text: str) -> list[str]:
    """The sentences of what a model wrote: without markers, bullets, emphasis, tags in front, and lines that only lead on.

    A sentence without a word that an earlier one does not have says nothing new, and is left out: small models go in circles. So
    is, within a sentence, what is said again and again.
    """
    found: list[str] = []
    said: list[frozenset[str]] = []
    for line in LEAD.sub("", EMPHASIS.sub("", without_markers(text))).splitlines():
        line = BULLET.sub("", TAGS.sub("", line)).strip()
        if not re.search(r"\w", line) or line.endswith((":", "：")):
            continue
        for start, end in sentence_spans(line):
            sentence = without_loops(line[start:end])
            words = frozenset(stems(sentence))
            if not any(words <= earlier for earlier in said):
                found.append(sentence)
                said.append(words)
    return found


def without_loops(sentence: str) -> str:
    """The sentence with what stands in it four times in a row or more standing there once; an ellipsis ends one that ends so."""
    shorter = LOOP.sub(lambda loop: loop[1] if len(loop[0]) >= LEAST_LOOP else loop[0], sentence)
    return shorter if shorter == sentence or ends_whole(shorter) else f"{shorter.rstrip(' ,')} …"


def ends_whole(text: str) -> bool:
    """Whether the last sentence looks complete."""
    return END.search(text) is not None


def first_that_fit(sentences: Sequence[str], most: float, size: Callable[[str], float]) -> list[str]:
    """The sentences from the front whose sizes add up to `most` at most; of a first one that is too long, its first words."""
    kept, total = [], 0.0
    for sentence in sentences:
        total += size(sentence)
        if total > most:
            break
        kept.append(sentence)
    if sentences and not kept and (words := _first_words(sentences[0], most, size)):
        return [words]
    return kept


def _first_words(sentence: str, most: float, size: Callable[[str], float]) -> str:
    """The beginning of a sentence up to a space, or to a sign in what has none, with an ellipsis; empty where nothing fits."""
    low, high = 0, len(sentence)
    while low < high:
        middle = (low + high + 1) // 2
        if size(sentence[:middle] + " …") <= most:
            low = middle
        else:
            high = middle - 1
    cut = sentence[:low].rsplit(None, 1)[0] if " " in sentence[:low].strip() else sentence[:low]
    return f"{cut.rstrip()} …" if cut.strip() else ""
