"""A reranking server with the /rerank API of Jina, Cohere and vLLM."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError
from rag.models.identity import identity_of_settings
from rag.models.servers import RefusedError, Server
from rag.text.surrogates import well_formed

if TYPE_CHECKING:
    from collections.abc import Sequence


class HttpReranker:
    """A reranker on a server. `base_url` ends before /rerank, with or without /v1. The server may cut long passages.

    reranker = HttpReranker("http://127.0.0.1:8000", "BAAI/bge-reranker-v2-m3")
    reranker.scores("How tall is the tower?", ["It is 330 m tall.", "The pond is deep."])
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        batch_size: int = 256,
        timeout: float = 120.0,
        backoff: float = 0.25,
    ) -> None:
        self._server = Server(base_url, api_key=api_key, timeout=timeout, backoff=backoff)
        self._model = model
        self._batch_size = batch_size
        self._path = "/rerank"
        self.identity = identity_of_settings(
            type(self).__name__, {"_batch_size": batch_size, "_model": model, "_path": self._path}, self._server.base_url
        )

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score for each passage, in order, on the model's own scale. Raises ModelError."""
        scores: list[float] = []
        for start in range(0, len(passages), self._batch_size):
            scores += self._request(question, passages[start : start + self._batch_size])
        return scores

    def close(self) -> None:
        """Drop the connections to the server."""
        self._server.close()

    def _request(self, question: str, passages: Sequence[str]) -> list[float]:
        payload = {
            "model": self._model,
            "query": well_formed(question),
            "documents": [well_formed(passage) for passage in passages],
        }
        answer = self._post(payload)
        try:
            rows = {int(entry["index"]): float(entry["relevance_score"]) for entry in answer["results"]}
            scores = [rows[i] for i in range(len(passages))]
        except (KeyError, TypeError, ValueError) as error:
            raise self._unusable(len(passages)) from error
        if len(rows) != len(scores) or not all(map(math.isfinite, scores)):
            raise self._unusable(len(passages))
        return scores

    def _post(self, payload: dict[str, Any]) -> Any:
        try:
            return self._server.post(self._path, payload)
        except RefusedError as refusal:
            if refusal.status != 404 or self._path != "/rerank" or self._server.base_url.endswith("/v1"):
                raise
            answer = self._server.post("/v1/rerank", payload)
            self._path = "/v1/rerank"
            return answer

    def _unusable(self, expected: int) -> ModelError:
        return ModelError(
            f"The model server at {self._server.base_url} did not send one score for each of {expected} passages. "
            f"Check that {self._model} is a reranking model, and see the server's log."
        )
