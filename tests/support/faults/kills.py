"""Kill an index's writers and readers (-9) and hold what is left against what must be there.

`RandomKills` does it at random instants while the sources change; `kills_at_points` at the points of one run, each in a
copy of the same index. Both yield a `Kill` for each kill; its `problems` are empty where nothing was lost.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field

from faults import acts, judge
from faults.damage import derived_files
from faults.sources import Sources

LONGEST_LINGER = 0.004
POINTS = 110
"""About as many points has a run over a few changes."""

PARAGRAPHS_A_FILE = 8
TEXTS_A_WINDOW = acts.WINDOW_CHUNKS + PARAGRAPHS_A_FILE
"""At most so many texts are embedded between two commits: a window is closed by the document that fills it."""


@dataclass(slots=True)
class Kill:
    """Where a process was killed, how long the index then took to open and to answer, and what was wrong with it."""

    where: str
    died: bool
    opening: float | None = None
    reopening: float | None = None
    problems: list = field(default_factory=list)


class RandomKills:
    """One index whose sources change from round to round; every round is interrupted and then completed."""

    def __init__(self, nursery, place, *, seed, small_layouts=False):
        self.nursery = nursery
        self.place = place
        self.how = {"small_layouts": small_layouts}
        self.chance = random.Random(seed)
        self.sources = Sources(place / "sources", seed=seed)
        self.index, self.twin = place / "index", place / "twin"
        self.before = {}
        self.typical = 0.2
        self.repeated = 0

    def round(self):
        """Change the sources, kill some runs over them, complete, compare with a twin that was never disturbed."""
        if self.before:
            self.sources.step(self.chance.randint(1, 8))
        after = self.sources.texts()
        kills = [self._kill(after) for _ in range(self.chance.randint(1, 4))]
        try:
            kills[-1].problems += self._complete(kills)
        except AssertionError as error:
            kills[-1].problems.append(f"what comes after it fails: {error}")
        self.before = after
        return kills

    def _kill(self, after):
        """One killed run, perhaps a reader killed after it, perhaps a look at what is left."""
        kill = self.chance.choice([self._at_an_instant, self._near_a_point])()
        if self.chance.random() < 0.3:
            self.nursery.run("look", index=str(self.index), **self.how, kill_after=self.chance.uniform(0, self.typical))
            kill.where += ", then a reader that made it good"
        if self.chance.random() < 0.7:
            judge_what_is_left(self.nursery, self.index, kill, self.before, after, **self.how)
        return kill

    def _at_an_instant(self):
        delay = self.chance.uniform(0, 1.1 * self.typical)
        ended = self._sync(kill_after=delay, own_workers=self.chance.random() < 0.2, refresh_often=self._either())
        return Kill("at a random instant", bool(ended.signal))

    def _near_a_point(self):
        linger = self.chance.choice([0, self.chance.uniform(0, LONGEST_LINGER)])
        ended = self._sync(kill_at=self.chance.randint(1, POINTS), linger=linger, refresh_often=self._either())
        return Kill("at a random point" + (" and a moment later" if linger else ""), bool(ended.signal))

    def _either(self):
        return self.chance.random() < 0.5

    def _sync(self, **how):
        arguments = {"folder": str(self.sources.folder), "log": str(self.place / "log"), **self.how}
        return self.nursery.run("sync", index=str(self.index), **arguments, **how)

    def _complete(self, kills):
        """The next run must complete, end where the twin ends, and not have embedded again what was finished."""
        self._sync().result()
        twin_log = self.place / "twin.log"
        arguments = {"folder": str(self.sources.folder), "log": str(twin_log)}
        ended = self.nursery.run("sync", index=str(self.twin), **arguments)
        ended.result()
        self.typical = ended.seconds
        embedded, needed = taken(self.place / "log"), taken(twin_log)
        self.repeated += max(0, embedded - needed)
        problems = []
        died = sum(kill.died for kill in kills)
        if embedded > needed + died * TEXTS_A_WINDOW:
            problems.append(f"{embedded} texts were embedded, {needed} were needed, and only {died} runs were killed")
        return problems + judge.differences(look(self.nursery, self.index, **self.how), self._fresh())

    def _fresh(self):
        fresh = self.place / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        self.nursery.run("sync", index=str(fresh), folder=str(self.sources.folder)).result()
        return look(self.nursery, fresh)


def taken(log):
    """How many texts were embedded since the last call; the log starts anew."""
    count = len(log.read_bytes().splitlines()) if log.exists() else 0
    log.unlink(missing_ok=True)
    return count


class KillsAtPoints:
    """One step of an index, taken again and again from the same start and killed at another point each time.

    `step` is "first run", "next run", "catching up" (a reader finds the derived files behind), "repair" or "compact".
    """

    def __init__(self, nursery, place, *, step, seed, small_layouts=False):
        self.nursery = nursery
        self.how = {"small_layouts": small_layouts}
        self.sources = Sources(place / "sources", seed=seed)
        self.start, self.index = place / "start", place / "index"
        self.act = {"catching up": "look", "repair": "repair", "compact": "compact"}.get(step, "sync")
        self.before = {}
        if step != "first run":
            self._prepare(done=step != "next run", stale=step in ("catching up", "repair"))
        self.after = self.sources.texts()
        self._sync(place / "fresh").result()
        self.fresh = look(nursery, place / "fresh")

    def _prepare(self, *, done, stale):
        self._sync(self.start).result()
        self.before = self.sources.texts()
        for change in ("add", "change", "change", "rename", "copy", "remove", "remove"):
            getattr(self.sources, change)()
        if done:
            derived = copy_derived(self.start)
            self._sync(self.start).result()
            self.before = self.sources.texts()
            if stale:
                put_derived(self.start, derived)

    def points(self):
        """The names of all points that the undisturbed step passes."""
        self._restore()
        return self.nursery.run("count_points", of=self.act, arguments=self._arguments(self.index)).result()

    def kill(self, number, name, *, linger=0.0):
        """Kill at a point, look, complete, compare."""
        self._restore()
        ended = self.nursery.run(self.act, **self._arguments(self.index), kill_at=number, linger=linger)
        kill = Kill(name if name.startswith("after") else f"before {name}", bool(ended.signal))
        judge_what_is_left(self.nursery, self.index, kill, self.before, self.after, **self.how)
        try:
            self._sync(self.index).result()
            kill.problems += judge.differences(look(self.nursery, self.index, **self.how), self.fresh)
        except AssertionError as error:
            kill.problems.append(f"what comes after it fails: {error}")
        return kill

    def _restore(self):
        shutil.rmtree(self.index, ignore_errors=True)
        if self.start.exists():
            shutil.copytree(self.start, self.index)

    def _arguments(self, index):
        return {"index": str(index), **self.how, **({"folder": str(self.sources.folder)} if self.act == "sync" else {})}

    def _sync(self, index):
        return self.nursery.run("sync", index=str(index), folder=str(self.sources.folder), **self.how)


def look(nursery, index, **how):
    """What a reader finds in a sound index. Raises AssertionError where it cannot be opened."""
    return nursery.run("look", index=str(index), **how).result()


def judge_what_is_left(nursery, index, kill, before, after, **how):
    """Open the index after a kill and note what is wrong; there may be none yet where none was there before."""
    ended = nursery.run("look", index=str(index), **how)
    if ended.error == "NoIndexError" and not before:
        return
    if ended.error or ended.signal:
        kill.problems.append(f"it cannot be opened: {ended.error} {ended.message} (signal {ended.signal})")
        return
    found = ended.value
    kill.opening, kill.reopening = found["opening"], found["reopening"]
    kill.problems += judge.after_a_kill(found, before, after)


def copy_derived(index):
    """Everything in an index folder that is made from the catalog, by its path."""
    return {path.relative_to(index): path.read_bytes() for path in derived_files(index)}


def put_derived(index, files):
    """Make these the derived files of an index, whatever it had."""
    for path in copy_derived(index):
        (index / path).unlink()
    for path, content in files.items():
        (index / path).parent.mkdir(exist_ok=True)
        (index / path).write_bytes(content)


def some_of_each(names, count, *, seed):
    """Numbers (from 1) of so many points: the first and the last of each kind, then others by chance."""
    ends = {number for name in dict.fromkeys(names) for number in (names.index(name), len(names) - 1 - names[::-1].index(name))}
    rest = [number for number in range(len(names)) if number not in ends]
    chance = random.Random(seed)
    chosen = chance.sample(sorted(ends), min(count, len(ends)))
    return sorted(number + 1 for number in chosen + chance.sample(rest, min(len(rest), max(0, count - len(chosen)))))


def tally(kills):
    """How many kills fell where."""
    return Counter(kill.where for kill in kills if kill.died)
