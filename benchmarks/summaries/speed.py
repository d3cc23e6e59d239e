"""Speed of the chains on one vLLM server: map-reduce and refine beside LangChain's, and all map prompts sent straight.

Every contestant gets the same chunks and writes as many tokens a call. Ours is made for as many words as these hold, without being
asked for that length, since what is too short would be asked for again. The server's prefix cache is emptied before each run.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import rag
from benchmarks.answers.batch import Took, ToTheLimit, sent_straight, timed
from benchmarks.harness.measure import ROOT, note, ratios, spread
from benchmarks.harness.pages import Page, page, table
from rag.models.generators.vllm_server import WarmServer
from rag.summaries.document import Frame, plan
from rag.summaries.options import SummaryOptions
from rag.types import Document, Prompt

WORDS_A_TOKEN = 0.75

PEER = ROOT / ".bench" / "summaries-langchain" / "bin" / "python"
PEER_SCRIPT = ROOT / "benchmarks" / "peers" / "summaries_langchain.py"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: chunks of the long document; documents that are refined, and chunks of each; those of the batch.

    `tokens` are those of a chunk, `written` those of every answer.
    """

    chunks: int = 34
    refined: tuple[int, int] = (8, 4)
    batch: tuple[int, int] = (8, 17)
    tokens: int = 650
    written: int = 100
    rounds: int = 5

    @property
    def words(self) -> int:
        """Words that these tokens hold."""
        return round(self.written * WORDS_A_TOKEN)


QUICK = Size(chunks=3, refined=(2, 2), batch=(2, 2), tokens=200, written=24, rounds=1)


class Writes(ToTheLimit):
    """Writes `written` tokens whatever it is asked."""

    written = 0

    def _request(self, prompt: Prompt, sampling: rag.Sampling) -> dict[str, Any]:
        return {**super()._request(prompt, sampling), "max_tokens": self.written}


def measure(server: WarmServer, data: Path, size: Size) -> Page:
    """The page's section."""
    with Writes(server.url, api_key=server.api_key) as llm, tempfile.TemporaryDirectory() as folder:
        llm.written = size.written
        text = (data / "book_war_and_peace" / "war_and_peace.txt").read_text(encoding="utf-8")
        bench = _Bench(server, llm, text, size, Path(folder))
        return page(bench.one_document(), bench.refined_together(), bench.beside_the_engine())


class _Bench:
    def __init__(self, server: WarmServer, llm: Writes, text: str, size: Size, folder: Path) -> None:
        self.server, self.llm, self.text, self.size, self.folder = server, llm, text, size, folder

    def one_document(self) -> Page:
        documents = self.documents(1, self.size.chunks, "map-reduce")
        given = self.written_down(documents, "map-reduce")
        taken = self.in_turn(
            {
                "rag map-reduce": lambda: self.ours(documents, "map-reduce"),
                "LangChain map_reduce, invoke": lambda: self.peer(given, "map_reduce", "invoke"),
                "LangChain map_reduce, ainvoke": lambda: self.peer(given, "map_reduce", "ainvoke"),
            }
        )
        return self.section(f"### One document of {self.size.chunks} chunks, map-reduce", taken)

    def refined_together(self) -> Page:
        count, chunks = self.size.refined
        documents = self.documents(count, chunks, "refine")
        given = self.written_down(documents, "refine")
        taken = self.in_turn(
            {
                "rag refine": lambda: self.ours(documents, "refine"),
                "LangChain refine, invoke": lambda: self.peer(given, "refine", "invoke"),
                "LangChain refine, ainvoke of all at once": lambda: self.peer(given, "refine", "gather"),
            }
        )
        return self.section(f"### {count} documents of {chunks} chunks, refine", taken)

    def beside_the_engine(self) -> Page:
        count, chunks = self.size.batch
        documents = self.documents(count, chunks, "map-reduce")
        frame = self.frame("map-reduce")
        prompts = []
        for document in documents:
            planned = plan(document, frame)
            words, window = planned.budget.part_words, planned.budget.window
            asked = [frame.asking.of_piece(piece, words=words, window=window) for piece in planned.pieces]
            prompts += [Prompt("", (), messages) for messages in asked]
        taken = self.in_turn(
            {
                "rag map-reduce": lambda: self.ours(documents, "map-reduce"),
                "map prompts sent straight": lambda: asyncio.run(sent_straight(self.server, prompts, self.size.written)),
            }
        )
        return self.section(
            f"### {count} documents of {chunks} chunks beside the engine", taken, rate_of="map prompts sent straight"
        )

    def frame(self, chain: str) -> Frame:
        return Frame.of(SummaryOptions(chain=chain, piece_tokens=self.size.tokens, usual_words=self.size.words), self.llm)

    def documents(self, count: int, chunks: int, chain: str) -> list[Document]:
        """Stretches of the book, none shared by two, that are cut into so many pieces."""
        frame, found, start = self.frame(chain), [], len(self.text) // 20
        while len(found) < count:
            document = Document(self.text[start : start + chunks * self.size.tokens * 6], f"stretch {start}", "")
            end = plan(document, frame).pieces[chunks - 1].end
            found.append(Document(document.text[:end], document.source, ""))
            start += end
        return found

    def written_down(self, documents: Sequence[Document], chain: str) -> Path:
        """The chunks as the peers read them."""
        frame = self.frame(chain)
        told = [{"chunks": [piece.text for piece in plan(one, frame).pieces], "question": ""} for one in documents]
        path = self.folder / f"{chain}.json"
        path.write_text(json.dumps(told), encoding="utf-8")
        return path

    def ours(self, documents: Sequence[Document], chain: str) -> None:
        usual = partial(SummaryOptions.of, usual_words=self.size.words)
        with tempfile.TemporaryDirectory() as folder, patch.object(SummaryOptions, "of", usual):
            outcomes = list(
                rag.summarize_many(
                    documents,
                    llm=self.llm,
                    chain=chain,
                    piece_tokens=self.size.tokens,
                    calls=Path(folder) / "calls.sqlite",
                )
            )
        for one in outcomes:
            if isinstance(one, rag.FailedSummary):
                raise SystemExit(one.error)

    def peer(self, given: Path, chain: str, form: str) -> float:
        return float(
            langchain(self.server, given, chain=chain, form=form, max_tokens=self.size.written, ignore_eos=True)["seconds"]
        )

    def in_turn(self, contestants: dict[str, Callable[[], object]]) -> dict[str, list[Took]]:
        """All of them once a round, each round beginning with another one."""
        names, taken = list(contestants), {name: [] for name in contestants}
        for number in range(self.size.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                taken[name].append(timed(contestants[name], self.server, 1))
                note(f"round {number + 1}: {name} {taken[name][-1]}")
        return taken

    def section(self, title: str, taken: dict[str, list[Took]], rate_of: str = "") -> Page:
        """Ratios are taken round by round, to ours; with `rate_of`, throughput to that one's too."""
        ours = [one.seconds for one in next(iter(taken.values()))]
        rows = [
            [
                name,
                spread(one.seconds for one in runs),
                spread(ratios([one.seconds for one in runs], ours), 2),
                spread((one.rate for one in runs), 0),
                *([spread(ratios([one.rate for one in runs], [one.rate for one in taken[rate_of]]), 2)] if rate_of else []),
                runs[-1].read,
                runs[-1].written,
            ]
            for name, runs in taken.items()
        ]
        header = ["", "seconds", "times ours", "tokens/s", *(["of straight"] if rate_of else []), "tokens read", "written"]
        return page(title, table(header, rows))


def langchain(
    server: WarmServer, given: Path, *, chain: str, form: str, max_tokens: int, ignore_eos: bool = False
) -> dict[str, Any]:
    """What LangChain's chain tells of itself, in its own environment."""
    if not PEER.exists():
        raise SystemExit("LangChain is not there. Run: benchmarks/environments.sh summaries-langchain")
    command = [PEER, PEER_SCRIPT, given, "--chain", chain, "--form", form, "--url", server.url, "--model", server.name]
    command += ["--tokenizer", Path(server.model) / "tokenizer.json", "--max-tokens", max_tokens]
    done = subprocess.run(
        [*map(str, command), *(["--ignore-eos"] if ignore_eos else [])],
        env={**os.environ, "PEER_API_KEY": server.api_key},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"LangChain {chain} failed:\n{done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if ignore_eos and told["errors"]:
        raise SystemExit(f"LangChain {chain} failed: {told['errors'][0]}")
    return told
