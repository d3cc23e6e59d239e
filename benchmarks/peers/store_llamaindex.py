"""LlamaIndex with the FAISS store of its that can delete: FaissMapVectorStore, persisted with its documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import store
from peer import DIMENSION, model_folder, prepare_process


def embed_model() -> Any:
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    return HuggingFaceEmbedding(model_name=model_folder(), device="cpu")


class LlamaIndex:
    name = "LlamaIndex + FAISS"
    modes = ("dense",)

    def build(self, passages: Sequence[store.Passage], vectors: Any, out: Path) -> None:
        import faiss
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.vector_stores.faiss import FaissMapVectorStore

        nodes = [
            TextNode(id_=str(passage.row), text=passage.text, metadata={"source": passage.source}, embedding=vector.tolist())
            for passage, vector in zip(passages, vectors, strict=True)
        ]
        faiss_store = FaissMapVectorStore(faiss_index=faiss.IndexIDMap2(faiss.IndexFlatL2(DIMENSION)))
        storage = StorageContext.from_defaults(vector_store=faiss_store)
        VectorStoreIndex(nodes, storage_context=storage, embed_model=self._model).storage_context.persist(persist_dir=str(out))

    def load_model(self) -> None:
        import llama_index.vector_stores.faiss  # noqa: F401  for build and load, which come later

        self._model = embed_model()

    def load(self, folder: Path) -> None:
        from llama_index.core import StorageContext, load_index_from_storage
        from llama_index.vector_stores.faiss import FaissMapVectorStore

        self._folder = str(folder)
        faiss_store = FaissMapVectorStore.from_persist_dir(self._folder)
        storage = StorageContext.from_defaults(vector_store=faiss_store, persist_dir=self._folder)
        self._index = load_index_from_storage(storage, embed_model=self._model)
        self._retriever = self._index.as_retriever(similarity_top_k=store.K)

    def embed(self, question: str) -> Any:
        return self._model.get_query_embedding(question)

    def find(self, question: str, vector: Any, mode: str) -> list[int]:
        from llama_index.core import QueryBundle

        return [int(hit.node_id) for hit in self._retriever.retrieve(QueryBundle(question, embedding=vector))]

    def search(self, question: str, mode: str) -> list[int]:
        return [int(hit.node_id) for hit in self._retriever.retrieve(question)]

    def delete(self, rows: Sequence[int]) -> None:
        self._index.delete_nodes([str(row) for row in rows], delete_from_docstore=True)
        self._index.storage_context.persist(persist_dir=self._folder)

    def __len__(self) -> int:
        return int(self._index.vector_store.client.ntotal)


if __name__ == "__main__":
    prepare_process()
    store.main(LlamaIndex())
