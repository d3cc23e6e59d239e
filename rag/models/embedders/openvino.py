"""The packaged all-MiniLM-L6-v2 on any CPU, two to five times as fast as torch and without loading it."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import ModelError
from rag.models.embedders.batches import centre, length_sorted, refuse_overlong, unit
from rag.models.embedders.openvino_graph import Graph, GraphRefusedError, openvino_core, prepared_graph
from rag.models.embedders.word_counts import WordCounts, keeps_words_apart
from rag.models.fitting import pieces
from rag.models.pretrained import packaged_minilm
from rag.text.surrogates import well_formed
from rag.types import EmbedderIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from rag.protocols import Embedder, Vectors

    Inputs = dict[str, npt.NDArray[np.int64]]
    Batch = tuple[list[int], Inputs]

MOST_KEPT = 4096
"""Cached vectors of questions and sentences. Search, evidence and the check of an answer need the same ones."""

_SLICE = 512  # passages tokenised and sorted at a time: little memory, little padding


def open_minilm() -> Embedder:
    """The embedder `minilm`. If OpenVINO fails its check, sentence-transformers runs the same model, with a warning."""
    source = packaged_minilm()
    try:
        return OpenVINOEmbedder(prepared_graph(source), name="minilm")
    except GraphRefusedError as refusal:
        warnings.warn(
            f"minilm runs on torch, which gives the same vectors but more slowly. {refusal}", RuntimeWarning, stacklevel=2
        )
    from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(str(source), device="cpu", name="minilm")


class OpenVINOEmbedder:
    """Runs an exported graph. The graph is compiled at its first use, once for single questions and once for many passages.

    `batch_tokens` limits the rows times the longest row of a batch; 1,000 to 2,000 keep a batch in the CPU's caches.
    `keep_compiled` stores the graph compiled for questions, so that the next process starts 0.2 s faster.
    """

    def __init__(self, graph: Graph, *, name: str = "", batch_tokens: int = 2048, keep_compiled: bool = True) -> None:
        from tokenizers import Tokenizer

        self.identity = EmbedderIdentity(
            name=name or graph.source.name,
            revision=graph.revision,
            dimension=graph.dimension,
            max_tokens=graph.max_tokens,
            pooling=graph.pooling,
        )
        self.precision = graph.precision
        self._graph = graph
        self._batch_tokens = batch_tokens
        self._keep_compiled = keep_compiled
        self._lock = threading.RLock()
        self._question_request: Any = None
        self._passage_model: Any = None
        self._tokenizer = Tokenizer.from_file(str(graph.source / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._word_counts = WordCounts(self._tokenizer) if keeps_words_apart(self._tokenizer) else None
        self._kept: dict[str, Vectors] = {}

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if self._word_counts is not None:
            return self._word_counts([well_formed(text) for text in texts])
        return [len(ids) for ids in self._token_ids(texts, special=False)]

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        vectors = np.zeros((len(texts), self.identity.dimension), np.float32)
        with self._lock:
            for positions, rows in self._in_flight(self._batches(texts)):
                vectors[positions] = unit(rows)
                if on_progress:
                    on_progress(len(positions))
        return vectors

    def embed_question(self, text: str) -> Vectors:
        parts = pieces(text, lambda piece: self.count_tokens([piece])[0] <= self.identity.max_tokens)
        with self._lock:
            return centre(np.stack([self._embed_one(part) for part in parts]))

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """The vectors of `embed_question`, up to rounding, in half the time: float32, shape (len(texts), dimension)."""
        if not texts:
            return np.zeros((0, self.identity.dimension), np.float32)
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._kept]
            ids = self._token_ids(new, special=True)
            longest = self.identity.max_tokens + self._tokenizer.num_special_tokens_to_add(is_pair=False)
            short = [place for place, row in enumerate(ids) if len(row) <= longest]
            for batch in length_sorted([len(ids[place]) for place in short], budget=self._batch_tokens):
                places = [short[position] for position in batch]
                for place, vector in zip(places, self._infer([ids[place] for place in places]), strict=True):
                    self._keep(new[place], vector)
        return np.stack([self.embed_question(text) for text in texts])

    def close(self) -> None:
        """Free the compiled graphs. A later call compiles them again."""
        with self._lock:
            self._question_request = self._passage_model = None

    def _embed_one(self, text: str) -> Vectors:
        if text not in self._kept:
            self._keep(text, self._infer_one(text))
        return self._kept[text]

    def _keep(self, text: str, vector: Vectors) -> None:
        if len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[text] = vector

    def _infer_one(self, text: str) -> Vectors:
        (vector,) = self._infer(self._token_ids([text], special=True))
        return np.asarray(vector, np.float32)

    def _infer(self, ids: list[list[int]]) -> Vectors:
        """The vectors of a few short texts, computed together."""
        if self._question_request is None:
            self._question_request = self._compile("LATENCY", keep=self._keep_compiled).create_infer_request()
        self._question_request.infer(_padded(ids))
        return unit(np.array(self._question_request.get_output_tensor(0).data, np.float32))

    def _in_flight(self, batches: Iterator[Batch]) -> Iterator[tuple[list[int], Vectors]]:
        """The graph's rows for each batch, in order. As many batches run at once as the CPU has streams.

        Callbacks could deadlock: OpenVINO's threads would wait for Python's lock, while the thread that frees the graph has
        the lock and waits for them.
        """
        model = self._passages()
        idle = [model.create_infer_request() for _ in range(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))]
        running: deque[tuple[list[int], Any]] = deque()

        def finish() -> tuple[list[int], Vectors]:
            positions, request = running.popleft()
            request.wait()
            rows = np.array(request.get_output_tensor(0).data, np.float32)
            idle.append(request)
            return positions, rows

        try:
            for positions, inputs in batches:
                if not idle:
                    yield finish()
                request = idle.pop()
                request.start_async(inputs)
                running.append((positions, request))
            while running:
                yield finish()
        finally:
            for _, request in running:
                request.wait()

    def _batches(self, texts: Sequence[str]) -> Iterator[Batch]:
        """Positions in `texts`, and the graph's inputs for them. Raises ModelError for a text that is too long."""
        for start in range(0, len(texts), _SLICE):
            ids = self._token_ids(texts[start : start + _SLICE], special=True)
            special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
            refuse_overlong(
                [len(row) - special for row in ids], self.identity.max_tokens, model=self.identity.name, first=start
            )
            for batch in length_sorted([len(row) for row in ids], budget=self._batch_tokens):
                yield [start + i for i in batch], _padded([ids[i] for i in batch])

    def _token_ids(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast([well_formed(text) for text in texts], add_special_tokens=special)
        return [encoding.ids for encoding in encodings]

    def _passages(self) -> Any:
        if self._passage_model is None:
            self._passage_model = self._compile("THROUGHPUT", keep=False)
        return self._passage_model

    def _compile(self, hint: str, *, keep: bool) -> Any:
        # set, since OpenVINO would otherwise choose bf16 or f16 if the CPU supports it
        settings: dict[str, Any] = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": self.precision}
        if hint == "LATENCY":  # a text takes seconds on a pinned core where a model server's threads spin
            settings["ENABLE_CPU_PINNING"] = False
        cache = {"CACHE_DIR": str(self._graph.folder / "compiled"), "CACHE_MODE": "OPTIMIZE_SPEED"} if keep else {}
        path = str(self._graph.folder / "openvino.xml")
        try:
            return openvino_core().compile_model(path, "CPU", settings | cache)
        except RuntimeError as error:
            if cache:  # the cache folder may be read-only
                return self._compile(hint, keep=False)
            raise ModelError(
                f"OpenVINO cannot compile {path}: {str(error).strip().splitlines()[-1]}. Delete {self._graph.folder}; "
                "the next start makes it again."
            ) from error


def _padded(ids: list[list[int]]) -> Inputs:
    shape = len(ids), max(map(len, ids))
    inputs = {"input_ids": np.zeros(shape, np.int64), "attention_mask": np.zeros(shape, np.int64)}
    for row, tokens in enumerate(ids):
        inputs["input_ids"][row, : len(tokens)] = tokens
        inputs["attention_mask"][row, : len(tokens)] = 1
    return inputs
