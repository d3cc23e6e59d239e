"""Any text checked against any sources: passages, documents or an index."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from rag.arguments import listed, require_text
from rag.grounding.citations import Citations, checked_all
from rag.grounding.contradictions import saying_otherwise
from rag.grounding.lexical import LexicalVerifier
from rag.grounding.markers import without_markers
from rag.retrieval.search import search
from rag.specs import open_embedder, opened_verifier
from rag.text.sentences import sentence_spans
from rag.types import Passage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rag.grounding.citations import Locate
    from rag.protocols import Searchable, Verifier
    from rag.types import Citation, Document, Hit, Pages, Sentence

HITS = 8
"""Passages that are searched for each sentence."""


def check(text: str, *, sources: Sequence[str], verifier: Verifier | str | None = None) -> list[Sentence]:
    """Each sentence of any text, judged against any passages; citation markers are the numbers of the sources, from 1.

    The default verifier reads with the packaged embedder. Markers in the text are left out and not looked at. `contradicted_by`
    has the numbers of sources that say another number in the same words.

        checked = rag.check("The tower is 330 m tall.", sources=["The Eiffel Tower is 330 metres tall."])
        checked[0].support  # 'full'
    """
    require_text(text, "The text to check")
    texts = listed(sources, "sources")
    passages = [Passage(number, source, f"source {number}") for number, source in enumerate(texts, 1)]
    judge = opened_verifier(verifier) or packaged_verifier()
    checked = []
    for sentence, spans in checked_all(judge, list(_bodies(text, texts)), passages):
        others = saying_otherwise(sentence.text, spans, passages) if spans else []
        checked.append(replace(sentence, citations=_numbers(spans), contradicted_by=_numbers(others)))
    return checked


@dataclass(frozen=True, slots=True)
class Checked:
    """A text's sentences with their support, and the quotes that they cite."""

    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-ready values."""
        return {
            "sentences": [sentence.to_dict() for sentence in self.sentences],
            "citations": [citation.to_dict() for citation in self.citations],
            "seconds": round(self.seconds, 4),
        }


def check_documents(text: str, documents: Sequence[Document], *, verifier: Verifier | None = None) -> Checked:
    """A text held against whole documents, with pages in the citations."""
    require_text(text, "The text to check")
    started = time.perf_counter()
    known: Mapping[str, Document] = {document.source: document for document in documents}

    def locate(source: str, start: int, end: int) -> tuple[Pages | None, str]:
        document = known[source]
        return document.pages_of(start, end), document.place_of(start, end)

    passages = [Passage(n, one.text, one.source, one.title) for n, one in enumerate(documents, 1)]
    citations = Citations(passages, verifier or packaged_verifier(), locate=locate)
    bodies = list(_bodies(text, [passage.text for passage in passages]))
    citations.expect(bodies)
    sentences = tuple(citations.cite(citations.judge(body)) for body in bodies)
    return Checked(sentences, tuple(citations.citations), time.perf_counter() - started)


def check_against(text: str, index: Searchable, *, verifier: Verifier | None = None) -> Checked:
    """A text held against the passages of an index: those that a search for each of its sentences finds, all together."""
    require_text(text, "The text to check")
    started = time.perf_counter()
    hits: dict[int, Hit] = {}
    bodies = list(_bodies(text, ()))
    for body in bodies:
        hits |= {hit.chunk: hit for hit in search(body, index=index, k=HITS)}
    locate: Locate = index.catalog.locate
    passages = [Passage.from_hit(number, hit) for number, hit in enumerate(hits.values(), 1)]
    citations = Citations(passages, verifier or LexicalVerifier(index.embedder), locate=locate)
    sentences = tuple(citations.cite(citations.judge(body)) for body in bodies)
    return Checked(sentences, tuple(citations.citations), time.perf_counter() - started)


def _bodies(text: str, sources: Sequence[str]) -> Iterator[str]:
    """The sentences of a text without the markers in them."""
    for start, end in sentence_spans(text):
        if body := without_markers(text[start:end], sources).strip():
            yield body


def _numbers(spans: Sequence[tuple[Passage, int, int]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(passage.number for passage, _, _ in spans))


@cache
def packaged_verifier() -> LexicalVerifier:
    """The default verifier with the packaged embedder, opened once a process."""
    return LexicalVerifier(open_embedder())
