"""A batch of questions through one vLLM server: ours, the same prompts sent straight, LangChain's chain, LlamaIndex's engine.

    python -m benchmarks.answers.batch ../shared/data/clapnq_dev --model FOLDER --python .venv-vllm/bin/python

Every contestant gets the same passages, instructions of the same length, and writes as many tokens. Each meets a server that has
read none of the prompts before: the server's prefix cache is emptied between runs. Tokens are those that the server counts.
LangChain and LlamaIndex run in environments of their own: `benchmarks/environments.sh answers-langchain answers-llamaindex`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import rag
from benchmarks.harness.measure import ROOT, figure, machine_facts, note, ratios, spread
from benchmarks.harness.pages import Page, page, publish, table
from rag.answers.options import AskOptions
from rag.answers.question import prepare
from rag.ingest.sync import add_documents
from rag.models.generators.http import HttpGenerator
from rag.models.generators.vllm_server import WarmServer
from rag.models.generators.vllm_warm import start_server, stop_server
from rag.types import Document, Prompt

PEERS = {"LangChain": "langchain", "LlamaIndex": "llamaindex"}


@dataclass(frozen=True, slots=True)
class Took:
    """One run: seconds, and what the server counted meanwhile."""

    seconds: float
    read: int
    written: int
    known: int
    asked: int

    @property
    def each(self) -> float:
        """Seconds a question."""
        return self.seconds / self.asked

    @property
    def rate(self) -> float:
        """Tokens read and written a second."""
        return (self.read + self.written) / self.seconds


class ToTheLimit(HttpGenerator):
    """Writes until `max_tokens`, so that every contestant writes as much."""

    def _request(self, prompt: Prompt, sampling: rag.Sampling) -> dict[str, Any]:
        return {**super()._request(prompt, sampling), "ignore_eos": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path, help="a folder with corpus.jsonl and queries.jsonl")
    parser.add_argument("--model", required=True, help="for vLLM: a folder or a hub name")
    parser.add_argument("--python", help="the Python that has vLLM")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--documents", type=int, default=2000, help="how many of the collection are indexed")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--window", type=int, default=4096)
    parser.add_argument("--passages", type=int, default=rag.answers.options.PASSAGES, help="how many a prompt holds at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--one-by-one", type=int, metavar="N", help="questions for the contestants that send one at a time (all)"
    )
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    facts = machine_facts({"vLLM's": Path(arguments.python or "python3")})
    with served(arguments.model, python=arguments.python, window=arguments.window) as (server, folder):
        taken = measure(server, arguments, folder)
    publish(result(taken, arguments, facts), arguments.output)


@contextmanager
def served(model: str, *, python: str | None, window: int) -> Iterator[tuple[WarmServer, Path]]:
    """A server whose prefix cache can be emptied, and a folder, for as long as this process runs, even if it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"RAG_STATE": folder, "VLLM_SERVER_DEV_MODE": "1"}
        try:
            yield start_server(model, python=python, max_model_len=window), Path(folder)
        finally:
            stop_server()


def forget(server: WarmServer) -> None:
    """Empty the server's prefix cache."""
    httpx.post(f"http://127.0.0.1:{server.port}/reset_prefix_cache", trust_env=False).raise_for_status()


def measure(server: WarmServer, arguments: argparse.Namespace, folder: Path) -> dict[str, list[Took]]:
    """All contestants, as often as there are rounds, each round beginning with another one."""
    sampling = rag.Sampling(max_tokens=arguments.max_tokens)
    with (
        indexed(arguments.collection, arguments.documents, folder / "index") as index,
        ToTheLimit(server.url, api_key=server.api_key) as llm,
    ):
        questions, prompts = answerable(arguments, index, llm, AskOptions(k=arguments.passages, sampling=sampling))
        told = [
            {
                "question": question,
                "passages": [passage.text for passage in prompt.passages],
                "instructions": prompt.messages[0].content,
            }
            for question, prompt in zip(questions, prompts, strict=True)
        ]
        few = min(arguments.one_by_one or len(told), len(told))
        forms = {"default": (few, folder / "few.json"), "best": (len(told), folder / "all.json")}
        for count, file in forms.values():
            file.write_text(json.dumps(told[:count]), encoding="utf-8")
        contestants: dict[str, tuple[int, Callable[[], object]]] = {
            "sent straight": (len(told), lambda: asyncio.run(sent_straight(server, prompts, arguments.max_tokens))),
            "rag.ask_many": (
                len(told),
                lambda: asked_anew(questions, folder / "index", llm, sampling, arguments.passages),
            ),
            "sent straight, one by one": (
                few,
                lambda: asyncio.run(sent_straight(server, prompts[:few], arguments.max_tokens, connections=1)),
            ),
        }
        for name in arguments.peers:
            for form, (count, file) in forms.items():
                contestants[f"{name}, {form}"] = (
                    count,
                    lambda name=name, form=form, file=file: peer(name, form, server, file, arguments),
                )
        taken: dict[str, list[Took]] = {name: [] for name in contestants}
        names = list(contestants)
        for number in range(arguments.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                count, run = contestants[name]
                taken[name].append(timed(run, server, count))
                note(f"round {number + 1}: {name} {taken[name][-1]}")
    return taken


def indexed(collection: Path, most: int, folder: Path) -> rag.Index:
    """An index over the first documents of a collection."""
    rows = [json.loads(line) for line in (collection / "corpus.jsonl").open(encoding="utf-8")][:most]
    index = rag.open_index(folder, create=True)
    add_documents([Document(row["text"], row["_id"], row.get("title", "")) for row in rows], index=index)
    return index


def answerable(
    arguments: argparse.Namespace, index: rag.Index, llm: HttpGenerator, options: AskOptions
) -> tuple[list[str], list[Prompt]]:
    """The first questions that a model is asked at all, and their prompts."""
    questions, prompts = [], []
    for line in (arguments.collection / "queries.jsonl").open(encoding="utf-8"):
        question = json.loads(line)["text"]
        prompt = prepare(question, index=index, llm=llm, options=options).prompt
        if prompt is not None and question not in questions:
            questions.append(question)
            prompts.append(prompt)
        if len(questions) == arguments.questions:
            break
    return questions, prompts


def asked_anew(questions: Sequence[str], index: Path, llm: HttpGenerator, sampling: rag.Sampling, k: int) -> None:
    """Ours with all that it does: index opened, embedder loaded (it knows no question yet), passages found, answers checked."""
    with rag.open_index(index) as opened:
        answers = rag.ask_many(questions, index=opened, llm=llm, sampling=sampling, k=k)
    if failed := [answer.error for answer in answers if isinstance(answer, rag.FailedAnswer)]:
        raise SystemExit(f"{len(failed)} questions failed: {failed[0]}")


def timed(run: Callable[[], object], server: WarmServer, asked: int) -> Took:
    """The run on a server that knows no prompt yet. A contestant that times itself leaves out its imports."""
    forget(server)
    before = counted(server)
    started = time.perf_counter()
    told = run()
    seconds = told if isinstance(told, float) else time.perf_counter() - started
    read, written, known = (now - then for now, then in zip(counted(server), before, strict=True))
    return Took(seconds, read, written, known, asked)


def counted(server: WarmServer) -> tuple[int, int, int]:
    """Tokens that the server has read and written so far, and how many of those read it knew."""
    text = (server.get("/metrics") or b"").decode()

    def total(name: str) -> int:
        return round(sum(float(value) for value in re.findall(rf"^vllm:{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))

    return total("prompt_tokens_total"), total("generation_tokens_total"), total("prefix_cache_hits_total")


async def sent_straight(
    server: WarmServer, prompts: Sequence[Prompt], max_tokens: int, *, connections: int | None = None
) -> None:
    """All prompts at once, or as many as there are connections; each answer whole."""
    limits = httpx.Limits(max_connections=connections)
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with httpx.AsyncClient(headers=headers, timeout=None, limits=limits, trust_env=False) as client:

        async def one(prompt: Prompt) -> None:
            messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
            body = {"model": server.name, "messages": messages, "max_tokens": max_tokens, "temperature": 0, "ignore_eos": True}
            (await client.post(f"{server.url}/chat/completions", json=body)).raise_for_status()

        await asyncio.gather(*(one(prompt) for prompt in prompts))


def peer(name: str, form: str, server: WarmServer, given: Path, arguments: argparse.Namespace) -> float:
    """Seconds that another toolkit took, as it told itself."""
    import subprocess

    python = ROOT / ".bench" / f"answers-{PEERS[name]}" / "bin" / "python"
    script = ROOT / "benchmarks" / "peers" / f"answers_{PEERS[name]}.py"
    command = [python, script, given, "--form", form, "--url", server.url, "--model", server.name]
    done = subprocess.run(
        [*map(str, command), "--max-tokens", str(arguments.max_tokens)],
        env={**os.environ, "PEER_API_KEY": server.api_key},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def result(taken: dict[str, list[Took]], arguments: argparse.Namespace, facts: str) -> Page:
    straight = [one.rate for one in taken["sent straight"]]
    ours = [one.each for one in taken["rag.ask_many"]]
    rows = [
        (
            name,
            runs[-1].asked,
            spread((one.each for one in runs), 2),
            spread((one.rate for one in runs), 0),
            spread(ratios([one.rate for one in runs], straight), 2),
            spread(ratios([one.each for one in runs], ours), 2),
            figure(100 * sum(one.known for one in runs) / max(sum(one.read for one in runs), 1), 0, " %"),
            runs[-1].read,
            runs[-1].written,
        )
        for name, runs in taken.items()
    ]
    header = (
        "",
        "questions",
        "seconds a question",
        "tokens/s",
        "of straight",
        "times ours",
        "known before",
        "tokens read",
        "written",
    )
    told = (
        f"- Model {Path(arguments.model).name}, {arguments.max_tokens} tokens an answer, {arguments.passages} passages of "
        f"{arguments.collection.name}."
    )
    return page(f"## {arguments.questions} questions through one vLLM server", f"{facts}\n{told}", table(header, rows))


if __name__ == "__main__":
    main()
