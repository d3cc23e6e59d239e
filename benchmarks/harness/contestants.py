"""The programs that are measured, as command lines, and the places they write to."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.corpus import BENCH, CORPORA, corpus_at_hand, text_files
from benchmarks.harness.measure import ROOT, Run, run_process

PEERS = {"llamaindex": "LlamaIndex", "langchain": "LangChain", "txtai": "txtai"}
OURS = "groundtext"
HERE = ROOT / "benchmarks"


def as_module(script: str) -> list[str]:
    """The arguments for Python that run a script of this folder, such as "ingest/speed.py", from the root of the checkout."""
    return ["-m", ".".join(("benchmarks", *Path(script).with_suffix("").parts))]


def peer_python(peer: str) -> Path:
    """The interpreter of a peer's environment. Raises SystemExit with the command that makes it."""
    python = BENCH / peer / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{python.parent.parent} is missing. Make it with: benchmarks/environments.sh {peer}")
    return python


def peer_command(peer: str, *arguments: str | Path) -> list[str | Path]:
    return [peer_python(peer), HERE / "peers" / f"{peer}.py", *arguments]


def our_python(rag: Path) -> Path:
    """The interpreter beside the `rag` command."""
    python = rag.parent / "python"
    if not python.exists() or not rag.exists():
        raise SystemExit(f"{rag} is missing. Make the environment first, or name another one with --rag.")
    return python


def index_with_peer(peer: str, corpus: Path, out: Path, *, tokens: int, overlap: int) -> Run:
    """Index into an empty folder; raises SystemExit when not every file was read."""
    shutil.rmtree(out, ignore_errors=True)
    files = text_files(corpus)
    sizes = ["--chunk-tokens", str(tokens), "--overlap-tokens", str(overlap)]
    run = run_process(peer_command(peer, "index", *files, "--out", out, *sizes))
    if run.json["files"] != len(files) or not run.json["chunks"]:
        raise SystemExit(f"{PEERS[peer]} read {run.json['files']} of {len(files)} files: {run.json}")
    return run


def index_with_ours(rag: Path, corpus: Path, out: Path, *, tokens: int, overlap: int) -> Run:
    """Index into an empty folder; raises SystemExit when not every file was read."""
    shutil.rmtree(out, ignore_errors=True)
    sizes = ["--chunk-tokens", str(tokens), "--overlap-tokens", str(overlap)]
    run = run_process([rag, "index", corpus, "--index", out, "--json", *sizes])
    if run.json["added"] != len(text_files(corpus)) or run.json["failed"]:
        raise SystemExit(f"groundtext did not read every file: {run.json}")
    return run


def export_ours(rag: Path, index: Path, out: Path) -> None:
    """Write the index's passages and vectors (see index/export.py)."""
    run_process([our_python(rag), *as_module("index/export.py"), index, out], environment={"PYTHONPATH": str(ROOT)})


def exported_characters(export: Path) -> int:
    """The length of all passages of an export together."""
    with (export / "chunks.jsonl").open(encoding="utf-8") as lines:
        return sum(len(json.loads(line)["text"]) for line in lines)


def common_arguments(description: str | None, *, rounds: int, megabytes: float | None) -> argparse.ArgumentParser:
    """The options that every benchmark takes; those that choose a corpus only where `megabytes` is a number."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, metavar="R")
    parser.add_argument("--rag", type=Path, default=ROOT / ".venv" / "bin" / "rag", metavar="PATH", help="our command")
    parser.add_argument("--chunk-tokens", type=int, default=230, metavar="N")
    parser.add_argument("--overlap-tokens", type=int, default=20, metavar="N")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the Markdown here too")
    if megabytes is not None:
        parser.add_argument("--corpus", choices=CORPORA, default=corpus_at_hand(), help="the texts to index (%(default)s)")
        parser.add_argument("--megabytes", type=float, default=megabytes, metavar="X")
    return parser


def known_names(text: str, names: Sequence[str]) -> list[str]:
    """A comma-separated list of names, in the order of `names`. Raises ArgumentTypeError for an unknown one."""
    asked = [name.strip() for name in text.split(",")]
    if unknown := [name for name in asked if name not in names]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(names)}")
    return [name for name in names if name in asked]
