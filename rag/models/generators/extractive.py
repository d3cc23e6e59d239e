"""Answers without a model: the sentences or table rows of the sources that answer best, word for word."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from rag.models.embedders.batches import embedded_questions
from rag.sampling import check_options
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems, is_negated
from rag.types import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence

    from rag.protocols import Embedder
    from rag.sampling import Sampling
    from rag.types import Message, Passage, Prompt

SENTENCES = 3
WORTH_OF_THE_NEXT = 0.8
"""A further sentence is quoted only if it has at least this share of the best score."""

RANK_DISCOUNT = 0.05
"""What each rank of its passage costs a sentence, as a share of its score."""

READ_BY_MEANING = 8
"""How many sentences the embedder reads: those that share most words with the question."""

WITHOUT_THE_DENIAL = 0.5
"""The factor for a sentence without a denial where the question has one: a sentence on what is covered is a wrong answer to what
is not covered."""

RULE_OF_A_TABLE = re.compile(r"[\s|:+-]*-{2,}[\s|:+-]*")
"""The line below the header of a Markdown table."""


class ExtractiveGenerator:
    """Quotes the sentence or table row that answers best, and up to two more that are nearly as good.

    A sentence is good if it shares the question's rarest words and, where there is an `embedder`, is near the question in meaning.
    Sources that rank higher count a little more.
    """

    identity = "extractive"
    name = "extractive"
    window = 1_000_000
    max_sources = None
    abstains = False
    options = frozenset({"max_tokens"})
    parallel = 1

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder

    def reading_with(self, embedder: Embedder | None) -> ExtractiveGenerator:
        """A generator that compares meanings by this embedder, or this generator where it has one already."""
        return self if self._embedder is not None or embedder is None else ExtractiveGenerator(embedder)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The number of words, since there is no model. No prompt is too long."""
        return sum(len(message.content.split()) for message in messages)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[str | Usage, None]:
        """The sentences one by one, best first, up to `max_tokens` words."""
        check_options(sampling, model=self.name, able=self.options)
        room = sampling.max_tokens
        for sentence in best_sentences(prompt.question, prompt.passages, embedder=self._embedder):
            words = sentence.split()[:room]
            room -= len(words)
            if words:
                yield " ".join(words) + "\n"
        yield Usage(0, sampling.max_tokens - room)

    def close(self) -> None:
        """Nothing to free."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence or a table row, its content words, and the rank of its passage from 0."""

    text: str
    words: frozenset[str]
    rank: int


def best_sentences(question: str, passages: Sequence[Passage], *, embedder: Embedder | None = None) -> list[str]:
    """Up to three sentences or table rows, best first, each once; white space is folded.

    Example:
        >>> from rag.types import Passage
        >>> tower = Passage(1, "The tower is 34 metres tall. It was built in 1872.", "tower.txt")
        >>> best_sentences("How tall is the tower?", [tower])
        ['The tower is 34 metres tall.']
    """
    units = _first_of_each(_units(passages))
    near = _shares_of_words(question, units)
    first = sorted((unit for unit in units if near[unit.text] > 0), key=lambda unit: -near[unit.text])
    if embedder is not None and first:
        first = first[:READ_BY_MEANING]
        vectors = embedded_questions(embedder, [question, *(unit.text for unit in first)])
        for unit, cosine in zip(first, (vectors[1:] @ vectors[0]).tolist(), strict=True):
            near[unit.text] += max(cosine, 0.0)
    denied = is_negated(question)
    scores = {}
    for unit in first:
        polarity = WITHOUT_THE_DENIAL if denied and not is_negated(unit.text) else 1.0
        scores[unit.text] = near[unit.text] * polarity * (1 - RANK_DISCOUNT * min(unit.rank, 10))
    best = sorted(scores, key=lambda text: -scores[text])[:SENTENCES]
    return [text for text in best if scores[text] >= WORTH_OF_THE_NEXT * scores[best[0]]]


def _shares_of_words(question: str, units: Sequence[_Unit]) -> dict[str, float]:
    """For each text, the share (0 to 1) of the question's words that it has, weighted by how rare they are among the texts."""
    wanted = set(content_stems(question))
    frequency = Counter(word for unit in units for word in unit.words)
    rarity = {word: log(1 + len(units) / max(frequency[word], 1)) for word in wanted}
    total = sum(rarity.values()) or 1.0
    return {unit.text: sum(rarity[word] for word in wanted & unit.words) / total for unit in units}


def _units(passages: Sequence[Passage]) -> Iterator[_Unit]:
    """Sentences, and rows where the text is a table. Headings and the names of columns say nothing by themselves."""
    for rank, passage in enumerate(passages):
        for start, end in sentence_spans(passage.text):
            lines = [line for line in passage.text[start:end].splitlines() if not line.startswith("#")]
            for part in _rows(lines) if _is_table(lines) else [" ".join(lines)]:
                if text := " ".join(part.split()):
                    yield _Unit(text, frozenset(content_stems(text)), rank)


def _first_of_each(units: Iterable[_Unit]) -> list[_Unit]:
    """Each text once, where the best passage has it."""
    found: dict[str, _Unit] = {}
    for unit in units:
        found.setdefault(unit.text, unit)
    return list(found.values())


def _rows(lines: Sequence[str]) -> list[str]:
    """The rows of a table below the names of its columns, where a rule below these shows that they are names."""
    rules = [number for number, line in enumerate(lines) if RULE_OF_A_TABLE.fullmatch(line)]
    left_out = {*rules, *(number - 1 for number in rules)}
    return [line for number, line in enumerate(lines) if number not in left_out]


def _is_table(lines: Sequence[str]) -> bool:
    """Whether most lines have cells parted by bars or tabs."""
    rows = sum("|" in line or "\t" in line for line in lines)
    return len(lines) > 1 and rows > len(lines) / 2
