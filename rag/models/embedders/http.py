"""An embedding server with OpenAI's API, such as vLLM, llama.cpp or text-embeddings-inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import ModelError
from rag.models.embedders.batches import centre, refuse_overlong, unit
from rag.models.embedders.prefixes import prefixes_of
from rag.models.fitting import pieces
from rag.models.servers import RefusedError, Server
from rag.system.waiting import as_completed, result_of, threads
from rag.text.surrogates import well_formed
from rag.types import EmbedderIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.protocols import Vectors

CAUTIOUS_LIMIT = 512
"""The token limit that is assumed if the server does not report one."""

ROOM_FOR_A_SERVERS_PREFIX = 16
"""Tokens reserved for a prefix that the server adds to a text."""

_WORKERS = 4


class HttpEmbedder:
    """An embedder on a server. `base_url` ends before /embeddings, as in http://127.0.0.1:8000/v1.

    Opening asks the server once for its dimension. Raises ModelError if the server cannot be used. Tokens are counted by the
    server's /tokenize (vLLM). Without it, a text counts as its UTF-8 bytes, which no byte-level tokenizer exceeds. Chunks are
    then three to five times shorter than necessary, and none is cut. The limit is `max_tokens`, else the `max_model_len` of
    /models (vLLM), else CAUTIOUS_LIMIT.

    Prefixes default to those of the model's family. Some servers add prefixes themselves. `input_types` then are their names
    for questions and passages, such as ("query", "passage"). Each request has its `input_type`, and no prefix is added here.

    The weights are unknown, so the identity's revision is the model's name and the input types.

        embedder = HttpEmbedder("http://127.0.0.1:8000/v1", "BAAI/bge-small-en-v1.5")
        embedder.embed_passages(["The tower is 330 m tall."]).shape    # (1, 384)
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        question_prefix: str | None = None,
        passage_prefix: str | None = None,
        input_types: tuple[str, str] | None = None,
        max_tokens: int | None = None,
        batch_size: int = 64,
        timeout: float = 120.0,
        backoff: float = 0.25,
    ) -> None:
        self._server = Server(base_url, api_key=api_key, timeout=timeout, backoff=backoff)
        self._model = model
        self._batch_size = batch_size
        self._input_types = input_types or ("", "")
        usual = ("", "") if input_types else prefixes_of(model)
        question_prefix = usual[0] if question_prefix is None else question_prefix
        passage_prefix = usual[1] if passage_prefix is None else passage_prefix
        self._tokenize_url = f"{self._server.base_url.removesuffix('/v1')}/tokenize"
        self._dimension = 0
        self._dimension = int(self._request(["a"]).shape[1])
        counted = self._ask_count("a", special=False)
        self._exact = counted is not None
        special = max(0, (self._ask_count("a", special=True) or 0) - (counted or 0)) if self._exact else 2
        self._room = max_tokens or (self._stated_limit() or CAUTIOUS_LIMIT) - special
        if input_types:
            self._room -= ROOM_FOR_A_SERVERS_PREFIX
        self._prefix_tokens = self.count_tokens([passage_prefix])[0] + 1 if passage_prefix else 0
        self.identity = EmbedderIdentity(
            name=model,
            revision=f"{model} ({', '.join(input_types)})" if input_types else model,
            dimension=self._dimension,
            max_tokens=self._room - self._prefix_tokens,
            pooling="server",
            question_prefix=question_prefix,
            passage_prefix=passage_prefix,
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        texts = [well_formed(text) for text in texts]
        if not self._exact:
            return [len(text.encode()) for text in texts]
        with threads(_WORKERS) as pool:
            return [result_of(count) for count in [pool.submit(self._count_exactly, text) for text in texts]]

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        texts = [well_formed(text) for text in texts]
        refuse_overlong(self._counts_near_limit(texts), self.identity.max_tokens, model=self.identity.name)
        prefixed = [self.identity.passage_prefix + text for text in texts]
        vectors = np.zeros((len(texts), self.identity.dimension), np.float32)
        with threads(_WORKERS) as pool:
            running = {pool.submit(self._request, [prefixed[i] for i in batch]): batch for batch in self._batches(prefixed)}
            for done in as_completed(running):
                vectors[running[done]] = done.result()
                if on_progress:
                    on_progress(len(running[done]))
        return vectors

    def embed_question(self, text: str) -> Vectors:
        prefix = self.identity.question_prefix
        parts = pieces(well_formed(text), lambda piece: self._counts_near_limit([prefix + piece])[0] <= self._room)
        return centre(self._request([prefix + part for part in parts], as_question=True))

    def close(self) -> None:
        """Drop the connections to the server."""
        self._server.close()

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Batches of similar lengths, so that the server pads little, with at most `batch_size` texts."""
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        for start in range(0, len(order), self._batch_size):
            yield order[start : start + self._batch_size]

    def _request(self, texts: Sequence[str], *, as_question: bool = False) -> Vectors:
        payload = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        if kind := self._input_types[0 if as_question else 1]:
            payload["input_type"] = kind
        answer = self._server.post("/embeddings", payload)
        try:
            rows = {int(entry["index"]): entry["embedding"] for entry in answer["data"]}
            vectors = np.array([rows.pop(i) for i in range(len(texts))], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise self._unusable(f"did not send one vector for each of {len(texts)} texts") from error
        if rows or vectors.ndim != 2 or self._dimension not in {0, vectors.shape[1]}:
            raise self._unusable(f"sent vectors of shape {vectors.shape} for {len(texts)} texts")
        if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
            raise self._unusable("sent a vector of zeros or of numbers that are not finite")
        return unit(vectors)

    def _unusable(self, problem: str) -> ModelError:
        return ModelError(
            f"The model server at {self._server.base_url} {problem}. Check that {self._model} is an embedding model, and see "
            "the server's log."
        )

    def _counts_near_limit(self, texts: Sequence[str]) -> list[int]:
        """Token counts of texts near the limit. For shorter texts, the bytes, which are an upper bound."""
        counts = [len(text.encode()) for text in texts]
        doubtful = [i for i, count in enumerate(counts) if count > self._room - self._prefix_tokens]
        for i, count in zip(doubtful, self.count_tokens([texts[i] for i in doubtful]), strict=True):
            counts[i] = count
        return counts

    def _count_exactly(self, text: str) -> int:
        count = self._ask_count(text, special=False)
        if count is None:
            raise ModelError(f"{self._tokenize_url} stopped counting tokens. Check the model server and its log.")
        return count

    def _ask_count(self, text: str, *, special: bool) -> int | None:
        """The server's count, or None if it cannot count."""
        payload = {"model": self._model, "prompt": text, "add_special_tokens": special}
        try:
            answer = self._server.post(self._tokenize_url, payload)
        except RefusedError:
            self._server.close()  # simple servers leave the refused body unread, and would read it as the next request
            return None
        count = answer.get("count") if isinstance(answer, dict) else None
        return count if isinstance(count, int) else None

    def _stated_limit(self) -> int | None:
        try:
            listed: Any = self._server.get("/models")
        except RefusedError:
            return None
        entries = listed.get("data", []) if isinstance(listed, dict) else []
        stated = [e.get("max_model_len") for e in entries if isinstance(e, dict) and e.get("id") == self._model]
        return next((limit for limit in stated if isinstance(limit, int)), None)
