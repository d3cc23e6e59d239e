"""Parts of a summary: sentences, each with the spans of the document that support it, through every level of merges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.grounding.citations import Citations, checked_all
from rag.summaries.budget import BETWEEN
from rag.summaries.pieces import passage_of
from rag.summaries.telling import telling_sentences
from rag.types import Sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rag.grounding.citations import Judged
    from rag.protocols import Verifier
    from rag.types import Citation, Document, Passage


@dataclass(frozen=True, slots=True)
class Part:
    """A text whose sentences have been checked.

    `tokens` is its size as the model counts. `basis` holds the passages that its sentences were checked against, `merged`
    the sentences of the parts that it was merged from.
    """

    judged: tuple[Judged, ...] = ()
    tokens: int = 0
    basis: tuple[Passage, ...] = ()
    merged: tuple[Judged, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """The texts of the sentences."""
        return [sentence.text for sentence, _ in self.judged]

    @property
    def text(self) -> str:
        """The sentences as one text."""
        return " ".join(self.sentences)

    @property
    def is_borne_out(self) -> bool:
        """Whether the document supports any of its sentences."""
        return any(sentence.support != "none" for sentence, _ in self.judged)

    @property
    def carried(self) -> tuple[Judged, ...]:
        """The sentences for the next merge: those that the document supports, or all if it supports none."""
        supported = tuple(judged for judged in self.judged if judged[0].support != "none")
        return supported or self.judged

    @property
    def carried_tokens(self) -> int:
        """Tokens of the sentences for the next merge."""
        return self.only(self.carried).tokens

    def only(self, judged: Sequence[Judged]) -> Part:
        """The part with other sentences, checked against the same basis. Its tokens are estimated from the length."""
        length = sum(len(sentence.text) + 1 for sentence, _ in judged)
        share = length / max(1, sum(len(sentence.text) + 1 for sentence, _ in self.judged))
        return replace(self, judged=tuple(judged), tokens=max(1, round(self.tokens * share)) if judged else 0)


class Judge:
    """Checks sentences against a document. `strict` drops unsupported ones, and `dropped` counts them."""

    def __init__(self, document: Document, verifier: Verifier, *, strict: bool = False) -> None:
        self._document = document
        self._verifier = verifier
        self._strict = strict
        self.dropped = 0

    def part(self, sentences: Sequence[str], tokens: int, basis: Sequence[Passage]) -> Part:
        """Check sentences against the passages of `basis`; `tokens` is the size of all sentences."""
        judged = self._checked(sentences, basis)
        part = Part(tuple(judged), tokens, tuple(basis))
        if not self._strict:
            return part
        kept = [pair for pair in judged if pair[0].support != "none"]
        self.dropped += len(judged) - len(kept)
        return part if len(kept) == len(judged) else part.only(kept)

    def quoted(self, spans: Iterable[tuple[int, int]]) -> list[Judged]:
        """Spans of the document as fully supported sentences. White space in them becomes single spaces."""
        passages = [passage_of(self._document, number, *span) for number, span in enumerate(spans, 1)]
        return [
            (Sentence(" ".join(passage.text.split()), support="full", score=1.0), [(passage, 0, len(passage.text))])
            for passage in passages
        ]

    def telling(self, stretch: tuple[float, float], words: int, *, said: Sequence[str], focus: str) -> list[Judged]:
        """The most important sentences in a stretch of the document, with at most `words` words in total.

        `stretch` is given as shares of the document's length, 0 to 1.
        """
        return self.quoted(telling_sentences(self._document.text, words, stretch=stretch, said=said, focus=focus))

    def _checked(self, sentences: Sequence[str], basis: Sequence[Passage]) -> list[Judged]:
        return checked_all(self._verifier, sentences, basis)

    def best_of(self, judged: Iterable[Judged], characters: float) -> list[Judged]:
        """The best supported sentences, whose spans in the document have at most this many characters in total."""
        kept: list[Judged] = []
        for sentence, spans in sorted(judged, key=lambda pair: -pair[0].score):
            length = sum(end - start for _, start, end in spans)
            if 0 < length <= characters:
                characters -= length
                kept.append((sentence, spans))
        return kept

    def basis_of(self, judged: Iterable[Judged]) -> list[Passage]:
        """The spans that support the sentences, in the order of the document. Adjacent spans become one passage."""
        spans = sorted({(passage.start + start, passage.start + end) for _, found in judged for passage, start, end in found})
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and not self._document.text[joined[-1][1] : start].strip():
                joined[-1] = (joined[-1][0], max(joined[-1][1], end))
            else:
                joined.append((start, end))
        return [passage_of(self._document, number, *span) for number, span in enumerate(joined, 1)]

    def cited(self, judged: Iterable[Judged]) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
        """The sentences with markers, and their citations, which quote the document."""

        def locate(_: str, start: int, end: int) -> tuple[tuple[int, int] | None, str]:
            return self._document.pages_of(start, end), self._document.place_of(start, end)

        citations = Citations((), self._verifier, locate=locate)
        sentences = tuple(citations.cite(pair) for pair in judged)
        return sentences, tuple(replace(citation, chunk=-1) for citation in citations.citations)


class Packing:
    """Groups neighbouring parts up to `most` tokens for each group, and at least two parts, since any two fit.

    A full group waits until the next one is full, because the last two groups share their parts evenly. So the end of the
    document weighs no more in the summary than the rest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[Part] = []
        self._group: list[Part] = []

    def add(self, part: Part) -> list[Part]:
        """Add the next part. Returns a group that is complete, or an empty list."""
        if self._fits([*self._group, part]):
            self._group.append(part)
            return []
        complete, self._waiting, self._group = self._waiting, self._group, [part]
        return complete

    def rest(self) -> list[list[Part]]:
        """The last groups: none, one, or two."""
        if not self._waiting:
            return [self._group] if self._group else []
        parts = [*self._waiting, *self._group]
        first = min(range(1, len(parts)), key=lambda at: self._unevenness(parts[:at], parts[at:]))
        return [parts[:first], parts[first:]]

    def _unevenness(self, left: Sequence[Part], right: Sequence[Part]) -> tuple[bool, int]:
        return not (self._fits(left) and self._fits(right)), abs(_size(left) - _size(right))

    def _fits(self, parts: Sequence[Part]) -> bool:
        return len(parts) <= 2 or _size(parts) <= self._most


def _size(parts: Sequence[Part]) -> int:
    return sum(part.carried_tokens + BETWEEN for part in parts)
