"""Facts planted at known depths of a long document: how far down each is still found.

Every fact is a sentence with a name and a number that stand nowhere else. It is looked for in what the model wrote about the
pieces, in the words of the document that the final summary cites, and in both again with a focus on what all facts are about.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import rag
from benchmarks.harness.pages import Cell, Page, page, table
from rag.models.generators.http import HttpGenerator
from rag.models.generators.vllm_server import WarmServer
from rag.text.sentences import sentence_spans
from rag.types import Document, Prompt, Usage

SYLLABLES = "bra dor fen gal hur jin kel lom mur nab ost pir quel ras tov ul vex wim yar zeb".split()
FOCUS = "lighthouses and how many steps they have"
PARTS = {"beginning": (0.0, 1 / 3), "middle": (1 / 3, 2 / 3), "end": (2 / 3, 1.01)}


@dataclass(frozen=True, slots=True)
class Size:
    """Facts, tokens of a piece, pieces for each fact, and words of the summary."""

    facts: int = 50
    tokens: int = 1000
    pieces_a_fact: float = 1.0
    words: int = 600


QUICK = Size(facts=3, tokens=300, words=40)


@dataclass(frozen=True, slots=True)
class Fact:
    """A planted sentence, where it begins, and the two words that give it away."""

    text: str
    name: str
    number: str
    start: int
    depth: float


class Recording(HttpGenerator):
    """Remembers what was written about pieces."""

    def __init__(self, url: str, **options: object) -> None:
        super().__init__(url, **options)  # type: ignore[arg-type]
        self.about_pieces: list[str] = []

    async def complete(self, prompt: Prompt, sampling: rag.Sampling) -> tuple[str, Usage]:
        """As the generator does it."""
        text, usage = await super().complete(prompt, sampling)
        if prompt.messages[0].content.startswith("Sum up the text"):
            self.about_pieces.append(text)
        return text, usage


def measure(server: WarmServer, data: Path, size: Size) -> Page:
    """The page's section."""
    text = (data / "book_war_and_peace" / "war_and_peace.txt").read_text(encoding="utf-8")
    document, facts = planted(text, size)
    rows = [*_found(server, document, facts, size, ""), *_found(server, document, facts, size, FOCUS)]
    counts = [sum(low <= fact.depth < high for fact in facts) for low, high in PARTS.values()]
    header = ("", *(f"{name} ({count})" for name, count in zip(PARTS, counts, strict=True)), f"all ({len(facts)})")
    return page(f"### {size.facts} facts in {len(document.text.split()):,} words", table(header, rows))


def planted(text: str, size: Size) -> tuple[Document, list[Fact]]:
    """A stretch of the text with facts between its sentences, evenly from the first to the last."""
    chance = Random(6)
    begin = len(text) // 20
    host = text[begin : begin + int(size.facts * size.pieces_a_fact * size.tokens * 4.2)]
    ends = [end for _, end in sentence_spans(host)]
    parts, facts, position, length = [], [], 0, 0
    for number in range(size.facts):
        at = ends[round(number / max(1, size.facts - 1) * (len(ends) - 1))]
        name = "".join(chance.sample(SYLLABLES, 3)).capitalize()
        steps = str(chance.randrange(201, 999))
        sentence = f" The lighthouse of {name} has {steps} steps."
        parts += [host[position:at], sentence]
        start = length + at - position + 1
        facts.append(Fact(sentence.strip(), name, steps, start, number / max(1, size.facts - 1)))
        length, position = start - 1 + len(sentence), at
    document = Document("".join([*parts, host[position:]]), "planted", "")
    assert all(document.text.startswith(fact.text, fact.start) for fact in facts)
    return document, facts


def _found(server: WarmServer, document: Document, facts: Sequence[Fact], size: Size, focus: str) -> list[tuple[Cell, ...]]:
    with Recording(server.url, api_key=server.api_key) as llm, tempfile.TemporaryDirectory() as folder:
        summary = rag.summarize(
            document,
            llm=llm,
            chain="map-reduce",
            words=size.words,
            piece_tokens=size.tokens,
            focus=focus,
            calls=f"{folder}/calls.sqlite",
        )
    about_pieces = "\n".join(llm.about_pieces)
    cited = [(citation.start, citation.end) for citation in summary.citations]
    kinds = {
        "what was written about pieces": [fact.name in about_pieces and fact.number in about_pieces for fact in facts],
        "what the summary cites": [any(s < fact.start + len(fact.text) and fact.start < e for s, e in cited) for fact in facts],
        "the summary": [fact.name in summary.plain_text and fact.number in summary.plain_text for fact in facts],
    }
    told = f", with the focus “{focus}”" if focus else ""
    return [(f"{kind}{told}", *_by_depth(found, facts), sum(found)) for kind, found in kinds.items()]


def _by_depth(found: Sequence[bool], facts: Sequence[Fact]) -> list[int]:
    return [
        sum(one for one, fact in zip(found, facts, strict=True) if low <= fact.depth < high) for low, high in PARTS.values()
    ]
