from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
from fakes import HashEmbedder
from hypothesis import settings

import rag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.indexes.index import Index

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

os.environ["RAG_STATE"] = mkdtemp(prefix="rag-state-")  # a developer's warm server is not to answer tests

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


class CountingEmbedder(HashEmbedder):
    """Remembers every passage that it was asked to embed."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed_passages(self, texts, *, on_progress=None):
        self.embedded += texts
        return super().embed_passages(texts, on_progress=on_progress)


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def index(tmp_path: Path, embedder: CountingEmbedder) -> Iterator[Index]:
    with rag.open_index(tmp_path / "index", create=True, embedder=embedder) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small documents about different things."""
    path = tmp_path / "documents"
    path.mkdir()
    (path / "tower.txt").write_text("The tower is 34 metres tall. It was built in 1872 by Ada Brandt.", encoding="utf-8")
    (path / "garden.md").write_text("# Garden\n\nRoses grow here.\n\n## Pond\n\nSeven carp live in the pond.", encoding="utf-8")
    (path / "kitchen.txt").write_text("The kitchen opens at noon. Soup costs 4 crowns.", encoding="utf-8")
    return path
