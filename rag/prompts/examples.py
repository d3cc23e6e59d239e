"""Few-shot examples for prompts: fixed ones, or the nearest to each question."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import UsageError, why_unreadable
from rag.system.decode import decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.protocols import Embedder, Vectors


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the texts of its sources and the desired answer."""

    question: str
    answer: str
    sources: tuple[str, ...] = ()


class NearestExamples:
    """Chooses the `n` examples whose questions are most similar to a question. The most similar is last, next to the question.

    Similarity is the cosine of the questions, as in Liu et al., "What Makes Good In-Context Examples for GPT-3?" (DeeLIO 2022).
    The examples are embedded with the first question. Raises UsageError for `n` below 1.

        prompts = rag.Prompts(examples=NearestExamples(load_examples("examples.jsonl"), rag.open_embedder("minilm"), n=3))
    """

    def __init__(self, examples: Sequence[Example], embedder: Embedder, n: int) -> None:
        if n < 1:
            raise UsageError(f"The number of examples must be at least 1, not {n}.")
        self._examples = tuple(examples)
        self._embedder = embedder
        self._n = n
        self._vectors: Vectors | None = None
        self._latest: tuple[str, tuple[Example, ...]] = "", ()

    @property
    def choice(self) -> tuple[int, tuple[Example, ...]]:
        """`n` and all examples, for keys of saved answers."""
        return self._n, self._examples

    def of(self, question: str) -> tuple[Example, ...]:
        """At most `n` examples, the most similar last. Ties keep the order of the file."""
        asked, chosen = self._latest
        if asked != question:
            chosen = self._choose(question)
            self._latest = question, chosen
        return chosen

    def fewer(self) -> NearestExamples | None:
        """A copy that chooses one example less; None if there would be none."""
        if self._n == 1:
            return None
        fewer = NearestExamples(self._examples, self._embedder, min(self._n, len(self._examples)) - 1 or 1)
        fewer._vectors = self._vectors
        return fewer

    def _choose(self, question: str) -> tuple[Example, ...]:
        import numpy as np

        if not self._examples:
            return ()
        if self._vectors is None:
            self._vectors = np.stack([self._embedder.embed_question(example.question) for example in self._examples])
        cosines = self._vectors @ self._embedder.embed_question(question)
        best = np.argsort(-cosines, kind="stable")[: self._n]
        return tuple(self._examples[position] for position in reversed(best.tolist()))


def nearest_examples(question: str, examples: Sequence[Example], embedder: Embedder, n: int) -> tuple[Example, ...]:
    """The `n` examples whose questions are most similar to `question`, the most similar last; see NearestExamples."""
    return NearestExamples(examples, embedder, n).of(question)


def load_examples(path: Path | str) -> tuple[Example, ...]:
    """Read examples from a file of JSON lines: `{"question": …, "sources": […], "answer": …}`, sources optional.

    Raises UsageError with the line of a mistake.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The examples in {path} cannot be read: {why_unreadable(error)}.") from error
    examples = tuple(_example(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip())
    if not examples:
        raise UsageError(f"{path} holds no examples.")
    return examples


def _example(line: str, place: str) -> Example:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place} is not valid JSON: {error}.") from error
    example = decoded(record, Example, place=place, like='{"question": …, "sources": […], "answer": …}.')
    if not all(source.strip() for source in example.sources):
        raise UsageError(f"{place}: one of the 'sources' is empty.")
    return example
