"""Where sentences begin and end, in any language (by sentencex, Wikimedia's segmenter)."""

from __future__ import annotations

import re

BLANK_LINE = re.compile(r"\n[ \t]*\n")
TROUBLESOME = re.compile(r"[^\S\x00-\x7f]|[\ud800-\udfff]")
"""Spaces of several bytes, over some of which sentencex panics; and lone surrogates, as damaged files have them, which it refuses."""

MAX_SENTENCE = 600
"""Longer stretches without an end of sentence (tables, lists) are taken line by line."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence in order, white space at both ends left out."""
    spans = []
    for start, end in _paragraphs(text):
        position = start
        for sentence in _segments(text[start:end]):
            stop = position + len(sentence)
            spans += _lines(text, position, stop) if stop - position > MAX_SENTENCE else [(position, stop)]
            position = stop
    return [trimmed for span in spans if (trimmed := _trim(text, *span))]


def _segments(paragraph: str) -> list[str]:
    """The sentences with what is between them, as long as in the paragraph; where sentencex panics, the paragraph is one."""
    import sentencex

    try:
        return list(sentencex.segment("en", TROUBLESOME.sub(" ", paragraph)))
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return [paragraph]


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
