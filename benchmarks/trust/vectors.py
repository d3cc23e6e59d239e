"""Vectors of texts, kept on disk: an experiment embeds a text once, however often it is run.

vectors = Vectors(rag.open_embedder(), Path(".bench/vectors.sqlite"))
vectors(["What is a rose?"]).shape  # (1, 384)
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from rag.models.embedders.batches import embedded_questions

if TYPE_CHECKING:
    from rag.protocols import Embedder
    from rag.protocols import Vectors as Matrix

STEP = 512


class Vectors:
    """Unit vectors of questions and sentences, shape (n, d), float32. Safe for several threads and processes."""

    def __init__(self, embedder: Embedder, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._embedder = embedder
        self._lock = Lock()
        self._connection = sqlite3.connect(path, timeout=600, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def __call__(self, texts: Sequence[str]) -> Matrix:
        with self._lock:
            return self._of(texts)

    def _of(self, texts: Sequence[str]) -> Matrix:
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16] for text in texts]
        known = self._known(set(keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        todo = list(missing.items())
        for start in range(0, len(todo), STEP):
            part = todo[start : start + STEP]
            vectors = np.asarray(embedded_questions(self._embedder, [text for _, text in part]), np.float32)
            rows = [(key, vector.astype(np.float16).tobytes()) for (key, _), vector in zip(part, vectors, strict=True)]
            with self._connection:
                self._connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
            known |= dict(rows)
        matrix = (
            np.stack([np.frombuffer(known[key], np.float16) for key in keys]).astype(np.float32) if keys else np.zeros((0, 1))
        )
        return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)

    def _known(self, keys: set[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), STEP):
            part = wanted[start : start + STEP]
            marks = ",".join("?" * len(part))
            found |= dict(self._connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", part))
        return found
