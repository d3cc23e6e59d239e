"""The order of the passages of hybrid search, beyond the fusion of two scores."""

from __future__ import annotations

import pytest

import rag
from rag.index.several import Indexes
from rag.ingest.sync import ChunkSizes, add_documents
from rag.retrieval.fusion import Weights, weighted_sum
from rag.retrieval.retrieve import CANDIDATES, candidates, hybrid, retrieve
from rag.text.words import is_english
from rag.types import Document

PONDS = {
    "carp": "Carp swim in the deep pond behind the mill.",
    "mill": "In the deep pond behind the mill swim seven old carp.",
    "reeds": "Behind the mill, reeds grow in the deep water where the old ones swim.",
    "bank": "The bank opens at nine and closes at noon.",
    "soup": "Soup costs four crowns on Sundays.",
}


@pytest.fixture
def ponds(tmp_path, embedder):
    with rag.open_index(tmp_path / "ponds", create=True, embedder=embedder) as index:
        add_documents([Document(text, name, "") for name, text in PONDS.items()], index=index)
        yield index


def ranking(question, index):
    dense, keyword = candidates(question, index=index)
    return hybrid(question, dense, keyword, index=index)


def test_a_passage_like_the_first_gains_on_an_unlike_one(tmp_path, embedder):
    texts = {
        "first": "carp pond mill weir",
        "second": "carp pond mill dam",
        "like": "pond mill reeds",
        "unlike": "soup crowns rye",
    }
    with rag.open_index(tmp_path / "four", create=True, embedder=embedder) as index:
        add_documents([Document(text, name, "") for name, text in texts.items()], index=index)
        dense, keyword = candidates("Where is the carp?", index=index)
        names = {hit.chunk: hit.source for hit in index.hits(dense)}
        drawn = hybrid("Where is the carp?", dense, keyword, index=index, weights=Weights(likeness=0.5))
        before = {names[chunk]: score for chunk, score in weighted_sum(dense, keyword)}
        after = {names[chunk]: score for chunk, score in drawn}
    assert after["like"] - after["unlike"] > before["like"] - before["unlike"] + 0.1
    assert min(after["first"], after["second"]) > after["like"]


def test_every_candidate_is_ranked_once_from_0_to_1(ponds):
    for question in ("Where do carp swim?", "Karpfen", "soup bank carp"):
        dense, keyword = candidates(question, index=ponds)
        ranked = hybrid(question, dense, keyword, index=ponds)
        assert sorted(chunk for chunk, _ in ranked) == sorted({chunk for chunk, _ in (*dense, *keyword)})
        assert all(0 <= score <= 1 for _, score in ranked)
        assert [score for _, score in ranked] == sorted((score for _, score in ranked), reverse=True)


def test_copies_of_a_text_keep_the_order_in_which_they_came(tmp_path, embedder):
    with rag.open_index(tmp_path / "copies", create=True, embedder=embedder) as index:
        add_documents([Document(PONDS["carp"], f"{number:02}", "") for number in range(40)], index=index)
        assert [hit.source for hit in rag.search("Where do carp swim?", index=index, k=40)] == [f"{n:02}" for n in range(40)]


def test_nothing_to_rank_is_ranked_as_nothing(ponds):
    assert hybrid("Where?", [], [], index=ponds) == []


def test_passages_removed_meanwhile_stay_ranked(ponds):
    question = "Where do carp swim?"
    dense, keyword = candidates(question, index=ponds)
    for source in PONDS:
        ponds.catalog.remove_document(source)
    assert {chunk for chunk, _ in hybrid(question, dense, keyword, index=ponds)} == {chunk for chunk, _ in dense}


def test_several_indexes_rank_as_one_that_holds_all(tmp_path, embedder, ponds):
    parts = []
    for number, names in enumerate((["carp", "bank"], ["mill", "reeds", "soup"])):
        parts.append(rag.open_index(tmp_path / str(number), create=True, embedder=embedder))
        add_documents([Document(PONDS[name], name, "") for name in names], index=parts[-1])
    both = Indexes(parts)
    dense, _ = candidates("Where do carp swim?", index=both, mode="dense")
    present, vectors = both.vectors_present([chunk for chunk, _ in dense])
    assert present.tolist() == [chunk for chunk, _ in dense]
    question = embedder.embed_question("Where do carp swim?")
    assert (vectors @ question).tolist() == pytest.approx([score for _, score in dense], abs=1e-6)
    assert both.vectors_present([])[1].shape[0] == 0
    assert [hit.source for hit in both.first_hits(ranking("Where do carp swim?", both), 3)] == [
        hit.source for hit in rag.search("Where do carp swim?", index=ponds, k=3)
    ]
    for part in parts:
        part.close()


def test_passages_of_several_indexes_know_their_documents(tmp_path, embedder):
    parts = [rag.open_index(tmp_path / name, create=True, embedder=embedder) for name in ("a", "b")]
    for part in parts:
        texts = [Document(f"{PONDS['carp']}\n\n{PONDS['soup']}", "long", ""), Document(PONDS["mill"], "short", "")]
        add_documents(texts, index=part, sizes=ChunkSizes(16, 0))
    both = Indexes(parts)
    chunks = [chunk for chunk, _ in candidates("Where do carp swim?", index=both, mode="dense")[0]]
    documents = both.documents_of([*chunks, 2**41])
    assert sorted(documents) == sorted(chunks)
    assert len(chunks) > len(set(documents.values())) == 4
    parts[1].catalog.remove_document("long")
    assert len(set(both.documents_of(chunks).values())) == 3
    for part in parts:
        part.close()


def test_evidence_does_not_depend_on_k(tmp_path, embedder):
    with rag.open_index(tmp_path / "many", create=True, embedder=embedder) as index:
        add_documents([Document(f"Carp number {n} swims in pond {n % 7}.", str(n), "") for n in range(300)], index=index)
        few, many = (retrieve("Where do carp swim?", index=index, k=k) for k in (5, 250))
        assert len(many.hits) == 250
        assert len(few.near) >= CANDIDATES
        assert dict(few.near) == pytest.approx(dict(many.near))
        assert retrieve("carp", index=index, k=3, mode="keyword").near == ()


def test_a_word_of_the_title_counts_more_than_one_of_the_text(tmp_path, embedder):
    with rag.open_index(tmp_path / "titles", create=True, embedder=embedder) as index:
        texts = [Document("The carp sleeps here all day.", "a", "Pond"), Document("The pond sleeps here all day.", "b", "Carp")]
        add_documents(texts, index=index)
        assert [hit.source for hit in rag.search("carp", index=index, mode="keyword")] == ["b", "a"]


@pytest.mark.parametrize(
    ("question", "english"),
    [
        ("How tall is the tower?", True),
        ("IL-6 in mice", True),
        ("Wie hoch ist der Turm?", False),
        ("كم يبلغ ارتفاع البرج؟", False),
        ("塔有多高？", False),
        ("Halden Mills", False),
        ("", False),
    ],
)
def test_a_question_is_english_by_its_function_words(question, english):
    assert is_english(question) is english
