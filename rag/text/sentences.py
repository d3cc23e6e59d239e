"""Sentence boundaries in any language, by Wikimedia's segmenter sentencex."""

from __future__ import annotations

import re
from functools import cache

from rag.text.language import of_all, one_of, values_of_all

BLANK_LINE = re.compile(r"\n[ \t]*\n")
TROUBLESOME = re.compile(r"[^\S\x00-\x7f]|[\ud800-\udfff]")
"""Spaces of several bytes, on some of which sentencex panics, and lone surrogates from damaged files, which it refuses."""

MAX_SENTENCE = 600
"""Longer sentences, in characters, are split at line breaks: they are tables or lists."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence, in order, without surrounding white space.

    >>> sentence_spans("It is tall. Who built it?")
    [(0, 11), (12, 25)]
    """
    spans = []
    for start, end in _paragraphs(text):
        position = start
        for sentence in _without_false_ends(_segments(text[start:end])):
            stop = position + len(sentence)
            spans += _lines(text, position, stop) if stop - position > MAX_SENTENCE else [(position, stop)]
            position = stop
    return [trimmed for span in spans if (trimmed := _trim(text, *span))]


def _segments(paragraph: str) -> list[str]:
    """The sentences of a paragraph with the space between them. If sentencex panics, the paragraph is one sentence."""
    import sentencex

    try:
        return list(sentencex.segment("en", TROUBLESOME.sub(" ", paragraph)))
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return [paragraph]


def _without_false_ends(segments: list[str]) -> list[str]:
    """The segments, those joined that an abbreviation or the day of a month parts: "Ms. | Dillon", "3. | Mai"."""
    joined = segments[:1]
    for segment in segments[1:]:
        if _goes_on(joined[-1], segment):
            joined[-1] += segment
        else:
            joined.append(segment)
    return joined


def _goes_on(before: str, after: str) -> bool:
    """Whether a sentence does not end where `before` does."""
    end = before[-2 * LONGEST_ABBREVIATION :].rstrip()[-LONGEST_ABBREVIATION:]
    if not end.endswith("."):
        return False
    first = after.lstrip()
    if first[:1].isdigit() and _before_a_number().search(end):
        return True
    if _LETTER.match(end, max(0, len(end) - 2)) and _LETTER.match(first):
        return True
    return bool(_abbreviation().search(end) or (_DAY.search(end) and _month().match(first)))


LONGEST_ABBREVIATION = 16
_LETTER = re.compile(r"(?<![\w'’])[^\W\d_]\.(?!\w)")
_DAY = re.compile(r"(?<!\w)(?<!\d[.,])[0-3]?\d\.$")


@cache
def _abbreviation() -> re.Pattern[str]:
    """An abbreviation at the end. One of a single letter is a capital: "M. Dupont", but not "5 m.". So does one begin that is a
    function word of some language: "Me. Dupont" (French for maître), but not "him and me.". Behind a number stands a unit: "5 mm.".
    """
    function_words = of_all("function_words")
    words = [word for word in of_all("abbreviations") if len(word) > 1 and word not in function_words]
    titles = [word.capitalize() for word in of_all("abbreviations") if len(word) > 1 and word in function_words]
    letters = [word.upper() for word in of_all("abbreviations") if len(word) == 1 and word.isascii()]
    lower = [word for word in of_all("abbreviations") if len(word) == 1 and not word.isascii()]
    return re.compile(rf"(?<![\w.])(?:(?<!\d\s)(?i:{one_of(words)})|{one_of([*letters, *lower, *titles])})\.$")


@cache
def _before_a_number() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){one_of(of_all('before_a_number'))}\.$", re.IGNORECASE)


@cache
def _month() -> re.Pattern[str]:
    return re.compile(rf"{one_of(values_of_all('months'))}\b", re.IGNORECASE)


def _paragraphs(text: str) -> list[tuple[int, int]]:
    edges = [0, *(position for match in BLANK_LINE.finditer(text) for position in match.span()), len(text)]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    lines, position = [], start
    for line in text[start:end].splitlines(keepends=True):
        lines.append((position, position + len(line)))
        position += len(line)
    return lines


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    piece = text[start:end]
    left, right = len(piece) - len(piece.lstrip()), len(piece.rstrip())
    return (start + left, start + right) if left < right else None
