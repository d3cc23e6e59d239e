"""What a model wrote, as sentences; cut at a sentence; words counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.grounding.citations import without_markers
from rag.summaries.talk import CLOSING, OPENING, meant
from rag.text.sentences import sentence_spans
from rag.text.words import CJK_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?\d{1,3}[.)]\s+|#{1,6}\s+|>\s+)+")
TAGS = re.compile(r"^\s*(?:</?[A-Za-z][^<>]*>\s*)+")
BOLD = re.compile(r"(?<![\w*])\*\*(?=\S)|(?<=\S)\*\*(?![\w*])")
UNDERLINED = re.compile(r"(?<!\w)__(?=\S)([^_\n]{1,200})__(?!\w)")
HEADLINE = re.compile(r"^\s*#{1,6}\s")
FENCE = re.compile(r"^\s*(?:```|~~~)")
TABLE = re.compile(r"^\s*\|")
LEAD = re.compile(r"^\s*(?:summary|answer)\s*:\s*", re.IGNORECASE)
END = re.compile(r"[.!?…:;。！？।]['\"”’)\]»]*\s*$")
LEAST_WRAPPED = 50
"""Characters of a line, without an end of a sentence, after which the next one goes on with it. A shorter one may be a line of a list."""

LOOP = re.compile(r"(.{4,240}?)\1{3,}", re.DOTALL)
LEAST_LOOP = 40
"""Characters; what is said four times in fewer may be meant."""

CIRCLE_WORDS, LEAST_DIFFERENT, CIRCLE_TIMES = 6, 4, 4
"""Words of a run, and how often it recurs in an unfinished sentence that goes in circles, though each round differs a little."""


def count_words(text: str) -> int:
    """Words between white space; two signs of Chinese or Japanese count as one word."""
    runs = [len(run.group()) for run in CJK_RUN.finditer(text)]
    return len(CJK_RUN.sub(" ", text).split()) + sum((length + 1) // 2 for length in runs)


def statements(text: str) -> list[str]:
    """The sentences of what a model wrote: without markers, bullets, emphasis, tags in front, headlines, lines that only lead on, and
    what is said to whoever asked. A model may break its lines as its source does.

    A sentence without a word that an earlier one does not have says nothing new, and is left out: small models go in circles. So
    is, within a sentence, what is repeated.
    """
    found: list[str] = []
    said: list[frozenset[str]] = []
    plain = UNDERLINED.sub(_without_underscores, BOLD.sub("", without_markers(text)))
    lines = _unbroken(LEAD.sub("", plain).splitlines())
    for line in [line for line in lines if not HEADLINE.match(line)] or lines:
        line = BULLET.sub("", TAGS.sub("", line)).strip()
        if not re.search(r"\w", line) or line.endswith((":", "：")):
            continue
        for start, end in sentence_spans(line):
            sentence = without_loops(line[start:end])
            words = meant(sentence)
            if not any(words <= earlier for earlier in said):
                found.append(sentence)
                said.append(words)
    while len(found) > 1 and CLOSING.match(found[-1]):
        found.pop()
    return found[1:] if len(found) > 1 and OPENING.match(found[0]) else found


def _without_underscores(underlined: re.Match[str]) -> str:
    """Emphasis is of words; `__init__` is a name."""
    inner = underlined[1]
    return inner if " " in inner or not inner.islower() else underlined[0]


def _unbroken(lines: Sequence[str]) -> list[str]:
    """Lines with those in their place that only go on with them."""
    whole: list[str] = []
    last = ""
    for line in lines:
        if FENCE.match(line):
            last = ""
            continue
        if _goes_on(last, line):
            whole[-1] += ("" if CJK_RUN.match(line.strip()) and CJK_RUN.match(last.rstrip()[-1]) else " ") + line.strip()
        else:
            whole.append(line)
        last = line
    return whole


def _goes_on(before: str, line: str) -> bool:
    """Whether a line goes on with the sentence of the one before."""
    if not before.strip() or not line.strip() or ends_whole(before):
        return False
    if any(kind.match(line) for kind in (BULLET, TABLE, TAGS)) or HEADLINE.match(before) or TABLE.match(before):
        return False
    first = line.strip()[0]
    return first.islower() or first.isdigit() or len(before.strip()) >= LEAST_WRAPPED


def without_loops(sentence: str) -> str:
    """The sentence with what stands in it four times in a row or more standing there once; an ellipsis ends one that ends so."""
    shorter = LOOP.sub(lambda loop: loop[1] if len(loop[0]) >= LEAST_LOOP else loop[0], sentence)
    if begun := _second_round(shorter):
        shorter = shorter[:begun].rstrip(" :")
    return shorter if shorter == sentence or ends_whole(shorter) else f"{shorter.rstrip(' ,')} …"


def _second_round(sentence: str) -> int:
    """Where a sentence that came to no end begins to say again what it says often; 0 where it does not, or tells numbers then."""
    if ends_whole(sentence) or TABLE.match(sentence):
        return 0
    words = list(re.finditer(r"\S+", sentence))
    spoken = [word.group().casefold() for word in words]
    places: dict[tuple[str, ...], list[int]] = {}
    for first in range(len(words) - CIRCLE_WORDS + 1):
        places.setdefault(tuple(spoken[first : first + CIRCLE_WORDS]), []).append(words[first].start())
    begun = [found[1] for row, found in places.items() if len(found) >= CIRCLE_TIMES and len(set(row)) >= LEAST_DIFFERENT]
    return min(begun) if begun and not re.search(r"\d", sentence[min(begun) :]) else 0


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
