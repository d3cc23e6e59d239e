"""The contract of an index that search and answers can use, in a folder or at an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.testing.vector_stores import exact_search
from rag.types import Document

if TYPE_CHECKING:
    from rag.protocols import Chunks, Scored, Searchable, Vectors
    from rag.types import Hit

SHIPS = "Aurora Borealis Caspian Dolphin Esperance Fulmar Galatea Halcyon Icarus Juno Kestrel Lysander".split()
SHELF = (
    Document("Seven carp live in the pond. The pond was dug in 1901.", "garden/pond.md", "Pond"),
    Document("Roses grow along the wall. They were brought from Zanzibar.", "garden/roses.md", "Roses"),
    Document("Soup costs four crowns, and the kitchen opens at noon.", "kitchen.txt", "Kitchen"),
    Document("鯉は池に住んでいる。", "koi.txt", "鯉"),
    Document(
        "\n\n".join(
            f"{day}. The {ship} came in with {day + 20} crates of tea and left for the north at high tide on the same day. "
            f"Its pilot wrote in the ledger that the harbour light number {day} had to be mended before the winter."
            for day, ship in enumerate(SHIPS, 1)
        ),
        "harbour/ledger.txt",
        "Ledger",
    ),
)
"""Documents that a store holds for the contract: short ones, and one of several passages."""

QUESTION = "How many carp live in the pond?"


class StoreContract:
    """Subclass it, name the class Test…, and give it a fixture `store`: an open store of SHELF, embedded with `HashEmbedder()`."""

    def vector(self, store: Searchable) -> Vectors:
        """The question, embedded."""
        return store.embedder.embed_question(QUESTION)

    def ranking(self, store: Searchable) -> Scored:
        """All passages, by their cosine with the question."""
        return store.search_vectors(self.vector(store), 10_000)

    def hits(self, store: Searchable) -> list[Hit]:
        """All passages."""
        return store.first_hits(self.ranking(store), 10_000)

    def test_every_passage_is_found_once(self, store: Searchable) -> None:
        found = [passage for passage, _ in self.ranking(store)]
        assert len(found) == len(set(found)) == len(store)
        assert store.catalog.embedder_identity == store.embedder.identity

    @pytest.mark.parametrize("n", [1, 3, 1000])
    def test_search_equals_a_comparison_with_every_vector(self, store: Searchable, n: int) -> None:
        question = self.vector(store)
        passages, vectors = self.vectors(store)
        expected = exact_search(vectors, passages, question, n)
        found = store.search_vectors(question, n)
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-4)
        exact = dict(zip(passages.tolist(), (vectors @ question).tolist(), strict=True))
        assert [exact[passage] for passage, _ in found] == pytest.approx([score for _, score in found], abs=1e-4)

    def test_cosines_are_exact_and_leave_out_what_is_gone(self, store: Searchable) -> None:
        ranking = dict(self.ranking(store))
        gone = max(ranking) + 1
        assert store.cosines(self.vector(store), [gone, *ranking]) == pytest.approx(ranking, abs=1e-4)
        present, _ = store.vectors_present([gone, *ranking])
        assert present.tolist() == list(ranking)
        assert set(store.documents_of([gone, *ranking])) == set(ranking)

    def test_hits_quote_their_documents(self, store: Searchable) -> None:
        hits = self.hits(store)
        assert [hit.rank for hit in hits] == list(range(1, len(store) + 1))
        assert {hit.source for hit in hits} == {document.source for document in SHELF}
        for hit in hits:
            document = store.catalog.document(hit.source)
            assert document is not None
            assert hit.text
            assert document.text[hit.start : hit.end] == hit.text
            assert store.catalog.locate(hit.source, hit.start, hit.end)[0] == hit.pages

    def test_hits_are_the_first_that_are_still_there(self, store: Searchable) -> None:
        ranking = self.ranking(store)
        gone = max(passage for passage, _ in ranking) + 1
        hits = store.first_hits([(gone, 1.0), *ranking], 2)
        assert [hit.chunk for hit in hits] == [passage for passage, _ in ranking[:2]]
        assert [hit.rank for hit in hits] == [1, 2]

    def test_documents_come_back_as_they_were(self, store: Searchable) -> None:
        for document in SHELF:
            found = store.catalog.document(document.source)
            assert found is not None
            assert (found.text, found.title, found.source) == (document.text, document.title, document.source)
        assert store.catalog.document("nobody's.txt") is None

    def test_words_find_the_passages_that_hold_them(self, store: Searchable) -> None:
        found = store.first_hits(store.search_words("Zanzibar", 10), 10)
        assert [hit.source for hit in found] == ["garden/roses.md"]
        scores = [score for _, score in store.search_words("crates of tea on the Kestrel", 1000)]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) <= len(store)
        best = store.first_hits(store.search_words("crates of tea on the Kestrel", 1), 1)
        assert "Kestrel" in best[0].text
        assert store.search_words("xyzzy", 10) == []

    def test_word_frequencies_count_passages(self, store: Searchable) -> None:
        texts = [hit.text for hit in self.hits(store)]
        words = ["carp", "pilot", "xyzzy"]
        assert store.word_frequencies(words) == {word: sum(word in text for text in texts) for word in words}

    def test_a_filter_limits_both_searches(self, store: Searchable) -> None:
        where = {"source": "garden/*"}
        near = store.search_vectors(self.vector(store), 1000, where=where)
        assert {hit.source for hit in store.first_hits(near, 1000)} == {"garden/pond.md", "garden/roses.md"}
        full = dict(self.ranking(store))
        assert dict(near) == pytest.approx({passage: full[passage] for passage, _ in near}, abs=1e-4)
        words = store.search_words("pond roses soup tea", 1000, where=where)
        assert {hit.source for hit in store.first_hits(words, 1000)} == {"garden/pond.md", "garden/roses.md"}
        assert store.search_vectors(self.vector(store), 5, where={"source": "attic/*"}) == []

    def test_passages_know_their_document(self, store: Searchable) -> None:
        hits = self.hits(store)
        numbers = store.documents_of([hit.chunk for hit in hits])
        pairs = {(hit.source, numbers[hit.chunk]) for hit in hits}
        assert len(pairs) == len(SHELF) == len({number for _, number in pairs})

    def test_the_content_key_stays_while_the_content_does(self, store: Searchable) -> None:
        before = store.catalog.content_key()
        assert before
        store.preload()
        assert self.hits(store)
        assert store.catalog.content_key() == before

    def vectors(self, store: Searchable) -> tuple[Chunks, Vectors]:
        """The numbers and vectors of all passages."""
        passages, vectors = store.vectors_present(sorted(passage for passage, _ in self.ranking(store)))
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(store), store.embedder.identity.dimension)
        return passages, vectors
