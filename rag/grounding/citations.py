"""Sentence → citations.

A verifier compares each sentence of the model with the sources and finds its quotes. The model's own markers are then replaced:

- A marker is `invented` if no source has its number. It is counted and removed.
- A marker is `wrong` if its source does not support the sentence, or less than another source does. It is counted and removed.
- A correct marker keeps its source. A sentence without a marker gets the sources that support it.

The new markers count from 1 in order of first use.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rag.grounding.contradictions import saying_otherwise
from rag.grounding.markers import leading_markers, without_markers, written_numbers
from rag.grounding.tables import header_of
from rag.protocols import ChecksAll
from rag.types import Citation, Header, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rag.protocols import Verifier
    from rag.types import Pages, Passage

    Span = tuple[Passage, int, int]
    Judged = tuple[Sentence, list[Span]]
    Locate = Callable[[str, int, int], tuple[Pages | None, str]]
    from collections.abc import Callable

    from rag.types import Hit, Passage

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
        self._texts = frozenset(passage.text for passage in passages)
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
        bodies = list(filter(None, (without_markers(text, self._texts).strip() for text in texts)))
        self._expected = dict(zip(bodies, checked_all(self._verifier, bodies, self._passages), strict=True))

    def judge(self, text: str) -> Judged:
        """The judged sentence without the model's markers, and the spans that support it.

        Markers in front of a sentence belong to the sentence before, unless the answer began with markers.
        """
        leading = leading_markers(text, self._texts)
        if leading and self._last and not self._marks_come_first:
            self._kept(written_numbers(text[:leading]), *self._last)
            text = text[leading:]
        self._marks_come_first = self._marks_come_first or (leading > 0 and self._last is None)
        body = without_markers(text, self._texts).strip()
        if not body:
            return Sentence(""), []
        sentence, spans = self._expected.get(body) or self._verifier.check(body, self._passages)
        judged = sentence, [*spans, *self._kept(written_numbers(text, self._texts), sentence, spans)]
        self._last = judged
        return judged

    def cite(self, judged: Judged) -> Sentence:
        """The sentence with its citation markers. Its quotes are added to `citations`."""
        sentence, spans = judged
        markers = tuple(dict.fromkeys(self._marker(*span) for span in spans))
        others = saying_otherwise(sentence.text, spans, self._passages) if spans else []
        return replace(sentence, citations=markers, contradicted_by=tuple(self._marker(*span) for span in others))

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
        header = _header(passage, start, end)
        self.citations.append(Citation(marker, passage.source, pages, first, last, quote, passage.chunk, place, header))
        return marker


def checked_all(verifier: Verifier, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judged]:
    """Each sentence with its spans, judged as one batch if the verifier has `check_all`."""
    if isinstance(verifier, ChecksAll):
        return verifier.check_all(sentences, passages)
    return [verifier.check(sentence, passages) for sentence in sentences]


def _header(passage: Passage, start: int, end: int) -> Header | None:
    span = header_of(passage.text, start, end)
    if span is None:
        return None
    return Header(passage.text[slice(*span)], passage.start + span[0], passage.start + span[1])


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
