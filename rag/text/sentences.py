"""Sentence boundaries in any language, by Wikimedia's segmenter sentencex."""

from __future__ import annotations

import re

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
        for sentence in _segments(text[start:end]):
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
