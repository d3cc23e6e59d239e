"""Sentence → citations.

A verifier compares each sentence of the model with the sources and finds its quotes. The model's own markers are then replaced:

- A marker is `invented` if no source has its number. It is counted and removed.
- A marker is `wrong` if its source does not support the sentence, or less than another source does. It is counted and removed.
- A correct marker keeps its source. A sentence without a marker gets the sources that support it.

The new markers count from 1 in order of first use.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.protocols import ChecksAll
from rag.types import Citation, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rag.protocols import Verifier
    from rag.types import Pages, Passage

    Span = tuple[Passage, int, int]
    Judged = tuple[Sentence, list[Span]]
    Locate = Callable[[str, int, int], tuple[Pages | None, str]]
    from collections.abc import Callable

    from rag.types import Hit, Passage

_NAMED = r"(?:sources?|src|refs?|references?|documents?|docs?|passages?|citations?)\b[\s:.#]*"
_NUMBERS = rf"\d+(?:\s*(?:[,;&–-]|and)\s*(?:{_NAMED})?\d+)*"
WRITTEN_MARKER = re.compile(
    rf"(?:(?<!\s)\s+)?(?:\[\s*\^?(?:{_NAMED})?({_NUMBERS})\s*\]|\(\s*{_NAMED}({_NUMBERS})\s*\)|【\s*(?:{_NAMED})?({_NUMBERS})(?::\d+)?(?:†[^】]*)?】)",
    re.IGNORECASE,
)
"""Matches [1], [1, 2], [1-3], [^1], [Source 1], (source 1), 【1】 and 【1†name】, but not a bare number in parentheses: (1)."""

LEADING_MARKERS = re.compile(rf"(?:{WRITTEN_MARKER.pattern})+", re.IGNORECASE)
LONGEST_RANGE = 100
MOST_DIGITS = 9
RANK = {"none": 0, "partial": 1, "full": 2}


class Citations:
    """Collects the citations of one answer, sentence by sentence. Markers count from 1 in order of first use.

    `shown` are the numbered passages of the prompt, by default `passages`: the model's markers refer to them. `locate` maps
    (source, start, end) to the pages and the place of a quote; the default is those of the passage. `invented` and `wrong`
    count the removed markers.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        verifier: Verifier,
        *,
        shown: Sequence[Passage] | None = None,
        locate: Locate | None = None,
    ) -> None:
        self._passages = passages
        self._verifier = verifier
        self._shown = {passage.number: passage for passage in (passages if shown is None else shown)}
        self._locate = locate
        self._expected: dict[str, Judged] = {}
        self.reset()

    def reset(self) -> None:
        """Drop all sentences and citations: they were the model's thoughts, not its answer."""
        self._last: Judged | None = None
        self._marks_come_first = False
        self.citations: list[Citation] = []
        self.invented = 0
        self.wrong = 0

    @property
    def removed(self) -> int:
        """Number of the model's markers that were removed."""
        return self.invented + self.wrong

    def expect(self, texts: Sequence[str]) -> None:
        """Judge sentences as one batch, which is faster. Later calls of `judge` reuse the results."""
        bodies = list(filter(None, (without_markers(text).strip() for text in texts)))
        self._expected = dict(zip(bodies, checked_all(self._verifier, bodies, self._passages), strict=True))

    def judge(self, text: str) -> Judged:
        """The judged sentence without the model's markers, and the spans that support it.

        Markers in front of a sentence belong to the sentence before, unless the answer began with markers.
        """
        leading = LEADING_MARKERS.match(text)
        if leading and self._last and not self._marks_come_first:
            self._kept(written_numbers(leading.group()), *self._last)
            text = text[leading.end() :]
        self._marks_come_first = self._marks_come_first or (leading is not None and self._last is None)
        body = without_markers(text).strip()
        if not body:
            return Sentence(""), []
        sentence, spans = self._expected.get(body) or self._verifier.check(body, self._passages)
        judged = sentence, [*spans, *self._kept(written_numbers(text), sentence, spans)]
        self._last = judged
        return judged

    def cite(self, judged: Judged) -> Sentence:
        """The sentence with its citation markers. Its quotes are added to `citations`."""
        sentence, spans = judged
        return replace(sentence, citations=tuple(dict.fromkeys(self._marker(*span) for span in spans)))

    def _kept(self, numbers: Iterable[int], sentence: Sentence, spans: Sequence[Span]) -> list[Span]:
        """Spans of the sources that the model cited, if they support the sentence as well as `spans` do.

        A cited source that contains one of `spans` adds nothing.
        """
        kept: list[Span] = []
        for number in numbers:
            passage = self._shown.get(number)
            if passage is None:
                self.invented += 1
            elif not any(_lies_in(span, passage) for span in spans):
                alone, found = self._verifier.check(sentence.text, [passage])
                if RANK[alone.support] >= max(1, RANK[sentence.support]):
                    kept += found
                else:
                    self.wrong += 1
        return kept

    def _marker(self, passage: Passage, start: int, end: int) -> int:
        """The marker of a quote. A quote within an earlier quote shares its marker."""
        first, last = passage.start + start, passage.start + end
        for known in self.citations:
            if known.source == passage.source and known.start <= first and last <= known.end:
                return known.marker
        quote = passage.text[start:end]
        marker = len(self.citations) + 1
        pages, place = self._locate(passage.source, first, last) if self._locate else (passage.pages, passage.place)
        self.citations.append(Citation(marker, passage.source, pages, first, last, quote, passage.chunk, place))
        return marker


def checked_all(verifier: Verifier, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
    """Each sentence with its spans, judged as one batch if the verifier has `check_all`."""
    if isinstance(verifier, ChecksAll):
        return verifier.check_all(sentences, passages)
    return [verifier.check(sentence, passages) for sentence in sentences]


def written_numbers(text: str) -> list[int]:
    """The numbers of the markers in a text, in order, without duplicates. A range counts as all its numbers.

    >>> written_numbers("It is 96 m tall [2, 4-6]. It was built in 1911 [source 2].")
    [2, 4, 5, 6]
    """
    numbers: list[int] = []
    for match in WRITTEN_MARKER.finditer(text):
        listed = next(group for group in match.groups() if group)
        for part in re.finditer(r"(\d+)(?:\s*[–-]\s*(\d+))?", listed):
            first, last = int(part[1][:MOST_DIGITS]), int((part[2] or part[1])[:MOST_DIGITS])
            numbers += range(first, last + 1) if 0 <= last - first < LONGEST_RANGE else (first, last)
    return list(dict.fromkeys(numbers))


def without_markers(text: str) -> str:
    """The text without markers. Nested markers, as in "[[1]2]", go too.

    >>> without_markers("It is 96 m tall [1].")
    'It is 96 m tall.'
    """
    while (shorter := WRITTEN_MARKER.sub("", text)) != text:
        text = shorter
    return text


def _lies_in(span: Span, passage: Passage) -> bool:
    quoted, start, end = span
    first, last = quoted.start + start, quoted.start + end
    return quoted.source == passage.source and passage.start <= first and last <= passage.start + len(passage.text)


class ChunkOfEachSpan:
    """A verifier that adds chunk numbers to another verifier's spans.

    A passage may join several chunks. Each span gets the number of the chunk that contains most of it.
    """

    def __init__(self, verifier: Verifier, hits: Sequence[Hit]) -> None:
        self._verifier = verifier
        self._hits = hits

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        return self.check_all([sentence], passages)[0]

    def check_all(self, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
        return [
            (judged, [(self._of_its_chunk(*span), span[1], span[2]) for span in spans])
            for judged, spans in checked_all(self._verifier, sentences, passages)
        ]

    def _of_its_chunk(self, passage: Passage, start: int, end: int) -> Passage:
        first, last = passage.start + start, passage.start + end
        hits = [hit for hit in self._hits if hit.source == passage.source]
        nearest = max(hits, key=lambda hit: min(hit.end, last) - max(hit.start, first))
        return replace(passage, chunk=nearest.chunk)
