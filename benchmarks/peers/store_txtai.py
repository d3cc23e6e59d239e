"""txtai with vectors that were made elsewhere (its "external" vectors) and its own model's for questions.

`--hybrid` anywhere on the command line also keeps its BM25 index, which its `search` then always uses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import store
from peer import model_folder, prepare_process


class Txtai:
    def __init__(self, *, hybrid: bool) -> None:
        self.name = "txtai, hybrid" if hybrid else "txtai"
        self.modes = ("hybrid",) if hybrid else ("dense",)
        self._hybrid = hybrid
        self._given: Any = None

    def build(self, passages: Sequence[store.Passage], vectors: Any, out: Path) -> None:
        from txtai import Embeddings

        rows: Iterator[Any] = iter(vectors)
        embeddings = Embeddings(
            transform=_function(lambda texts: [next(rows) for _ in texts]), content=True, hybrid=self._hybrid
        )
        embeddings.index((str(passage.row), passage.text) for passage in passages)
        embeddings.save(str(out))

    def load_model(self) -> None:
        import txtai  # noqa: F401  for build and load, which come later
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(model_folder(), device="cpu")

    def load(self, folder: Path) -> None:
        from txtai import Embeddings

        self._folder = str(folder)
        self._embeddings = Embeddings()
        self._embeddings.load(self._folder, config={"transform": _function(self._vectors_of)})

    def _vectors_of(self, texts: Sequence[str]) -> Any:
        return [self._given] if self._given is not None else self._model.encode(list(texts), normalize_embeddings=True)

    def embed(self, question: str) -> Any:
        return self._model.encode([question], normalize_embeddings=True)[0]

    def find(self, question: str, vector: Any, mode: str) -> list[int]:
        self._given = vector
        try:
            return self.search(question, mode)
        finally:
            self._given = None

    def search(self, question: str, mode: str) -> list[int]:
        return [int(hit["id"]) for hit in self._embeddings.search(question, store.K)]

    def delete(self, rows: Sequence[int]) -> None:
        self._embeddings.delete([str(row) for row in rows])
        self._embeddings.save(self._folder)

    def __len__(self) -> int:
        return int(self._embeddings.count())


def _function(call: Callable[[Sequence[str]], Any]) -> Callable[[Sequence[str]], Any]:
    """txtai calls functions and makes objects of anything else."""
    return lambda texts: call(texts)


if __name__ == "__main__":
    prepare_process()
    hybrid = "--hybrid" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--hybrid"]
    store.main(Txtai(hybrid=hybrid))
