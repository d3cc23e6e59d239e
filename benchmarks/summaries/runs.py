"""Whole runs of `rag summarize`: a very long book, and a batch that is killed in the middle and resumed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answers.batch import counted, forget
from benchmarks.harness.measure import ROOT, figure, note, run_process
from benchmarks.harness.pages import Page, page, table
from rag.models.generators.vllm_server import WarmServer

COMMAND = (sys.executable, str(ROOT / "cli.py"), "summarize")


@dataclass(frozen=True, slots=True)
class Size:
    """Characters of the book (None for all), documents of the batch and characters of each, tokens of a piece."""

    book: int | None = None
    documents: int = 20
    characters: int = 40_000
    tokens: int = 1000


QUICK = Size(book=6000, documents=3, characters=2000, tokens=300)


def war_and_peace(server: WarmServer, data: Path, size: Size) -> Page:
    """The book from the command line: what it costs, and how much memory the process takes."""
    text = (data / "book_war_and_peace" / "war_and_peace.txt").read_text(encoding="utf-8")[: size.book]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "war_and_peace.txt"
        path.write_text(text, encoding="utf-8")
        before = counted(server)
        ran = run_process(
            [*COMMAND, path, *_places(server, Path(folder)), "--words", "500", "--json"], environment=_key(server)
        )
        read, written, known = (now - then for now, then in zip(counted(server), before, strict=True))
    told = ran.json
    deepest = max((citation["end"] for citation in told["citations"]), default=0)
    rows = [
        ("words of the book", figure(len(text.split()))),
        ("chain, levels", f"{told['chain']}, {told['levels']}"),
        ("calls", figure(told["calls"])),
        ("tokens read", figure(read)),
        ("– known from earlier prompts", figure(100 * known / max(1, read), 0, " %")),
        ("tokens written", figure(written)),
        ("seconds", figure(ran.wall)),
        ("tokens a second", figure((read + written) / ran.wall)),
        ("seconds of processor in `rag`", figure(ran.cpu)),
        ("largest process, MB", figure(ran.peak_mb)),
        ("words of the summary", told["words"]),
        ("sentences", len(told["sentences"])),
        ("– supported in full, by the verifier that chose them", sum(s["support"] == "full" for s in told["sentences"])),
        ("deepest citation", figure(100 * deepest / len(text), 0, " % of the book")),
    ]
    notes = "\n".join(f"- {note}" for note in told["notes"])
    return page("### War and Peace", table(("", ""), rows), f"> {told['summary']}", notes)


def killed_and_resumed(server: WarmServer, data: Path, size: Size) -> Page:
    """A batch run once undisturbed, and once killed when half of its calls were finished."""
    text = (data / "book_war_and_peace" / "war_and_peace.txt").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "documents").mkdir()
        for number in range(size.documents):
            start = 100_000 + number * size.characters
            (folder / "documents" / f"{number:03}.txt").write_text(text[start : start + size.characters], encoding="utf-8")
        undisturbed = _timed(server, folder, "undisturbed", size)
        killed = _timed(server, folder, "killed", size, kill_at=undisturbed["calls"] // 2)
        resumed = _timed(server, folder, "killed", size)
        same = sum(_quotes(path) == _quotes(folder / "killed" / path.name) for path in (folder / "undisturbed").glob("*.md"))
    both = {name: killed[name] + resumed[name] for name in ("finished", "written", "seconds")}
    rows = [
        ("undisturbed", undisturbed["finished"], undisturbed["written"], figure(undisturbed["seconds"], 1)),
        ("until the kill", killed["finished"], killed["written"], figure(killed["seconds"], 1)),
        ("resumed", resumed["finished"], resumed["written"], figure(resumed["seconds"], 1)),
        ("both, times undisturbed", *(figure(both[name] / max(1e-9, undisturbed[name]), 3) for name in both)),
    ]
    header = ("", "calls that the server finished", "tokens written", "seconds")
    told = f"{same} of {size.documents} summaries cite the same words as in the undisturbed run."
    return page(f"### {size.documents} documents, killed (SIGKILL) in the middle and resumed", table(header, rows), told)


def _timed(server: WarmServer, folder: Path, name: str, size: Size, *, kill_at: int = 0) -> dict[str, float]:
    forget(server)
    calls = folder / f"{name}.sqlite"
    command = [*COMMAND, folder / "documents", "--output", folder / name, "--calls", calls, "--llm", server.spec]
    command += ["--piece-tokens", str(size.tokens), "--words", "60"]
    before, finished, started = counted(server), _finished(server), time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), env={**os.environ, **_key(server)}, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (kill_at and _kept(calls) >= kill_at):
        time.sleep(0.02)
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    if not kill_at and process.returncode:
        raise SystemExit(said)
    seconds = time.perf_counter() - started
    _wait_until_idle(server)
    note(f"{name}: {said.strip()[-300:]}")
    return {
        "finished": _finished(server) - finished,
        "written": counted(server)[1] - before[1],
        "seconds": seconds,
        "calls": _kept(calls),
    }


def _places(server: WarmServer, folder: Path) -> list[str]:
    return ["--calls", str(folder / "calls.sqlite"), "--llm", server.spec]


def _key(server: WarmServer) -> dict[str, str]:
    return {"RAG_API_KEY": server.api_key}


def _kept(path: Path) -> int:
    """Finished calls in the file so far."""
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM calls").fetchone()[0])
    except sqlite3.Error:
        return 0


def _metric(server: WarmServer, name: str, **labels: str) -> float:
    lines = (server.get("/metrics") or b"").decode().splitlines()
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}{{") and all(w in line for w in wanted)
    )


def _finished(server: WarmServer) -> int:
    """Answers that ended by themselves or at their limit; those that were broken off are not among them."""
    return round(sum(_metric(server, "request_success_total", finished_reason=reason) for reason in ("stop", "length")))


def _wait_until_idle(server: WarmServer) -> None:
    while _metric(server, "num_requests_running") + _metric(server, "num_requests_waiting"):
        time.sleep(0.1)


def _quotes(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("- [")] if path.exists() else []
