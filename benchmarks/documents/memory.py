"""Read thousands of mixed files and tell how much memory all processes held together, and how fast it went.

python -m benchmarks.documents.memory ../shared/data --count 5000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from benchmarks.harness.contestants import as_module
from benchmarks.harness.measure import ROOT, figure, machine_facts, run_process
from benchmarks.harness.pages import page, publish, table

TARGET_MB = 1500
COLLECTIONS = ("financebench/dev/pdfs", "pdf_gold", "pdf_nasty", "office_web", "html_articles", "book_war_and_peace")


def main() -> None:
    """Run the reading in a process of its own, and watch it and its workers."""
    options = _options()
    if options.read:
        sys.path[:0] = [str(ROOT / "tests" / "support")]
        from mutations import without_ocr

        with without_ocr() if options.no_ocr else nullcontext():
            _read(options.data, options.count)
        return
    command = [
        sys.executable,
        *as_module("documents/memory.py"),
        options.data.resolve(),
        "--count",
        str(options.count),
        "--read",
    ]
    command += ["--no-ocr"] if options.no_ocr else []
    run = run_process(command, environment={"PYTHONPATH": str(ROOT)})
    told = run.json
    rows = [
        ["files", told["files"]],
        ["of these, different", told["different"]],
        ["documents", told["statuses"].pop("text", 0)],
        *([f"failed: {status}", number] for status, number in sorted(told["statuses"].items())),
        ["pages", told["pages"]],
        ["million characters", figure(told["characters"] / 1e6, 1)],
        ["seconds", figure(told["seconds"], 1)],
        ["files a second", figure(told["files"] / told["seconds"], 1)],
        [f"peak memory of all processes, MB (target {TARGET_MB})", round(run.shared_once_mb)],
        ["– with what they share counted for each", round(run.tree_mb)],
    ]
    publish(page(table(["", ""], rows), machine_facts({"groundtext": Path(sys.executable)})), options.output)


def _read(data: Path, count: int) -> None:
    """Read so many files, each of the collections' files as often as any other, and print what came of it."""
    from rag.documents import is_supported
    from rag.documents.loading.workers import load_all

    found = sorted(path for name in COLLECTIONS for path in (data / name).rglob("*") if path.is_file() and is_supported(path))
    if not found:
        raise SystemExit(f"There are no documents in {data}.")
    statuses: Counter[str] = Counter()
    pages = characters = 0
    with tempfile.TemporaryDirectory() as folder:
        copies = _copies(found, Path(folder), count)
        started = time.perf_counter()
        for one in load_all(copies):
            statuses[one.failure.status if one.failure else "text"] += 1
            pages += len(one.document.page_starts) if one.document else 0
            characters += len(one.document.text) if one.document else 0
        seconds = time.perf_counter() - started
    told = {"files": count, "different": len(found), "pages": pages, "characters": characters, "seconds": seconds}
    print(json.dumps({**told, "statuses": statuses}))


def _copies(found: list[Path], folder: Path, count: int) -> list[str]:
    """Names for the files, as if there were so many; what is in them is kept once."""
    names = []
    for number in range(count):
        original = found[number * 7919 % len(found)]  # a prime, so that kinds and sizes are mixed
        (copy := folder / f"{number:05}-{original.name}").symlink_to(original)
        names.append(str(copy))
    return names


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="the folder of the collections")
    parser.add_argument("--count", type=int, default=5000, help="files to read (default 5000)")
    parser.add_argument("--no-ocr", action="store_true", help="do not read pictures, whatever is installed")
    parser.add_argument("--output", type=Path, help="write the table here too")
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
