"""Compare a quick run with one that was kept: by ratios and by quality, never by seconds.

    python -m benchmarks.compare NEW.json                # with the last kept result, of this kind of machine if there is one
    python -m benchmarks.compare NEW.json KEPT.json

A ratio is worse when it moved the wrong way by more than its tolerance, and its range has nothing in common with that of the kept one: what
lies within the spread of the rounds is no regression. A quality (recall, nDCG, …) does not depend on the machine, and is worse as
soon as its own tolerance is passed. Exits with 1 where something is worse, or is no longer measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.checks import CHECKS, WORSE, Check
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import ROOT
from benchmarks.harness.pages import page, table

RESULTS = ROOT / "benchmarks" / "results"
GONE, FAILED = "**gone**", "**failed**"
REGRESSIONS = (WORSE, GONE, FAILED)
Result = Mapping[str, Any]
"""What run.py writes: `form`, `date`, `machine`, and by script its `command` and `figures`, or why it was `left out` or `failed`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check and what came of it. Without values, `verdict` says why they were not compared."""

    check: Check
    verdict: str
    kept: Figure | None = None
    new: Figure | None = None


def compare(kept: Result, new: Result, checks: Sequence[Check] = CHECKS) -> list[Outcome]:
    """All checks that the kept result has a value for."""
    found = []
    for check in checks:
        page = kept["pages"].get(check.script, {})
        if before := check.of(page.get("figures", {})):
            found.append(_outcome(check, before, page["command"], new["pages"].get(check.script, {})))
    return found


def _outcome(check: Check, before: Figure, command: str, new: Result) -> Outcome:
    if "failed" in new:
        return Outcome(check, f"{FAILED}: {new['failed']}", before)
    if "figures" not in new:
        return Outcome(check, f"left out: {new.get('left out', 'not asked for')}", before)
    if new["command"] != command:
        return Outcome(check, f"not compared: kept is `{command}`, new is `{new['command']}`", before)
    now = check.of(new["figures"])
    return Outcome(check, check.verdict(before, now) if now else GONE, before, now)


def is_worse(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.verdict.startswith(REGRESSIONS) for outcome in outcomes)


def told(outcomes: Sequence[Outcome], kept: Result, new: Result) -> str:
    """What moved, as Markdown: the regressions in words, then everything."""
    bad = [outcome for outcome in outcomes if outcome.verdict.startswith(REGRESSIONS)]
    lines = [f"- {one.check.script}, {one.check.name}: from {one.kept} to {one.new or 'nothing'}, {one.verdict}" for one in bad]
    rows = [
        (f"{one.check.script}: {one.check.name}", one.kept or "", one.new or "", moved(one), one.verdict) for one in outcomes
    ]
    head = f"{_name(new)} beside {_name(kept)}: {len(bad)} of {len(outcomes)} worse."
    if kept["machine"] != new["machine"]:
        head += " The machines differ, and ratios of speed with them; quality should not."
    return page(head, "\n".join(lines), table(("", "kept", "new", "moved", ""), rows)).markdown


def moved(outcome: Outcome) -> str:
    """By how much: percent, or for a quality the difference."""
    if outcome.kept is None or outcome.new is None:
        return ""
    change = outcome.new.value - outcome.kept.value
    if outcome.check.is_quality or not outcome.kept.value:
        return f"{change:+.4f}"
    return f"{change / outcome.kept.value:+.1%}"


def _name(result: Result) -> str:
    return f"{result['date']}, {result['machine']}"


def read_result(path: Path) -> Result:
    """Raises SystemExit where the file is no result."""
    try:
        result: Result = json.loads(path.read_text(encoding="utf-8"))
        return {**result, "pages": dict(result["pages"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is no result of benchmarks/run.py: {error}") from error


def last_kept(machine: str, folder: Path = RESULTS, *, but: Path | None = None) -> Path:
    """The newest quick result of a folder, of this kind of machine if there is one. Raises SystemExit where there is none."""
    found = [(read_result(path), path) for path in folder.glob("*.json") if path != but]
    quick = [(one["machine"] == machine, one["date"], path) for one, path in found if one["form"] == "quick"]
    if not quick:
        raise SystemExit(f"There is no result in {folder} to compare with. Make one with `make bench`, and keep it there.")
    return max(quick)[2]


def judge(new: Result, kept_at: Path) -> bool:
    """Print the comparison; whether something is worse."""
    kept = read_result(kept_at)
    outcomes = compare(kept, new)
    print(told(outcomes, kept, new))
    return is_worse(outcomes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("new", type=Path, help="the file of JSON that run.py left beside its page")
    parser.add_argument("kept", type=Path, nargs="?", help="the last one in benchmarks/results, if left out")
    arguments = parser.parse_args()
    new = read_result(arguments.new)
    kept_at = arguments.kept or last_kept(new["machine"], but=arguments.new.resolve())
    sys.exit(1 if judge(new, kept_at) else 0)


if __name__ == "__main__":
    main()
