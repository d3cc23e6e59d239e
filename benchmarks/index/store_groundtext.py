"""groundtext's index, measured as the peers' stores are (see peers/store.py). Runs in groundtext's own environment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import rag
from benchmarks.harness.measure import ROOT
from benchmarks.index.scale_corpus import Text
from benchmarks.index.scale_index import add
from rag.index.index import Index

sys.path.append(str(ROOT / "benchmarks" / "peers"))
import store


class GivenEmbedder:
    """minilm, but `given` is every question's vector while there is one."""

    def __init__(self) -> None:
        self._minilm = rag.open_embedder("minilm")
        self.identity = self._minilm.identity
        self.count_tokens = self._minilm.count_tokens
        self.embed_passages = self._minilm.embed_passages
        self.given: Any = None
        self._asked = 0

    def embed_question(self, text: str) -> Any:
        """Every question is embedded each time, as the peers do; a blank more makes it another one to minilm, which keeps vectors."""
        if self.given is not None:
            return self.given
        self._asked += 1
        return self._minilm.embed_question(text + " " * self._asked)


class Groundtext:
    name = "groundtext"
    modes = ("dense", "hybrid")

    def build(self, passages: Sequence[store.Passage], vectors: Any, out: Path) -> None:
        with rag.open_index(out, create=True) as index, index.writing():
            index.adopt_embedder(chunks=asdict(rag.ChunkSizes(230, 30)))
            for source, group in groupby(passages, key=lambda passage: passage.source):
                parts = list(group)
                add(index, joined(source, parts), vectors[parts[0].row : parts[-1].row + 1])
            index.refresh()

    def load_model(self) -> None:
        self._embedder = GivenEmbedder()

    def load(self, folder: Path) -> None:
        self._index = Index(folder, open_embedder=lambda _: self._embedder)
        self._index.preload()

    def embed(self, question: str) -> Any:
        return self._embedder.embed_question(question)

    def find(self, question: str, vector: Any, mode: str) -> list[int]:
        self._embedder.given = vector
        try:
            return self.search(question, mode)
        finally:
            self._embedder.given = None

    def search(self, question: str, mode: str) -> list[int]:
        """Passages were numbered from 1 when the index was built."""
        return [hit.chunk - 1 for hit in rag.search(question, index=self._index, k=store.K, mode=mode)]

    def delete(self, rows: Sequence[int]) -> None:
        (source,) = {hit.source for hit in self._index.hits([(row + 1, 0.0) for row in rows])}
        with self._index.writing():
            self._index.catalog.remove_document(source)
            self._index.refresh()

    def __len__(self) -> int:
        return len(self._index)


def joined(source: str, passages: Sequence[store.Passage]) -> Text:
    """A document of the passages, a blank line between them."""
    spans, start = [], 0
    for passage in passages:
        spans.append((start, start + len(passage.text), ""))
        start += len(passage.text) + 2
    return Text(source, "", "text/plain", "\n\n".join(passage.text for passage in passages), spans)


if __name__ == "__main__":
    store.main(Groundtext())
