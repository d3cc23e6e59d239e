"""A folder of documents that changes by a seeded chance: files are added, changed, renamed, copied and removed."""

from __future__ import annotations

import os
import random
import shutil

import rag

WORDS = (
    "harbour keeper signal lantern tide fog buoy channel pilot vessel anchor chart current depth storm shelter quay crew cargo "
    "ledger winter repair mast rope sail inspection schedule night watch report distance northern island passage lamp"
).split()
WORDS_A_PARAGRAPH = 25


class Sources:
    """The folder. Each file has its title in it, so that what is embedded does not depend on the names that it had."""

    def __init__(self, folder, *, seed, files=8):
        self.folder = folder
        self.chance = random.Random(seed)
        self._clock = 1_700_000_000
        self._made = 0
        folder.mkdir(parents=True)
        for _ in range(files):
            self.add()

    def texts(self):
        """The text that an index ought to hold of each file, by its path."""
        return {str(path): rag.load(path).text for path in self._paths()}

    def step(self, changes=4):
        """So many changes of all kinds; a few files always stay."""
        for _ in range(changes):
            kinds = [self.add, self.add, self.change, self.change, self.rename, self.copy, self.remove, self.remove]
            self.chance.choice(kinds if len(self._paths()) > 4 else [self.add])()

    def add(self):
        self._made += 1
        place = self.folder / self.chance.choice(["", "attic", "cellar"])
        place.mkdir(exist_ok=True)
        text = [f"# Note {self._made}", *self._paragraphs(self.chance.randint(1, 4))]
        self._write(place / f"note-{self._made}.md", "\n\n".join(text))

    def change(self):
        path = self._some()
        kept = path.read_text(encoding="utf-8").split("\n\n")
        self.chance.choice([kept.append, lambda new: kept.__setitem__(-1, new)])(self._paragraphs(1)[0])
        self._write(path, "\n\n".join(kept))

    def rename(self):
        self._made += 1
        path = self._some()
        path.rename(path.with_name(f"moved-{self._made}{path.suffix}"))

    def copy(self):
        self._made += 1
        path = self._some()
        shutil.copyfile(path, path.with_name(f"copy-{self._made}{path.suffix}"))

    def remove(self):
        self._some().unlink()

    def _paragraphs(self, count):
        self._made += 1
        return [
            f"Entry {self._made}-{n}: {' '.join(self.chance.choices(WORDS, k=WORDS_A_PARAGRAPH))} {self.chance.randint(1, 9)}."
            for n in range(count)
        ]

    def _write(self, path, text):
        """Each version has a time of its own, however fast they come."""
        path.write_text(text, encoding="utf-8")
        self._clock += 1
        os.utime(path, (self._clock, self._clock))

    def _paths(self):
        return sorted(self.folder.rglob("*.*"))

    def _some(self):
        return self.chance.choice(self._paths())
