"""The contract of a loader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.errors import DOCUMENT_STATUSES, DocumentError
from rag.types import Document

if TYPE_CHECKING:
    from rag.documents.families import OtherLoader


class LoaderContract:
    """Subclass it, name the class Test…, and give it a fixture `loader`, and a fixture `content` with the bytes of a file."""

    def test_suffixes_are_lower_case_with_a_dot(self, loader: OtherLoader) -> None:
        assert loader.suffixes
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in loader.suffixes)

    def test_a_file_becomes_a_document(self, loader: OtherLoader, content: bytes) -> None:
        document = self._loaded(loader, content)
        assert isinstance(document, Document)
        assert document.text.strip()
        assert document.title
        assert document.source == "folder/file"

    def test_headings_and_pages_lie_in_the_text(self, loader: OtherLoader, content: bytes) -> None:
        document = self._loaded(loader, content)
        starts = [heading.start for heading in document.headings]
        assert starts == sorted(starts)
        for heading in document.headings:  # its line may begin with a mark, such as "# "
            line = document.text[heading.start :].partition("\n")[0]
            assert heading.level >= 1
            assert heading.text.split()[0] in line
        assert all(0 <= start <= len(document.text) for start in document.page_starts)
        assert document.pages_of(0, len(document.text)) is None or document.page_starts

    def test_the_same_bytes_give_the_same_document(self, loader: OtherLoader, content: bytes) -> None:
        assert self._loaded(loader, content) == self._loaded(loader, content)

    @pytest.mark.parametrize("damage", ["half", "zeros", "noise"])
    def test_damage_gives_a_text_or_says_why_not(self, loader: OtherLoader, content: bytes, damage: str) -> None:
        damaged = {
            "half": content[: len(content) // 2],
            "zeros": b"\0" * len(content),
            "noise": bytes((byte * 7 + place) % 256 for place, byte in enumerate(content)),
        }[damage]
        refusals = []
        try:
            self._loaded(loader, damaged)
        except DocumentError as error:
            refusals.append(error)
        assert all(error.status in DOCUMENT_STATUSES and "folder/file" in str(error) for error in refusals)

    def _loaded(self, loader: OtherLoader, content: bytes) -> Document:
        return loader.load(content, source="folder/file", name=f"file{loader.suffixes[0]}")
