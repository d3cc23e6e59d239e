"""Damage files at random, read them, and count what became of them: each gives a text or says why not.

python -m benchmarks.documents.mutations ../shared/data/pdf_nasty ../shared/data/office_web --count 10000 --seed 1

Exits with 1 if a file was lost, came back out of order, or failed without a known status.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from benchmarks.harness.measure import ROOT, machine_facts, note
from benchmarks.harness.pages import Page, page, publish, table

sys.path[:0] = [str(ROOT / "tests" / "support")]

from mutations import LIMITS, Outcomes, read_damaged, without_ocr  # noqa: E402

from rag.documents import is_supported  # noqa: E402
from rag.errors import DOCUMENT_STATUSES  # noqa: E402

STATUSES = ("text", *DOCUMENT_STATUSES)
COUNTED_TOGETHER = 1000


def main() -> None:
    """Damage, read, tell."""
    options = _options()
    seeds = [path for source in options.sources for path in sorted(source.rglob("*")) if path.is_file() and is_supported(path)]
    seeds = [path for path in seeds if not path.name.endswith(".docling.md")]  # the reference texts beside the files
    if not seeds:
        raise SystemExit(f"There are no documents in {', '.join(map(str, options.sources))}.")
    outcomes = Outcomes()
    with tempfile.TemporaryDirectory() as folder, nullcontext() if options.ocr else without_ocr():
        for number, begin in enumerate(range(0, options.count, COUNTED_TOGETHER)):
            count = min(COUNTED_TOGETHER, options.count - begin)
            part = read_damaged(seeds, Path(folder), count=count, seed=options.seed + number)
            outcomes.add(part)
            note(f"{outcomes.total} files, {outcomes.crashes} crashed parsers, {len(outcomes.problems)} problems")
    publish(_report(outcomes, seeds, options.seed), options.output)
    if outcomes.problems:
        raise SystemExit("\n".join(outcomes.problems[:20]))


def _report(outcomes: Outcomes, seeds: list[Path], seed: int) -> Page:
    suffixes = sorted({suffix for suffix, _ in outcomes.statuses})
    rows = [[suffix, *(outcomes.statuses[suffix, status] for status in STATUSES)] for suffix in suffixes]
    rows.append(["all", *(sum(row[column] for row in rows) for column in range(1, len(STATUSES) + 1))])
    return page(
        f"{outcomes.total} damaged copies of {len(seeds)} files (seed {seed}) in {outcomes.seconds:.0f} s, "
        f"{LIMITS.seconds:g} s and {LIMITS.memory >> 20} MiB a file. Parsers that crashed: {outcomes.crashes}. "
        f"Files that were lost or failed without a known status: {len(outcomes.problems)}.",
        table(["copies of", *STATUSES], rows),
        machine_facts({"groundtext": Path(sys.executable)}),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="+", type=Path, help="folders with sound files")
    parser.add_argument("--count", type=int, default=10_000, help="damaged copies (default 10000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--ocr", action="store_true", help="read pictures too, where the extra `ocr` is installed; takes far longer"
    )
    parser.add_argument("--output", type=Path, help="write the table here too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
