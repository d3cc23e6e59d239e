"""LangChain's FAISS store as its vector store guide shows it: from_embeddings, save_local, load_local, delete by id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import store
from peer import model_folder, prepare_process


def embeddings() -> Any:
    """The float32 torch model that sentence-transformers loads by default."""
    from langchain_huggingface import HuggingFaceEmbeddings

    return HuggingFaceEmbeddings(model_name=model_folder(), model_kwargs={"device": "cpu"})


class LangChain:
    name = "LangChain + FAISS"
    modes = ("dense",)

    def build(self, passages: Sequence[store.Passage], vectors: Any, out: Path) -> None:
        from langchain_community.vectorstores import FAISS

        FAISS.from_embeddings(
            [(passage.text, vector.tolist()) for passage, vector in zip(passages, vectors, strict=True)],
            self._model,
            metadatas=[{"row": passage.row, "source": passage.source} for passage in passages],
            ids=[str(passage.row) for passage in passages],
        ).save_local(str(out))

    def load_model(self) -> None:
        import langchain_community.vectorstores.faiss  # noqa: F401  for build and load, which come later

        self._model = embeddings()

    def load(self, folder: Path) -> None:
        from langchain_community.vectorstores import FAISS

        self._folder = folder
        # the store is a pickle that this program wrote itself
        self._store = FAISS.load_local(str(folder), self._model, allow_dangerous_deserialization=True)

    def embed(self, question: str) -> Any:
        return self._model.embed_query(question)

    def find(self, question: str, vector: Any, mode: str) -> list[int]:
        return [document.metadata["row"] for document in self._store.similarity_search_by_vector(vector, k=store.K)]

    def search(self, question: str, mode: str) -> list[int]:
        return [document.metadata["row"] for document in self._store.similarity_search(question, k=store.K)]

    def delete(self, rows: Sequence[int]) -> None:
        self._store.delete([str(row) for row in rows])
        self._store.save_local(str(self._folder))

    def __len__(self) -> int:
        return int(self._store.index.ntotal)


if __name__ == "__main__":
    prepare_process()
    store.main(LangChain())
