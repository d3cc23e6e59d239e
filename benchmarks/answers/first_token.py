"""How long after Enter `rag ask` shows its first sentence, beside the server's own time for the same prompt.

    python -m benchmarks.answers.first_token ../shared/data/clapnq_dev --model FOLDER --python .venv-vllm/bin/python

Each question starts a process of its own, as at a shell, with a vLLM server that is warm; the server's prefix cache is emptied
before each measurement. `rag ask` shows a sentence when it is written and judged, and none before one that the sources bear out.
So the first one of those is compared with the moment at which the server, sent the same prompt, has written that sentence; what
is between is what `rag ask` adds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import rag
from benchmarks.answers.batch import answerable, forget, indexed, served
from benchmarks.harness.measure import ROOT, machine_facts, note, spread
from benchmarks.harness.pages import Page, page, publish, table
from rag.answers.options import AskOptions
from rag.models.generators.http import HttpGenerator
from rag.models.generators.vllm_server import WarmServer
from rag.text.sentences import sentence_spans
from rag.types import Prompt

COMMAND = (sys.executable, str(ROOT / "cli.py"), "ask")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path, help="a folder with corpus.jsonl and queries.jsonl")
    parser.add_argument("--model", required=True, help="for vLLM: a folder or a hub name")
    parser.add_argument("--python", help="the Python that has vLLM")
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--documents", type=int, default=2000, help="how many of the collection are indexed")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--passages", type=int, default=rag.answers.options.PASSAGES, help="how many a prompt holds at most")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    facts = machine_facts({"vLLM's": Path(arguments.python or "python3")})
    with served(arguments.model, python=arguments.python, window=4096) as (server, folder):
        taken = measure(server, arguments, folder / "index")
    publish(result(taken, arguments, facts), arguments.output)


def measure(server: WarmServer, arguments: argparse.Namespace, folder: Path) -> list[tuple[float, float, float]]:
    """For each question the seconds to: our first sentence, the server's first token, and to the server having written ours."""
    options = AskOptions(k=arguments.passages, sampling=rag.Sampling(max_tokens=arguments.max_tokens, temperature=0))
    with (
        indexed(arguments.collection, arguments.documents, folder) as index,
        HttpGenerator(server.url, api_key=server.api_key) as llm,
    ):
        questions, prompts = answerable(arguments, index, llm, options)
        command = [*COMMAND, "--index", str(folder), "-k", str(arguments.passages), "--temperature", "0"]
        command += ["--max-tokens", str(arguments.max_tokens)]
        first_output([*command, questions[0]])  # files are read from the disk once
        taken = []
        for question, prompt in zip(questions, prompts, strict=True):
            forget(server)
            ours, said = first_output([*command, question])
            forget(server)
            taken.append((ours, *asyncio.run(straight(llm, prompt, options, said))))
            note(f"{question} {taken[-1]}")
    return taken


def first_output(command: list[str]) -> tuple[float, str]:
    """Seconds from the start of the process to the first text on its standard output, and all of it; the process is awaited."""
    began = time.perf_counter()
    kept = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }  # pip compiles what it installs
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=kept)
    assert process.stdout
    first = process.stdout.read(1)
    seconds = time.perf_counter() - began
    said = (first + process.stdout.read()).decode()
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, said


async def straight(llm: HttpGenerator, prompt: Prompt, options: AskOptions, said: str) -> tuple[float, float]:
    """Seconds to the first token, and to the end of the first sentence that `said` shows as borne out, or of the answer."""
    began, text, first = time.perf_counter(), "", 0.0
    said = bare(said)
    async with aclosing(llm.stream(prompt, options.sampling)) as pieces:
        async for piece in pieces:
            first = first or time.perf_counter() - began
            if isinstance(piece, str):
                text += piece
                if any(is_borne_out(bare(text[start:end]), said) for start, end in sentence_spans(text)[:-1]):
                    break
    return first, time.perf_counter() - began


def bare(text: str) -> str:
    """Letters and digits only, without markers of citations."""
    return "".join(filter(str.isalnum, re.sub(r"\[\d+\]", "", text)))


def is_borne_out(sentence: str, said: str) -> bool:
    """Whether what was said has the sentence, and not as one that no source supports."""
    _, found, after = said.partition(sentence or "\n")
    return bool(found) and not after.startswith(bare("(not supported)"))


def result(taken: list[tuple[float, float, float]], arguments: argparse.Namespace, facts: str) -> Page:
    ours, tokens, sentences = zip(*taken, strict=True)
    rows = [
        ("Enter to the first sentence of `rag ask`", spread(ours, 2)),
        ("the server, sent the same prompt: its first token", spread(tokens, 2)),
        ("the server, sent the same prompt: the end of that sentence", spread(sentences, 2)),
        ("what `rag ask` adds", spread([one - other for one, other in zip(ours, sentences, strict=True)], 2)),
    ]
    told = (
        f"- Model {Path(arguments.model).name}, {len(taken)} questions, each in a new process, {arguments.passages} passages of "
        f"{arguments.collection.name}."
    )
    return page("## From Enter to the first sentence", f"{facts}\n{told}", table(("", "seconds"), rows))


if __name__ == "__main__":
    main()
