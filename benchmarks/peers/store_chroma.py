"""Chroma in the process, as its guide shows it: a persistent client, a collection by cosine, vectors passed in. No telemetry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import store
from peer import model_folder, prepare_process


class Chroma:
    name = "Chroma"
    modes = ("dense",)

    def _client(self, folder: Path) -> Any:
        import chromadb

        return chromadb.PersistentClient(path=str(folder), settings=chromadb.Settings(anonymized_telemetry=False))

    def build(self, passages: Sequence[store.Passage], vectors: Any, out: Path) -> None:
        client = self._client(out)
        collection = client.create_collection("passages", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
        size = client.get_max_batch_size()
        for first in range(0, len(passages), size):
            batch = passages[first : first + size]
            collection.add(
                ids=[str(passage.row) for passage in batch],
                embeddings=vectors[first : first + size],
                documents=[passage.text for passage in batch],
                metadatas=[{"source": passage.source} for passage in batch],
            )

    def load_model(self) -> None:
        import chromadb  # noqa: F401  for build and load, which come later
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(model_folder(), device="cpu")

    def load(self, folder: Path) -> None:
        self._collection = self._client(folder).get_collection("passages", embedding_function=None)

    def embed(self, question: str) -> Any:
        return self._model.encode([question], normalize_embeddings=True)[0]

    def find(self, question: str, vector: Any, mode: str) -> list[int]:
        found = self._collection.query(query_embeddings=[vector], n_results=store.K)
        return [int(name) for name in found["ids"][0]]

    def search(self, question: str, mode: str) -> list[int]:
        return self.find(question, self.embed(question), mode)

    def delete(self, rows: Sequence[int]) -> None:
        self._collection.delete(ids=[str(row) for row in rows])

    def __len__(self) -> int:
        return int(self._collection.count())


if __name__ == "__main__":
    prepare_process()
    store.main(Chroma())
