"""Demonstrations that a prompt shows before the question: fixed ones, or those most like the question."""

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
    """A question, the texts of its sources, and the answer that is wished for."""

    question: str
    answer: str
    sources: tuple[str, ...] = ()


class NearestExamples:
    """Chooses the `n` examples that are most like a question, the most similar one last, which is next to the question.

    By the cosine of the questions, as in Liu et al., "What Makes Good In-Context Examples for GPT-3?" (DeeLIO 2022). The
    examples are embedded when the first question comes.
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
        """How many are chosen at most, and from which."""
        return self._n, self._examples

    def of(self, question: str) -> tuple[Example, ...]:
        """At most `n` examples; of equally similar ones, those that come first."""
        asked, chosen = self._latest
        if asked != question:
            chosen = self._choose(question)
            self._latest = question, chosen
        return chosen

    def fewer(self) -> NearestExamples | None:
        """The same with one example less; None where that is none."""
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
    """The `n` examples whose questions are most like this one, the most similar last; see NearestExamples."""
    return NearestExamples(examples, embedder, n).of(question)


def load_examples(path: Path | str) -> tuple[Example, ...]:
    """The examples of a file, one JSON object a line: `{"question": …, "sources": […], "answer": …}`, sources optional.

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
