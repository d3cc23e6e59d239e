"""The contract that search and answers need, on one index and on several that are searched as one."""

from __future__ import annotations

import pytest

import rag
from rag.index.several import Indexes
from rag.ingest.sync import add_documents
from rag.testing import HashEmbedder, StoreContract
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
