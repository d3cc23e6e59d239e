"""The contract of a source of documents."""

from __future__ import annotations

import pytest

from rag.errors import DocumentError
from rag.protocols import Source


class SourceContract:
    """Subclass it, name the class Test…, and give it a fixture `source` that holds at least one item."""

    def test_it_lists_its_items_once_each_and_again(self, source: Source) -> None:
        assert isinstance(source, Source)
        items = list(source.items())
        assert items
        assert len(items) == len(set(items))
        assert sorted(source.items()) == sorted(items)

    def test_every_item_can_be_read_and_keeps_its_version(self, source: Source) -> None:
        for item in source.items():
            before = source.version(item)
            assert isinstance(source.read(item), bytes)
            assert source.version(item) == before

    def test_an_item_that_is_not_there_is_an_error_of_the_document(self, source: Source) -> None:
        with pytest.raises(DocumentError):
            source.read("an item that is not there")
