"""Summaries beside those that people wrote: a cut document in one prompt, LangChain's chains, and ours, all with one model.

ROUGE says how near a summary is to the references; copying a document's first page does well at it. The cosine
of a summary's sentences and the nearest ones of the document says whether they are about what it says. Both are taken for every
contestant alike. The lexical verifier is no judge here: the pipeline chooses sentences by it, so its verdict would be circular.

What a contestant wrote is kept in .bench/summaries-quality: ours for as long as our code stays the same, what others wrote for as long as
they are given the same. So are our finished calls, which our contestants share. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path

import rag
from benchmarks.harness.corpus import BENCH
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import ROOT, digest_of, figure, note
from benchmarks.harness.pages import Cell, Page, page, table
from benchmarks.summaries.data import SETS, WORDS, Marks, Task, interval, marks
from benchmarks.summaries.speed import PEER_SCRIPT, langchain
from rag.models.generators.http import HttpGenerator
from rag.models.generators.vllm_server import WarmServer
from rag.summaries.document import Frame, plan
from rag.summaries.options import SummaryOptions
from rag.summaries.telling import telling_sentences
from rag.types import Message, Prompt

MEASURES = ("rouge1", "rouge2", "rougeL", "nearness")
TOKENS_A_WORD = 1.75
"""Room for the peers' answers: what ours have for so many words."""

INSTRUCTIONS = 256
"""Tokens that those of one prompt take at most."""

CUT_SHORT = "one prompt, document cut"
QUOTED = "sentences of the document, no model"
AT_ONCE = 8
KEPT = BENCH / "summaries-quality"


@dataclass(frozen=True, slots=True)
class Size:
    """Documents of each collection (None for all), and tokens of a chunk."""

    documents: int | None = None
    tokens: int = 2000


QUICK = Size(documents=1, tokens=1500)


def measure(server: WarmServer, data: Path, size: Size) -> Page:
    """The page's section: a table for each collection."""
    with HttpGenerator(server.url, api_key=server.api_key) as llm:
        return page(
            *(_section(name, load(data)[: size.documents], WORDS[name], server, llm, size) for name, load in SETS.items())
        )


def _section(name: str, tasks: Sequence[Task], words: int, server: WarmServer, llm: HttpGenerator, size: Size) -> Page:
    run = _Run(tasks, words, server, llm, size)
    contestants: dict[str, Callable[[], list[str]]] = {
        "rag map-reduce": lambda: run.ours(chain="map-reduce"),
        "rag map-reduce, strict": lambda: run.ours(chain="map-reduce", strict=True),
        "rag map-reduce, looking back": lambda: run.ours(chain="map-reduce", look_back=True),
        "rag refine": lambda: run.ours(chain="refine"),
        CUT_SHORT: run.cut_short,
        QUOTED: run.quoted,
        "LangChain map_reduce": lambda: run.peer("map_reduce"),
        "LangChain refine": lambda: run.peer("refine"),
    }
    found: dict[str, list[Marks]] = {}
    for contestant, summaries in contestants.items():
        found[contestant] = [marks(text, task) for text, task in zip(summaries(), tasks, strict=True)]
        note(f"{name}: {contestant} {', '.join(map(str, _means(found[contestant])))}")
    pairs = [("rag map-reduce", "LangChain map_reduce"), ("rag refine", "LangChain refine"), ("rag map-reduce", CUT_SHORT)]
    pairs += [("rag map-reduce, looking back", "rag map-reduce"), ("rag refine", "rag map-reduce"), ("rag map-reduce", QUOTED)]
    header = ("", "ROUGE-1", "ROUGE-2", "ROUGE-L", "cosine to the document", "words", "empty")
    of_two = [(f"{a} − {b}", *(_difference(found[a], found[b], measure) for measure in MEASURES)) for a, b in pairs]
    return page(
        f"### {name}: {len(tasks)} documents, {words} words asked for",
        table(header, [(contestant, *_means(all_marks)) for contestant, all_marks in found.items()]),
        "Differences, document by document, with 95 % intervals:",
        table(header[:5], of_two),
        *run.told,
    )


def _means(found: Sequence[Marks]) -> list[Cell]:
    means = [figure(statistics.fmean(getattr(one, measure) for one in found), 3) for measure in MEASURES]
    return [*means, figure(statistics.fmean(one.words for one in found)), sum(one.words == 0 for one in found)]


def _difference(a: Sequence[Marks], b: Sequence[Marks], measure: str) -> Figure:
    return interval([getattr(one, measure) - getattr(other, measure) for one, other in zip(a, b, strict=True)])


class _Run:
    """The summaries of one collection's documents by each contestant, in the documents' order."""

    def __init__(self, tasks: Sequence[Task], words: int, server: WarmServer, llm: HttpGenerator, size: Size) -> None:
        self.tasks, self.words, self.server, self.llm, self.size = tasks, words, server, llm, size
        self.calls = KEPT / "calls.sqlite"
        self.told: list[str] = []

    def kept(self, code: Iterable[Path], given: object, write: Callable[[], list[str]]) -> list[str]:
        """What was written, now or in a run before, by the same code and model out of what they were given."""
        path = KEPT / f"{digest_of(code, given, self.llm.name, self.llm.window)}.json"
        if path.exists():
            return list(json.loads(path.read_text(encoding="utf-8")))
        before = len(self.told)
        texts = write()
        if len(self.told) == before:  # what failed is tried again
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
        return texts

    def ours(self, **wishes: object) -> list[str]:
        """Documents with a question of their own are summed up each with that focus."""
        given = [(task.document.text, task.question) for task in self.tasks]
        code = [*(ROOT / "rag").rglob("*.py"), *(ROOT / "rag").rglob("*.jinja"), Path(__file__)]
        return self.kept(code, (given, self.words, self.size.tokens, wishes), lambda: self._ours(**wishes))

    def _ours(self, **wishes: object) -> list[str]:
        common = {"llm": self.llm, "words": self.words, "piece_tokens": self.size.tokens, "calls": self.calls}
        if not any(task.question for task in self.tasks):
            outcomes = list(rag.summarize_many([task.document for task in self.tasks], **common, **wishes))
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                summarize = partial(rag.summarize, **common, **wishes)
                outcomes = list(pool.map(lambda task: summarize(task.document, focus=task.question), self.tasks))
        failed = [one for one in outcomes if isinstance(one, rag.FailedSummary)]
        self.told += [f"{wishes}: {one.source} failed: {one.error}" for one in failed]
        texts = {one.source: one.plain_text for one in outcomes if isinstance(one, rag.Summary)}
        return [texts.get(task.document.source, "") for task in self.tasks]

    def cut_short(self) -> list[str]:
        """As much of a document as fits one prompt, and the rest left out."""
        most = self._most
        asked = [self._first_prompt(task, self.llm.window - most - INSTRUCTIONS) for task in self.tasks]

        def answer(messages: tuple[Message, ...]) -> str:
            return asyncio.run(self.llm.complete(Prompt("", (), messages), rag.Sampling(max_tokens=most)))[0]

        def write() -> list[str]:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                return list(pool.map(answer, asked))

        return self.kept([], (asked, most), write)

    def _first_prompt(self, task: Task, room: int) -> tuple[Message, ...]:
        options = SummaryOptions(chain="map-reduce", words=self.words, focus=task.question, piece_tokens=room)
        frame = Frame.of(options, self.llm)
        piece = plan(task.document, frame).pieces[0]
        return frame.asking.of_piece(piece, words=self.words, window=self.llm.window)

    @property
    def _most(self) -> int:
        """Tokens of an answer of the others."""
        return ceil(self.words * TOKENS_A_WORD)

    def quoted(self) -> list[str]:
        """What fills up short summaries, alone: sentences of the document, chosen without a model."""
        texts = []
        for task in self.tasks:
            text = task.document.text
            spans = telling_sentences(text, self.words, focus=task.question)
            texts.append(" ".join(" ".join(text[start:end].split()) for start, end in spans))
        return texts

    def peer(self, chain: str) -> list[str]:
        """LangChain's chain over the chunks that ours has, with as much room for answers."""
        frame = Frame.of(
            SummaryOptions(chain=chain.replace("_", "-"), words=self.words, piece_tokens=self.size.tokens), self.llm
        )
        told = [
            {"chunks": [piece.text for piece in plan(task.document, frame).pieces], "question": task.question}
            for task in self.tasks
        ]
        return self.kept([PEER_SCRIPT], (chain, told, self._most), lambda: self._peer(chain, told))

    def _peer(self, chain: str, told: Sequence[object]) -> list[str]:
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(told, file)
            file.flush()
            done = langchain(self.server, Path(file.name), chain=chain, form="gather", max_tokens=self._most)
        self.told += [f"LangChain {chain}, {len(done['errors'])} failed: {error}" for error in done["errors"][:1]]
        return list(done["texts"])
