"""Clean a model's answer: split it into sentences, drop repetition and decoration, count words, cut to a size."""

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
"""Characters. A line of this length that does not end a sentence continues on the next line; a shorter one may be a list item."""

LOOP = re.compile(r"(.{4,240}?)\1{3,}", re.DOTALL)
LEAST_LOOP = 40
"""Characters of a repetition that is removed. A shorter one may be intended."""


def count_words(text: str) -> int:
    """Words separated by white space. Two Chinese or Japanese characters count as one word.

    >>> count_words("The mill was sold in 1501.")
    6
    """
    runs = [len(run.group()) for run in CJK_RUN.finditer(text)]
    return len(CJK_RUN.sub(" ", text).split()) + sum((length + 1) // 2 for length in runs)


def statements(text: str) -> list[str]:
    """Split a model's answer into sentences.

    Markers, bullets, emphasis, leading tags, headlines, lines that only introduce others, and remarks to the user are
    removed. Lines that break in the middle of a sentence are joined. Small models repeat themselves: repetition inside a
    sentence is removed, and so is a sentence whose words all occur in one earlier sentence.

    >>> statements("Certainly! The mill was **sold**. The mill was sold. A bridge came later.")
    ['The mill was sold.', 'A bridge came later.']
    """
    found: list[str] = []
    earlier: list[frozenset[str]] = []
    plain = UNDERLINED.sub(_without_underscores, BOLD.sub("", without_markers(text)))
    lines = _unbroken(LEAD.sub("", plain).splitlines())
    for line in [line for line in lines if not HEADLINE.match(line)] or lines:
        line = BULLET.sub("", TAGS.sub("", line)).strip()
        if not re.search(r"\w", line) or line.endswith((":", "：")):
            continue
        for start, end in sentence_spans(line):
            sentence = without_loops(line[start:end])
            words = meant(sentence)
            if not any(words <= others for others in earlier):
                found.append(sentence)
                earlier.append(words)
    while len(found) > 1 and CLOSING.match(found[-1]):
        found.pop()
    return found[1:] if len(found) > 1 and OPENING.match(found[0]) else found


def _without_underscores(underlined: re.Match[str]) -> str:
    """Emphasised words without the underscores. A name such as `__init__` keeps them."""
    inner = underlined[1]
    return inner if " " in inner or not inner.islower() else underlined[0]


def _unbroken(lines: Sequence[str]) -> list[str]:
    """Lines, each joined with the lines that continue it."""
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
    """Whether a line continues the sentence of the line before it."""
    if not before.strip() or not line.strip() or ends_whole(before):
        return False
    if any(kind.match(line) for kind in (BULLET, TABLE, TAGS)) or HEADLINE.match(before) or TABLE.match(before):
        return False
    first = line.strip()[0]
    return first.islower() or first.isdigit() or len(before.strip()) >= LEAST_WRAPPED


def without_loops(sentence: str) -> str:
    """Keep one copy of text that occurs four times or more in a row; an ellipsis ends a sentence that this leaves unfinished."""
    shorter = LOOP.sub(lambda loop: loop[1] if len(loop[0]) >= LEAST_LOOP else loop[0], sentence)
    if shorter == sentence or ends_whole(shorter):
        return shorter
    return f"{shorter.rstrip(' ,')} …"


def ends_whole(text: str) -> bool:
    """Whether the text ends with the end of a sentence."""
    return END.search(text) is not None


def first_that_fit(sentences: Sequence[str], most: float, size: Callable[[str], float]) -> list[str]:
    """The first sentences whose sizes add up to at most `most`. If the first one alone is larger, its first words."""
    kept, total = [], 0.0
    for sentence in sentences:
        total += size(sentence)
        if total > most:
            break
        kept.append(sentence)
    if kept or not sentences:
        return kept
    words = _first_words(sentences[0], most, size)
    return [words] if words else []


def _first_words(sentence: str, most: float, size: Callable[[str], float]) -> str:
    """The beginning of a sentence and an ellipsis; empty if nothing fits. Text with spaces is cut at a space."""
    low, high = 0, len(sentence)
    while low < high:
        middle = (low + high + 1) // 2
        if size(sentence[:middle] + " …") <= most:
            low = middle
        else:
            high = middle - 1
    cut = sentence[:low].rsplit(None, 1)[0] if " " in sentence[:low].strip() else sentence[:low]
    return f"{cut.rstrip()} …" if cut.strip() else ""
