"""A text with several questions finds the passages of each."""

from __future__ import annotations

import rag
from rag.ingest.sync import add_documents
from rag.retrieval.fusion import best_of
from rag.types import Document


def test_an_item_keeps_the_best_score_of_all_rankings():
    assert best_of([[(1, 0.9), (2, 0.5)], [(3, 0.9), (2, 0.8)], []]) == [(1, 0.9), (3, 0.9), (2, 0.8)]


def test_a_short_question_is_not_lost_beside_a_long_one(tmp_path, embedder):
    long = "When did the carp in the deep pond behind the old mill swim to the reeds?"
    about = "carp deep pond behind old mill swim reeds".split()
    texts = [f"{' '.join(about[:number])} {number}" for number in range(2, len(about))]
    with rag.open_index(tmp_path / "index", create=True, embedder=embedder) as index:
        add_documents([Document(text, f"{number}", "") for number, text in enumerate(texts)], index=index)
        add_documents([Document("Soup costs four crowns.", "soup", "")], index=index)
        places = [
            [hit.source for hit in rag.search(f"{long} {more}", index=index)].index("soup")
            for more in ("the soup costs", "What costs the soup?")
        ]
    assert places[1] < places[0]
