"""Kill the processes of an index (-9) again and again, and count what was lost.

python -m benchmarks.index.kills --kills 1000 --seed 1

Half of the kills fall at points around commits (see tests/faults/points.py), the others at random instants of runs over
documents that go on changing. Half of all meet vectors that are laid out as in a large index. Exits with 1 if anything
was lost.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness.measure import ROOT, figure, machine_facts, note, spread
from benchmarks.harness.pages import Page, page, publish, table

sys.path[:0] = [str(ROOT / "tests" / "support")]

from faults.kills import Kill, KillsAtPoints, RandomKills, some_of_each  # noqa: E402
from faults.nursery import the_nursery  # noqa: E402

STEPS = ("first run", "next run", "catching up", "repair", "compact")
ROUNDS_A_TRIAL = 12
"""After so many rounds, random kills go on with a new index."""


def kills_at_points(count: int, place: Path, *, seed: int) -> Iterator[Kill]:
    """About so many, spread over the steps and both kinds of layout; each names its step and its point."""
    trials = [(step, small) for step in STEPS for small in (False, True)]
    for number, (step, small) in enumerate(trials):
        folder = place / f"points-{number}"
        folder.mkdir()
        trial = KillsAtPoints(the_nursery(), folder, step=step, seed=seed + number, small_layouts=small)
        try:
            names = trial.points()
        except AssertionError as error:
            yield Kill(f"{step}: not even killed", died=False, problems=[str(error)])
            continue
        share = count * (number + 1) // len(trials) - count * number // len(trials)
        for point in some_of_each(names, share, seed=seed):
            kill = trial.kill(point, names[point - 1])
            kill.where = f"{step}: {kind_of(names[point - 1])}"
            yield kill


def kind_of(point: str) -> str:
    """What happens at a point, in a few words."""
    if point.startswith("SQL"):
        return "SQLite's commit" if "COMMIT" in point else "another statement of SQLite"
    return "tantivy's commit or merge" if "tantivy" in point else "a file written, renamed, removed or locked"


def random_kills(place: Path, *, seed: int) -> Iterator[tuple[list[Kill], int]]:
    """Round by round for ever: its kills, and how many texts were embedded again after them."""
    number = 0
    while True:
        number += 1
        folder = place / f"random-{number}"
        folder.mkdir()
        trial = RandomKills(the_nursery(), folder, seed=seed + number, small_layouts=number % 2 == 0)
        for _ in range(ROUNDS_A_TRIAL):
            before = trial.repeated
            yield trial.round(), trial.repeated - before


def all_kills(wanted: int, place: Path, *, seed: int) -> tuple[list[Kill], int]:
    """At least `wanted` processes that died, and how many texts were embedded again."""
    done, repeated = [], 0
    for kill in kills_at_points(wanted // 2, place, seed=seed):
        done.append(kill)
        tell(done, [kill], wanted)
    for kills, again in random_kills(place, seed=seed):
        done += kills
        repeated += again
        tell(done, kills, wanted)
        if sum(kill.died for kill in done) >= wanted:
            return done, repeated
    raise AssertionError("random kills never end")


def tell(done: list[Kill], latest: list[Kill], wanted: int) -> None:
    """A line of progress now and then, and every problem at once."""
    for kill in latest:
        for problem in kill.problems:
            note(f"LOST {kill.where}: {problem}")
    if len(done) // 25 > (len(done) - len(latest)) // 25:
        note(f"{sum(kill.died for kill in done)} of {wanted} killed")


def result(kills: list[Kill], repeated: int, seconds: float, seed: int) -> Page:
    """The whole page."""
    died = [kill for kill in kills if kill.died]
    opening, reopening = (
        spread((1000 * value for kill in kills if (value := getattr(kill, name)) is not None), 0)
        for name in ("opening", "reopening")
    )
    facts = [
        ("processes killed (-9)", len(died)),
        (
            "indexes that lost, tore or doubled anything, or did not complete afterwards",
            sum(bool(kill.problems) for kill in kills),
        ),
        ("texts embedded again, of all kills together", repeated),
        ("milliseconds to open an index after a kill, median [min–max]", opening),
        ("milliseconds until it has answered nine searches", reopening),
        ("minutes", figure(seconds / 60)),
    ]
    where = Counter(kill.where.partition(", then")[0] for kill in died)
    readers = sum(", then" in kill.where for kill in died)
    intro = f"Seed {seed}. After {readers} of the kills, a reader that brought the derived files up to date was killed as well."
    tables = (table(("", "number"), facts), table(("killed before or at", "kills"), sorted(where.items())))
    return page("## Kills", intro, *tables, machine_facts({"groundtext": Path(sys.executable)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # what a killed process wrote, it wrote
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="groundtext-kills-", dir=memory) as place:
        kills, repeated = all_kills(arguments.kills, Path(place), seed=arguments.seed)
    publish(result(kills, repeated, time.perf_counter() - started, arguments.seed), arguments.output)
    if any(kill.problems for kill in kills):
        sys.exit(1)


if __name__ == "__main__":
    main()
