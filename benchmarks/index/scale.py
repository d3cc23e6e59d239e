"""One index from ten thousand to a million passages: search, memory, opening, changes, disk, at each size.

    python -m benchmarks.index.scale --chunks 1000000 --plot search.svg
    python -m benchmarks.index.scale --chunks 20000          # in a minute or two

Runs in groundtext's own environment. The index grows in place, .bench/scale-index; every measurement is a fresh process.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.contestants import as_module
from benchmarks.harness.corpus import BENCH
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import figure, machine_facts, note, run_process, spread
from benchmarks.harness.pages import Page, Table, page, publish, table
from benchmarks.harness.plot import growth, log_plot
from benchmarks.index.scale_corpus import SCALE, scale_corpus

INDEX = BENCH / "scale-index"
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
PARTS = ("catalog.sqlite", "vectors", "keywords")
OPENINGS = 3
OPENED = {"warm": (), "cold": ("--cold",), "first on this machine": ("--unknown",)}
Measured = Mapping[str, Any]


def measure(index: Path, chunks: int, corpus: Path) -> Measured:
    """All that is measured at one size."""
    result: dict[str, Any] = {"grown": script("index/scale_index.py", index, "--chunks", str(chunks), "--corpus", corpus)}
    note(f"{result['grown']}")
    result["open"] = {
        name: [script("index/scale_open.py", index, *options) for _ in range(OPENINGS)] for name, options in OPENED.items()
    }
    result["search"] = script("index/scale_search.py", index, "--corpus", corpus)
    note(f"{result['search']['passages']:,} passages: {result['search']['search']} {result['search']['recall']}")
    result["disk"] = {part: disk_mb(index / part) for part in PARTS}
    result["change"] = script("index/scale_change.py", index, "--corpus", corpus)
    return result


def script(name: str, *options: str | Path) -> Any:
    return run_process([sys.executable, *as_module(name), *options]).json


def disk_mb(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


# tables


def columns(title: str, results: Sequence[Measured], rows: Mapping[str, Any]) -> Table:
    """A table with a column for each size; `rows` has a function of one size's measurements for each row."""
    sizes = [f"{result['search']['passages']:,}" for result in results]
    return table((title, *sizes), [(name, *map(row, results)) for name, row in rows.items()])


def times(values: Mapping[str, float]) -> tuple[Figure, Figure]:
    return figure(values["p50"], 1), figure(values["p95"], 1)


def search_table(results: Sequence[Measured]) -> Table:
    rows = {
        f"{mode}, whole": (lambda result, mode=mode: times(result["search"]["search"][mode]))
        for mode in results[0]["search"]["search"]
    }
    rows |= {
        f"– {part}": (lambda result, part=part: times(result["search"]["parts"][part]))
        for part in results[0]["search"]["parts"]
    }
    rows |= {
        name: (lambda result, name=name: figure(result["search"]["recall"][name], 4)) for name in results[0]["search"]["recall"]
    }
    return columns("p50 / p95, ms", results, rows)


def filter_table(results: Sequence[Measured]) -> Table:
    rows = {}
    for name in results[0]["search"]["filtered"]:
        rows[f"**{name}**, passages"] = lambda result, name=name: figure(result["search"]["filtered"][name]["passages"])
        rows[f"{name}, choosing them, once"] = lambda result, name=name: figure(
            result["search"]["filtered"][name]["choosing"], 1
        )
        for mode in ("hybrid", "dense", "keyword"):
            rows[f"{name}, {mode}"] = lambda result, name=name, mode=mode: times(result["search"]["filtered"][name][mode])
    rows["searches that found too few"] = lambda result: sum(each["too few"] for each in result["search"]["filtered"].values())
    return columns("p50 / p95, ms", results, rows)


def upkeep_table(results: Sequence[Measured]) -> Table:
    def opened(result: Measured, how: str) -> Figure:
        return spread((run["open"] for run in result["open"][how]), 2)

    rows = {f"open, {how}, s": (lambda result, how=how: opened(result, how)) for how in OPENED}
    rows |= {
        "then the first search, model and all, s": lambda r: spread((run["first search"] for run in r["open"]["warm"]), 2),
        "memory after the questions, MB": lambda r: figure(r["search"]["memory"]["VmRSS"]),
        "– of it files, which Linux may take back": lambda r: figure(r["search"]["memory"]["RssFile"]),
        "– Python and packages before the index": lambda r: figure(r["search"]["memory"]["before"]),
        "100 documents added beyond embedding, s": lambda r: figure(r["change"]["added"], 2),
        "– of it counting tokens to split them, s": lambda r: figure(r["change"]["counting tokens"], 2),
        "– passages in them": lambda r: figure(r["change"]["passages"]),
        "– then the first search of an open reader, s": lambda r: figure(r["change"]["first search of an open reader"], 2),
        "one document removed, s": lambda r: spread(r["change"]["removed one"], 2),
        "– the other 95, s": lambda r: figure(r["change"]["removed the rest"], 2),
        "peak memory of these changes, MB": lambda r: figure(r["change"]["peak_mb"]),
    }
    rows |= {f"disk, {part}, MB": (lambda result, part=part: figure(result["disk"][part])) for part in PARTS}
    rows["loaded with given vectors, passages a second"] = lambda r: figure(loading_speed(r))
    return columns("", results, rows)


def loading_speed(result: Measured) -> float:
    grown = result["grown"]
    return grown["added"] / max(grown["commit"] + grown["refresh"], 1e-9)


def cosine_table(corpus: Path) -> Table:
    told = json.loads((corpus / "facts.json").read_text(encoding="utf-8"))["cosines"]
    names = list(next(iter(told.values())))
    rows = [(name, *(figure(part[name], 0 if name == "passages" else 3) for part in told.values())) for name in names]
    return table(("cosines", *told), rows)


def growth_line(results: Sequence[Measured]) -> str:
    if len(results) < 2:
        return ""
    told = ", ".join(f"{name} n^{growth(points):.2f}" for name, points in curves(results).items())
    return f"Growth from {results[0]['search']['passages']:,} to {results[-1]['search']['passages']:,} passages: {told}."


def curves(results: Sequence[Measured]) -> dict[str, list[tuple[float, float]]]:
    """What is plotted: milliseconds against passages."""
    found = {}
    for name, group, key in (
        ("hybrid p95", "search", "hybrid"),
        ("hybrid", "search", "hybrid"),
        ("dense part", "parts", "dense search"),
        ("keyword part", "parts", "keyword search"),
    ):
        percentile = "p95" if name.endswith("p95") else "p50"
        found[name] = [(r["search"]["passages"], r["search"][group][key][percentile]) for r in results]
    return found


def result(results: Sequence[Measured], corpus: Path, facts: str, plot: str) -> Page:
    told = json.loads((corpus / "facts.json").read_text(encoding="utf-8"))
    real = sum(told["real"].values())
    intro = (
        f"The first {real:,} passages are real, with vectors of the packaged model ({', '.join(told['real'])}); the rest is drawn "
        "around them (benchmarks/index/drawn_passages.py). Documents have about 20 passages. One index grows from size to size; every "
        f"measurement is a fresh process; {results[0]['search']['questions']} real questions, ten hits, the question's embedding "
        "included in whole searches."
    )
    sections: list[str | Table] = ["## Scale", intro, facts, "### Search", search_table(results), growth_line(results), plot]
    sections += ["### Among passages that a filter leaves", filter_table(results)]
    sections += ["### Opening, memory, changes, disk", upkeep_table(results)]
    sections += ["### How near the drawn passages are", cosine_table(corpus)]
    return page(*sections)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=SIZES[-1], metavar="N", help="the largest size")
    parser.add_argument("--corpus", type=Path, default=SCALE, metavar="DIR")
    parser.add_argument("--index", type=Path, default=INDEX, metavar="DIR", help="made anew")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the search times, as an SVG")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    facts = machine_facts({"groundtext": Path(sys.executable)})
    corpus = scale_corpus(arguments.chunks, folder=arguments.corpus)
    shutil.rmtree(arguments.index, ignore_errors=True)
    sizes = [*(size for size in SIZES if size < arguments.chunks), arguments.chunks]
    results = [measure(arguments.index, size, corpus) for size in sizes]
    (arguments.index.parent / f"{arguments.index.name}.json").write_text(json.dumps(results), encoding="utf-8")
    plot = ""
    if arguments.plot:
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        drawn = log_plot("One index, warm, 600 questions", "passages", "milliseconds", curves(results))
        arguments.plot.write_text(drawn, encoding="utf-8")
        plot = f"![Search times against passages]({arguments.plot.name})"
    publish(result(results, corpus, facts, plot), arguments.output)


if __name__ == "__main__":
    main()
