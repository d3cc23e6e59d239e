"""Sentences of a summary, each with the spans of the document that bear it out, through however many levels."""

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
    """A judged text. `tokens` is its size as the model counts; `basis` is what its sentences were held against.

    `merged` are the sentences of the parts that it was made of.
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
        """The sentences in a row."""
        return " ".join(self.sentences)

    @property
    def is_borne_out(self) -> bool:
        """Whether the document bears out any of it."""
        return any(sentence.support != "none" for sentence, _ in self.judged)

    @property
    def carried(self) -> tuple[Judged, ...]:
        """What goes on into a merge: the sentences that the document bears out, or all where it bears out none."""
        return tuple(one for one in self.judged if one[0].support != "none") or self.judged

    @property
    def carried_tokens(self) -> int:
        """The size of what goes on."""
        return self.only(self.carried).tokens

    def only(self, judged: Sequence[Judged]) -> Part:
        """The part with some of its sentences, or others judged against the same."""
        length = sum(len(sentence.text) + 1 for sentence, _ in judged)
        share = length / max(1, sum(len(sentence.text) + 1 for sentence, _ in self.judged))
        return replace(self, judged=tuple(judged), tokens=max(1, round(self.tokens * share)) if judged else 0)


class Judge:
    """Holds sentences against a document's words. `strict` drops those that nothing bears out."""

    def __init__(self, document: Document, verifier: Verifier, *, strict: bool = False) -> None:
        self._document = document
        self._verifier = verifier
        self._strict = strict
        self.dropped = 0

    def part(self, sentences: Sequence[str], tokens: int, basis: Sequence[Passage]) -> Part:
        """The sentences, judged."""
        judged = self._checked(sentences, basis)
        part = Part(tuple(judged), tokens, tuple(basis))
        if not self._strict:
            return part
        kept = [one for one in judged if one[0].support != "none"]
        self.dropped += len(judged) - len(kept)
        return part if len(kept) == len(judged) else part.only(kept)

    def quoted(self, spans: Iterable[tuple[int, int]]) -> list[Judged]:
        """Spans of the document as sentences that bear themselves out, white space in them made single spaces."""
        passages = [passage_of(self._document, number, *span) for number, span in enumerate(spans, 1)]
        return [
            (Sentence(" ".join(passage.text.split()), support="full", score=1.0), [(passage, 0, len(passage.text))])
            for passage in passages
        ]

    def telling(self, stretch: tuple[float, float], words: int, *, said: Sequence[str], focus: str) -> list[Judged]:
        """Sentences of the document, of `words` words at most, that say most of a stretch of it (as shares of its length)."""
        return self.quoted(telling_sentences(self._document.text, words, stretch=stretch, said=said, focus=focus))

    def _checked(self, sentences: Sequence[str], basis: Sequence[Passage]) -> list[Judged]:
        return checked_all(self._verifier, sentences, basis)

    def best_of(self, judged: Iterable[Judged], characters: float) -> list[Judged]:
        """The sentences that are borne out best, as many as rest on so many characters of the document."""
        kept: list[Judged] = []
        for one in sorted(judged, key=lambda one: -one[0].score):
            length = sum(end - start for _, start, end in one[1])
            if 0 < length <= characters:
                characters -= length
                kept.append(one)
        return kept

    def basis_of(self, judged: Iterable[Judged]) -> list[Passage]:
        """The spans that sentences rest on, in the order of the document; those that touch are one passage."""
        spans = sorted({(passage.start + start, passage.start + end) for _, found in judged for passage, start, end in found})
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and not self._document.text[joined[-1][1] : start].strip():
                joined[-1] = (joined[-1][0], max(joined[-1][1], end))
            else:
                joined.append((start, end))
        return [passage_of(self._document, number, *span) for number, span in enumerate(joined, 1)]

    def cited(self, judged: Iterable[Judged]) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
        """The sentences with markers, and the citations, whose quotes are the document's words."""

        def locate(_: str, start: int, end: int) -> tuple[tuple[int, int] | None, str]:
            return self._document.pages_of(start, end), self._document.place_of(start, end)

        citations = Citations((), self._verifier, locate=locate)
        sentences = tuple(citations.cite(one) for one in judged)
        return sentences, tuple(replace(citation, chunk=-1) for citation in citations.citations)


class Packing:
    """Puts neighbours together, as many as `most` tokens of a prompt hold; two at least, since any two fit.

    A full group is held back until the next one is full: the last two share their parts evenly, so that what comes last weighs
    no more in the summary than what came before.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: list[Part] = []
        self._group: list[Part] = []

    def add(self, part: Part) -> list[Part]:
        """Take the next part in. Returns a group that nothing will change any more, or an empty list."""
        if self._fits([*self._group, part]):
            self._group.append(part)
            return []
        complete, self._held, self._group = self._held, self._group, [part]
        return complete

    def rest(self) -> list[list[Part]]:
        """The groups that are left at the end: none without parts, one, or two."""
        if not self._held:
            return [self._group] if self._group else []
        parts = [*self._held, *self._group]
        first = min(range(1, len(parts)), key=lambda at: self._unevenness(parts[:at], parts[at:]))
        return [parts[:first], parts[first:]]

    def _unevenness(self, one: Sequence[Part], other: Sequence[Part]) -> tuple[bool, int]:
        return not (self._fits(one) and self._fits(other)), abs(_size(one) - _size(other))

    def _fits(self, parts: Sequence[Part]) -> bool:
        return len(parts) <= 2 or _size(parts) <= self._most


def _size(parts: Sequence[Part]) -> int:
    return sum(part.carried_tokens + BETWEEN for part in parts)
