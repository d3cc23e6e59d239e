from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answers.context import distinct, merged
from rag.documents.chunking import split_text
from rag.testing.fakes import HashEmbedder
from rag.types import Document, Hit

PIECES = ("The tower is tall.", "Roses grow here!", "Carp swim", "in 1872", "塔は高い。", "–")
PARAGRAPHS = st.lists(st.lists(st.sampled_from(PIECES), min_size=1).map(" ".join), min_size=1, max_size=8)


def hit(text, *, rank=1, source="a.txt", start=0, chunk=1, pages=None, heading=""):
    return Hit(rank, 1 / rank, source, "", pages, heading, start, start + len(text), text, chunk)


def ranked(*texts):
    return [hit(text, rank=rank, source=f"{rank}.txt", chunk=rank) for rank, text in enumerate(texts, 1)]


def hits_of(document, *, tokens=12, overlap=4):
    """Every chunk of the document as a hit, ranked in the order of the text."""
    chunks = split_text(document, count_tokens=HashEmbedder().count_tokens, chunk_tokens=tokens, overlap_tokens=overlap)
    return [
        Hit(number, 1 / number, document.source, document.title, c.pages, c.heading, c.start, c.end, c.text, number)
        for number, c in enumerate(chunks, 1)
    ]


def white_space_of(*documents):
    texts = {document.source: document.text for document in documents}

    def between(first, second):
        gap = texts[first.source][first.end : second.start]
        return gap if second.chunk == first.chunk + 1 and not gap.strip() else None

    return between


def nothing_between(first, second):
    return None


@settings(deadline=None)
@given(PARAGRAPHS, PARAGRAPHS, st.randoms(), st.integers(0, 6))
def test_a_merged_passage_is_exactly_the_text_of_its_document(one, other, random, overlap):
    documents = [Document("\n\n".join(one), "one", ""), Document("\n".join(other), "other", "")]
    found = [h for document in documents for h in hits_of(document, overlap=overlap)]
    found = random.sample(found, random.randint(1, len(found)))
    found = [replace(h, rank=rank, chunk=h.chunk + 1000 * (h.source == "other")) for rank, h in enumerate(found, 1)]
    passages = merged(found, between=white_space_of(*documents))
    texts = {document.source: document.text for document in documents}
    for passage in passages:
        assert texts[passage.source][passage.start :][: len(passage.text)] == passage.text
    for h in found:
        (holder,) = [p for p in passages if p.source == h.source and p.start <= h.start <= h.end <= p.start + len(p.text)]
        assert texts[holder.source][h.start : h.end] == h.text
    assert [passage.number for passage in passages] == list(range(1, len(passages) + 1))


@settings(deadline=None)
@given(PARAGRAPHS, st.integers(0, 6))
def test_all_chunks_of_a_document_become_one_passage_again(paragraphs, overlap):
    document = Document("\n\n".join(paragraphs), "d", "")
    (passage,) = merged(hits_of(document, overlap=overlap), between=white_space_of(document))
    assert passage.text == document.text.strip()


def test_a_merged_passage_has_rank_and_chunk_of_its_best_hit():
    text = "The tower is 34 metres tall. It was built in 1872."
    first = hit(text[:40], rank=3, chunk=7, pages=(1, 1), heading="Height")
    second = hit(text[29:], rank=1, start=29, chunk=8, pages=(1, 2), heading="History")
    other = hit("Roses grow here.", rank=2, source="b.txt", chunk=2)
    one, two = merged([other, first, second], between=nothing_between)
    assert (one.number, one.text, one.start, one.pages) == (1, text, 0, (1, 2))
    assert (one.chunk, one.heading) == (8, "History")
    assert (two.number, two.text) == (2, "Roses grow here.")


def test_hits_apart_and_hits_of_different_documents_stay_apart():
    near, far = hit("The tower is tall.", chunk=1), hit("Carp swim.", start=400, chunk=5, rank=2)
    same_place = hit("The tower is tall.", source="b.txt", chunk=9, rank=3)
    assert [p.text for p in merged([near, far, same_place], between=nothing_between)] == [
        "The tower is tall.",
        "Carp swim.",
        "The tower is tall.",
    ]


def test_hits_of_two_versions_of_a_document_are_not_mixed():
    old, new = hit("The tower is 34 metres tall."), hit("40 metres tall. It leans.", start=13, chunk=9, rank=2)
    assert [p.text for p in merged([old, new], between=nothing_between)] == [old.text, new.text]


def test_copies_differ_in_name_spacing_or_case_only():
    kept = distinct(ranked("The tower is 34 metres tall.", "THE TOWER  is\n34 metres tall", "Roses grow here."), 3)
    assert [(h.rank, h.source) for h in kept] == [(1, "1.txt"), (2, "3.txt")]


def test_a_copy_that_was_split_elsewhere_is_left_out():
    words = [f"word{number}" for number in range(60)]
    texts = (" ".join(words[:35]), " ".join(words[25:]), " ".join(words[15:50]), " ".join(words[15:50]) + " and more words")
    assert [h.text for h in distinct(ranked(*texts), 5)] == [texts[0], texts[1], texts[3]]


SENTENCES = [f"Member {name} waters the {plant} in the garden every evening." for name in ("Ada", "Bo", "Cy", "Di", "Ed")
             for plant in ("roses", "beans", "hops", "limes", "vines")]  # fmt: skip
RULES = " ".join(SENTENCES)


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        (("Bo waters the hops", "Bo sprays the hops"), False),
        (("Bo waters the hops", "Bo never waters the hops"), True),
        (("every evening. Member Di", "every evening from 9. Member Di"), True),
    ],
)
def test_a_near_duplicate_stays_for_a_number_or_a_not(change, is_new):
    other = RULES.replace(*change, 1)
    assert other != RULES
    assert [h.text for h in distinct(ranked(RULES, other), 5)] == ([RULES, other] if is_new else [RULES])
    assert [h.text for h in distinct(ranked(other, RULES), 5)] == ([other, RULES] if is_new else [other])


def test_the_same_words_in_another_order_are_no_copy():
    shuffled = " ".join(reversed(SENTENCES)).replace("waters the", "and the")
    assert len(distinct(ranked(RULES, shuffled), 5)) == 2


def test_the_next_distinct_hit_takes_the_place_of_a_copy():
    texts = ["The tower is tall.", "The tower is tall.", "Roses grow here.", "Carp swim in the pond."]
    assert [h.text for h in distinct(ranked(*texts), 2)] == [texts[0], texts[2]]
    assert distinct([], 3) == []


@given(st.lists(st.text(max_size=40), max_size=12), st.integers(1, 12))
def test_the_best_hit_is_kept_and_ranks_are_renumbered(texts, n):
    kept = distinct(ranked(*texts), n)
    assert [h.rank for h in kept] == list(range(1, len(kept) + 1))
    assert [h.text for h in kept[:1]] == texts[:1]
    assert len(kept) <= n
    assert distinct(kept, n) == kept
