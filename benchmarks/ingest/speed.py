"""Index the same folder with groundtext and its peers, whole processes, in turn; print Markdown tables.

    python -m benchmarks.ingest.speed --megabytes 1 --rounds 3
    python -m benchmarks.ingest.speed --only groundtext,langchain

Every program starts cold, reads the files, splits them, embeds the chunks with the same weights and saves its index.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.harness.contestants import (
    HERE,
    OURS,
    PEERS,
    common_arguments,
    export_ours,
    exported_characters,
    index_with_ours,
    index_with_peer,
    known_names,
    our_python,
    peer_python,
)
from benchmarks.harness.corpus import BENCH, make_corpus, text_files
from benchmarks.harness.measure import Run, interleave, machine_facts, note, ratios, run_process, spread
from benchmarks.harness.pages import Page, Table, page, publish, table

NAMES = (OURS, *PEERS)
WARM_UP_MEGABYTES = 0.02


def measure(arguments: argparse.Namespace, corpus: Path) -> tuple[dict[str, Run], dict[str, list[Run]]]:
    """A warm-up of each on a small corpus, which fills the disk's cache and compiles what is kept; then the rounds."""
    sizes = {"tokens": arguments.chunk_tokens, "overlap": arguments.overlap_tokens}

    def contestant(name: str, folder: Path) -> partial[Run]:
        out = BENCH / "indexes" / name
        if name == OURS:
            return partial(index_with_ours, arguments.rag, folder, out, **sizes)
        return partial(index_with_peer, name, folder, out, **sizes)

    small = make_corpus(arguments.corpus, WARM_UP_MEGABYTES)
    warm_ups = {}
    for name in arguments.only:
        warm_ups[name] = contestant(name, small)()
        note(f"warm-up: {name} {warm_ups[name].wall:.2f} s")
    return warm_ups, interleave({name: contestant(name, corpus) for name in arguments.only}, arguments.rounds)


def speed_table(runs: Mapping[str, Sequence[Run]]) -> Table:
    """Seconds and rates; a ratio above 1 means that groundtext is faster."""
    seconds = {name: [run.wall for run in group] for name, group in runs.items()}
    rates = {name: [run.json["chunks"] / run.wall for run in group] for name, group in runs.items()}
    header = ["", "chunks", "seconds", "chunks/s"]
    if OURS in runs:
        header += ["groundtext's chunks/s over its", "its seconds over groundtext's"]
    rows = []
    for name, group in runs.items():
        row = [PEERS.get(name, name), group[-1].json["chunks"], spread(seconds[name]), spread(rates[name])]
        if OURS in runs and name != OURS:
            row += [spread(ratios(rates[OURS], rates[name]), 2), spread(ratios(seconds[name], seconds[OURS]), 2)]
        rows.append(row + [""] * (len(header) - len(row)))
    return table(header, rows)


def cost_table(runs: Mapping[str, Sequence[Run]], characters: Mapping[str, int]) -> Table:
    """What else it took, and how long the chunks are that each splitter made."""
    rows = [
        (
            PEERS.get(name, name),
            spread(run.cpu for run in group),
            spread((run.peak_mb for run in group), 0),
            spread((run.tree_mb for run in group), 0),
            round(characters[name] / group[-1].json["chunks"]),
        )
        for name, group in runs.items()
    ]
    return table(("", "CPU seconds", "peak MB", "all its processes, MB", "characters a chunk"), rows)


def vectors_sentence(export: Path, sample: int) -> str:
    """How near our vectors are to float32 torch, computed in a peer's environment."""
    found = run_process([peer_python("langchain"), HERE / "peers" / "check_vectors.py", export, "--sample", str(sample)]).json
    return (
        f"groundtext's vectors beside float32 torch's of the same texts ({found['sample']} of them): "
        f"cosine {found['mean']:.6f} on average, {found['min']:.6f} at least."
    )


def phases(runs: Mapping[str, Sequence[Run]]) -> str:
    """Where each peer's last run spent its seconds, by its own clock (the interpreter's start and end are not in it)."""
    lines = []
    for name, group in runs.items():
        if name != OURS:
            lines.append(f"- {PEERS[name]}: " + ", ".join(f"{phase} {s:.1f}" for phase, s in group[-1].json["seconds"].items()))
    return "\n".join(["Seconds of each phase in the last round:", "", *lines]) if lines else ""


def result(arguments: argparse.Namespace) -> Page:
    """The whole page."""
    corpus = make_corpus(arguments.corpus, arguments.megabytes)
    pythons = {name: our_python(arguments.rag) if name == OURS else peer_python(name) for name in arguments.only}
    facts = machine_facts(pythons)
    if OURS in arguments.only and arguments.sample:
        peer_python("langchain")  # refused now, not after the rounds
    warm_ups, runs = measure(arguments, corpus)
    characters = {name: group[-1].json["characters"] for name, group in runs.items() if name != OURS}
    warmed = ", ".join(f"{PEERS.get(name, name)} {run.wall:.1f} s" for name, run in warm_ups.items())
    parts = [f"Not counted: one earlier run of each on {WARM_UP_MEGABYTES} MB ({warmed})."]
    if OURS in runs:
        export = BENCH / "export-index-speed"
        export_ours(arguments.rag, BENCH / "indexes" / OURS, export)
        characters[OURS] = exported_characters(export)
        if arguments.sample:
            parts.append(vectors_sentence(export, arguments.sample))
    files = text_files(corpus)
    size = sum(file.stat().st_size for file in files) / 1e6
    intro = (
        f"Corpus `{arguments.corpus}`: {size:.2f} MB of plain text in {len(files)} files; chunks of at most "
        f"{arguments.chunk_tokens} tokens, overlap {arguments.overlap_tokens}; {arguments.rounds} rounds, "
        "median [min–max]; whole processes, from start to exit."
    )
    tables = (speed_table(runs), cost_table(runs, characters))
    return page("## Index speed", intro, facts, *tables, *parts, phases(runs))


def main() -> None:
    parser = common_arguments(__doc__, rounds=3, megabytes=1.0)
    parser.add_argument(
        "--only", type=lambda text: known_names(text, NAMES), default=list(NAMES), metavar="NAMES", help=",".join(NAMES)
    )
    parser.add_argument("--sample", type=int, default=200, metavar="N", help="vectors to compare with torch's; 0 for none")
    arguments = parser.parse_args()
    publish(result(arguments), arguments.output)


if __name__ == "__main__":
    main()
