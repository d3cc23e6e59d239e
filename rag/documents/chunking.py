"""Documents to chunks: exact spans that the embedder can read whole.

A chunk never crosses a heading that has text under it. Its core is cut by langchain-text-splitters at the largest
boundary that fits (paragraph, line, sentence, clause, word, character); its start is then widened by the overlap.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.errors import UsageError
from rag.types import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.types import Document

    TokenCounter = Callable[[Sequence[str]], list[int]]
    Span = tuple[int, int]

CHUNK_TOKENS = 230
OVERLAP_TOKENS = 30
MAX_CHARACTERS_A_TOKEN = 16
"""A tokenizer may call a thousand characters without a space one unknown token; beyond this ratio, characters count."""

BOUNDARIES = (
    r"\n\s*\n",
    r"\n",
    r"(?<=[.!?…])[ \t]+|(?<=[。！？])",
    r"(?<=[;:])[ \t]+|(?<=[；：])",
    r"(?<=,)[ \t]+|(?<=[，、])",
    r"[ \t]+",
    "",
)
WORD_START = re.compile(r"(?<=\s)(?=\S)|(?=[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
SENTENCE_START = re.compile(r"(?<=[.!?…][\s\"”’)])(?=\S)|(?<=[。！？\n])(?=\S)")


def split_text(
    document: Document, *, count_tokens: TokenCounter, chunk_tokens: int = CHUNK_TOKENS, overlap_tokens: int = OVERLAP_TOKENS
) -> list[Chunk]:
    """Chunks of at most `chunk_tokens` tokens (overlap included), in the order of the text.

    Holds for every chunk: `document.text[chunk.start:chunk.end] == chunk.text`, and no white space at either end.
    """
    check_sizes(chunk_tokens, overlap_tokens)
    measure = _measure(count_tokens)
    chunks = []
    for section, heading in _sections(document):
        previous_start = section[0]
        for start, end in _cores(document.text, section, chunk_tokens - overlap_tokens, measure):
            widened = _widen(document.text, previous_start, start, end, overlap_tokens, chunk_tokens, count_tokens)
            where = document.pages_of(widened, end), heading, document.place_of(widened, end)
            chunks.append(Chunk(document.text[widened:end], widened, end, *where))
            previous_start = start
    return chunks


def check_sizes(chunk_tokens: int, overlap_tokens: int) -> None:
    """Raise UsageError for an overlap that leaves too little of a chunk for new text."""
    if not 0 <= overlap_tokens <= chunk_tokens // 2:
        raise UsageError(
            f"The overlap ({overlap_tokens} tokens) must lie between 0 and half of the chunk ({chunk_tokens} tokens)."
        )


def embedded_text(chunk: Chunk, title: str, *, count_tokens: TokenCounter, max_tokens: int) -> str:
    """What is embedded for a chunk: title and heading path in front, as far as they fit, then the exact text.

    Only the line in front is ever shortened.
    """
    words = " > ".join(part for part in (title, chunk.heading) if part).split()
    while words:
        text = " ".join(words) + "\n" + chunk.text
        excess = count_tokens([text])[0] - max_tokens
        if excess <= 0:
            return text
        del words[-max(1, excess // 4) :]
    return chunk.text


def _measure(count_tokens: TokenCounter) -> Callable[[str], int]:
    @lru_cache(maxsize=4096)
    def measure(text: str) -> int:
        return max(count_tokens([text])[0], -(-len(text) // MAX_CHARACTERS_A_TOKEN))

    return measure


def _sections(document: Document) -> Iterator[tuple[Span, str]]:
    """Spans between headings, each with its heading path; a heading with nothing under it belongs to what follows."""
    text, pending = document.text, 0
    for start, end in pairwise([0, *(heading.start for heading in document.headings), len(text)]):
        first_line, _, rest = text[start:end].partition("\n")
        is_heading = any(heading.start == start for heading in document.headings)
        if (rest if is_heading else first_line + rest).strip():
            yield (pending, end), document.heading_at(start)
            pending = end
    if text[pending:].strip():
        yield (pending, len(text)), document.heading_at(len(text))


def _cores(text: str, section: Span, limit: int, measure: Callable[[str], int]) -> Iterator[Span]:
    """Spans of the section, in order and without overlap, that hold all its words and measure at most `limit`."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        separators=list(BOUNDARIES),
        is_separator_regex=True,
        keep_separator="end",
        chunk_size=limit,
        chunk_overlap=0,
        length_function=measure,
        strip_whitespace=True,
    )
    cursor = section[0]
    for piece in splitter.split_text(text[section[0] : section[1]]):
        start = text.index(piece, cursor, section[1])
        cursor = start + len(piece)
        yield from _halves(text, start, cursor, limit, measure)


def _halves(text: str, start: int, end: int, limit: int, measure: Callable[[str], int]) -> Iterator[Span]:
    """The span itself, or its halves where a tokenizer counts a whole as more than the sum of its parts."""
    if measure(text[start:end]) <= limit or end - start < 2:
        yield start, end
        return
    middle = (start + end) // 2
    for left, right in ((start, middle), (middle, end)):
        piece = text[left:right]
        if piece.strip():
            yield from _halves(text, left + len(piece) - len(piece.lstrip()), left + len(piece.rstrip()), limit, measure)


def _widen(text: str, floor: int, start: int, end: int, overlap: int, limit: int, count_tokens: TokenCounter) -> int:
    """A start at most `overlap` tokens earlier, at a sentence's beginning where one is in reach, else at a word's."""
    reach = max(floor, start - overlap * MAX_CHARACTERS_A_TOKEN // 2)
    words = [reach + match.start() for match in WORD_START.finditer(text[reach:start])]
    if not words:
        return start
    earliest, room = start, overlap
    for word, tokens in zip(
        reversed(words), reversed(count_tokens([text[a:b] for a, b in pairwise([*words, start])])), strict=True
    ):
        room -= tokens
        if room < 0:
            break
        earliest = word
    sentence = SENTENCE_START.search(text, earliest, start)
    widened = sentence.start() if sentence else earliest
    return widened if count_tokens([text[widened:end]])[0] <= limit else start
