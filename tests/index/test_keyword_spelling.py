"""An index with words spelled by an older version gets new words, without embedding."""

from __future__ import annotations

import pytest

import rag
from rag.index import keywords
from rag.index.stamped import read_stamped


@pytest.fixture
def old_index(tmp_path, folder, embedder, monkeypatch):
    """An index of the older spelling, with an Arabic word that only its stem finds."""
    (folder / "school.txt").write_text("افتتحت المدرسة الجديدة", encoding="utf-8")
    with monkeypatch.context() as older:
        older.setattr(keywords, "SPELLING", "words")
        older.setattr(keywords, "spelled", lambda text: text)
        with rag.open_index(tmp_path / "index", create=True, embedder=embedder) as index:
            rag.sync([folder], index=index)
            assert rag.search("مدرسة", index=index, mode="keyword") == []
    embedder.embedded.clear()
    return tmp_path / "index"


def found(index):
    return [hit.title for hit in rag.search("مدرسة", index=index, mode="keyword")]


def test_the_first_search_respells_the_words_and_embeds_nothing(old_index, embedder):
    stamp = read_stamped(old_index / keywords.STAMP)
    with rag.open_index(old_index, embedder=embedder) as index:
        assert found(index) == ["school"]
    assert read_stamped(old_index / keywords.STAMP) != stamp
    assert embedder.embedded == []
    with rag.open_index(old_index, embedder=embedder) as index:
        assert found(index) == ["school"]


def test_older_words_are_no_damage(old_index, embedder):
    with rag.open_index(old_index, embedder=embedder) as index:
        assert index.verify() == []
        assert found(index) == ["school"]


def test_a_change_to_the_documents_spells_all_words_anew(old_index, folder, embedder):
    (folder / "kitchen.txt").write_text("The kitchen opens at ten.", encoding="utf-8")
    with rag.open_index(old_index, embedder=embedder) as index:
        rag.sync([folder], index=index)
    with rag.open_index(old_index, embedder=embedder) as index:
        assert found(index) == ["school"]
        assert len(rag.search("roses", index=index, mode="keyword")) == 1
    assert len(embedder.embedded) == 1


def test_older_words_are_respelled_in_memory_where_read_only(old_index, embedder, monkeypatch):
    stamp = read_stamped(old_index / keywords.STAMP)
    with rag.open_index(old_index, embedder=embedder) as index:
        with index.writing():  # another writer is at work
            assert found(index) == ["school"]
        assert read_stamped(old_index / keywords.STAMP) == stamp
