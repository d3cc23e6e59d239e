from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.documents.chunking import embedded_text, split_text
from rag.errors import UsageError
from rag.testing.fakes import HashEmbedder
from rag.types import Document, Heading

count_tokens = HashEmbedder().count_tokens
WORDS = st.sampled_from(
    ["tower", "a", "lamp.", "Ende!", "\n", "\n\n", "日本語の文章", "です。", "，", "naïve", "🙂", "x" * 90, "  ", "- item"]
)
TEXTS = st.lists(WORDS, max_size=300).map(" ".join)


def chunks_of(text: str, *, chunk_tokens: int = 40, overlap_tokens: int = 8, **values):
    return split_text(
        Document(text, "s", "t", **values), count_tokens=count_tokens, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens
    )


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from([(40, 8), (12, 0), (30, 15), (3, 1)]))
def test_chunks_are_exact_spans_that_lose_no_word(text, sizes):
    chunks = chunks_of(text, chunk_tokens=sizes[0], overlap_tokens=sizes[1])
    covered = bytearray(len(text))
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text == chunk.text.strip()
        assert count_tokens([chunk.text])[0] <= sizes[0]
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    assert [c.start for c in chunks] == sorted(c.start for c in chunks)
    assert not "".join(sign for sign, seen in zip(text, covered, strict=True) if not seen).strip()


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_a_chunk_repeats_at_most_the_overlap_of_the_one_before(text):
    chunks = chunks_of(text)
    for before, after in pairwise(chunks):
        assert count_tokens([text[after.start : before.end]])[0] <= 8


def test_the_overlap_starts_at_a_sentence_where_one_is_in_reach():
    text = " ".join(f"Sentence number {n} is short." for n in range(60))
    chunks = chunks_of(text)
    assert len(chunks) > 5
    assert all(chunk.text.startswith("Sentence number") for chunk in chunks)
    assert all(after.start < before.end for before, after in pairwise(chunks))


def test_chinese_and_japanese_are_cut_at_their_own_sentence_ends():
    text = "これは日本語の文章です。長い文章を分割します！次の文はどうですか？" * 30
    chunks = chunks_of(text, chunk_tokens=60, overlap_tokens=10)
    assert len(chunks) > 10
    assert all(chunk.text[-1] in "。！？" for chunk in chunks)


def test_a_chunk_does_not_cross_a_heading_and_knows_its_path():
    text = "# A\n\nOne.\n\n## B\n\nTwo.\n\n## C\n\n### D\n\nThree."
    headings = tuple(Heading(m.start(), len(m[1]), m[2]) for m in re.finditer(r"^(#+) (.*)$", text, re.MULTILINE))
    chunks = chunks_of(text, headings=headings)
    assert [chunk.text.split()[-1] for chunk in chunks] == ["One.", "Two.", "Three."]
    assert [chunk.heading for chunk in chunks] == ["A", "A > B", "A > C > D"]
    assert chunks[2].text.startswith("## C\n\n### D")


def test_a_chunk_knows_all_the_pages_that_it_spans():
    text = "First page ends\n\nand the second page goes on\n\nto the third."
    starts = (0, text.index("and the"), text.index("to the third"))
    (chunk,) = chunks_of(text, page_starts=starts, page_statuses=("ok",) * 3)
    assert chunk.pages == (1, 3)
    small = chunks_of(text, chunk_tokens=6, overlap_tokens=0, page_starts=starts, page_statuses=("ok",) * 3)
    assert [chunk.pages for chunk in small] == [(1, 1), (2, 2), (3, 3)]


def test_text_without_spaces_is_cut_by_characters():
    chunks = chunks_of("x" * 50_000)
    assert max(len(chunk.text) for chunk in chunks) <= 40 * 16
    assert sum(len(chunk.text) for chunk in chunks) >= 50_000


@pytest.mark.parametrize("overlap", [-1, 21])
def test_an_overlap_over_half_of_the_chunk_is_refused(overlap):
    with pytest.raises(UsageError, match="overlap"):
        chunks_of("text", overlap_tokens=overlap)


def test_no_chunks_for_white_space():
    assert chunks_of(" \n\n\t ") == []


def test_embedded_text_is_the_whole_chunk_and_what_fits_above_it():
    (chunk,) = chunks_of("one two three", headings=(Heading(0, 1, "Chapter"),))
    assert embedded_text(chunk, "Book", count_tokens=count_tokens, max_tokens=50) == "Book > Chapter\none two three"
    assert embedded_text(chunk, "Book " * 100, count_tokens=count_tokens, max_tokens=10).endswith("\none two three")
    assert count_tokens([embedded_text(chunk, "Book " * 100, count_tokens=count_tokens, max_tokens=10)])[0] <= 10
    assert embedded_text(chunk, "Book", count_tokens=count_tokens, max_tokens=3) == "one two three"


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_chunks_with_their_titles_fit_the_packaged_embedder(text):
    from rag import open_embedder

    embedder = open_embedder("minilm")
    document = Document(text, "s", "A rather long title of a document " * 3)
    for chunk in split_text(document, count_tokens=embedder.count_tokens):
        whole = embedded_text(
            chunk, document.title, count_tokens=embedder.count_tokens, max_tokens=embedder.identity.max_tokens
        )
        assert embedder.count_tokens([whole])[0] <= 254
        assert whole.endswith(chunk.text)
