"""The contract of `Searchable`: an index, several indexes as one, and an index in memory."""

from __future__ import annotations

import pytest

import rag
from rag.chat.chat import Chat
from rag.errors import UsageError
from rag.index.several import Indexes
from rag.ingest.sync import add_documents
from rag.testing import HashEmbedder, MemoryStore, StoreContract
from rag.testing.stores import SHELF


def filled(folder, documents):
    index = rag.open_index(folder, create=True, embedder=HashEmbedder())
    add_documents(documents, index=index)
    return index


class TestIndex(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        with filled(tmp_path / "index", SHELF) as index:
            assert len(index) > len(SHELF)
            yield index


class TestIndexes(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        with filled(tmp_path / "a", SHELF[:2]) as first, filled(tmp_path / "b", SHELF[2:]) as second:
            yield Indexes([first, second])


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore(SHELF)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_a_store_that_is_no_folder_is_searched(mode):
    hits = rag.search("How many carp live in the pond?", index=MemoryStore(SHELF), mode=mode, where={"source": "*.md"})
    assert hits[0].text == SHELF[0].text


def test_a_store_that_is_no_folder_is_asked():
    answer = rag.ask("How many carp live in the pond?", index=MemoryStore(SHELF), llm="extractive")
    assert answer.citations[0].quote == "Seven carp live in the pond."


def test_answers_from_a_store_are_kept_until_its_content_changes(tmp_path):
    def asked(documents):
        new = []
        rag.ask_many(
            ["Why?"], index=MemoryStore(documents), llm="extractive", output=tmp_path / "a.jsonl", on_answer=new.append
        )
        return len(new)

    assert [asked(SHELF), asked(SHELF), asked(SHELF[1:])] == [1, 0, 1]


def test_a_folder_and_a_store_are_talked_with_as_one(tmp_path):
    with filled(tmp_path / "a", SHELF[:2]) as index, Chat(index=[index, MemoryStore(SHELF[2:])], llm="extractive") as chat:
        assert chat.ask("How many carp live in the pond?").citations[0].source == "garden/pond.md"
        assert chat.ask("What does the soup cost?").citations[0].source == "kitchen.txt"


def test_a_store_keeps_no_named_session():
    with pytest.raises(UsageError, match="session"):
        Chat(index=MemoryStore(SHELF), llm="extractive", session="mine")


def test_an_address_is_no_folder():
    with pytest.raises(UsageError, match="toy://shelf"):
        rag.open_index("toy://shelf")
