"""Files that are damaged at random, and what becomes of them when they are read."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from rag.documents.loading import workers
from rag.documents.loading.workers import Loaded, load_all
from rag.errors import DOCUMENT_STATUSES
from rag.reading import Limits

LIMITS = Limits(seconds=20, memory=2**30)
FILES_AT_ONCE = 500
"""So many damaged files lie on the disk at a time."""


WITHOUT_OCR = "import sys; sys.modules['rapidocr'] = None; from rag.documents.loading.worker import main; main()"


@contextmanager
def without_ocr() -> Iterator[None]:
    """Pictures are not read, which takes seconds each."""
    before, workers.WORKER = workers.WORKER, [sys.executable, "-P", "-c", WITHOUT_OCR]
    try:
        yield
    finally:
        workers.WORKER = before


@dataclass(slots=True)
class Outcomes:
    """What became of damaged files: how many of each suffix came to which status ("text" where there is a document)."""

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    crashes: int = 0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        return self.statuses.total()

    def add(self, others: Outcomes) -> None:
        """Count other outcomes in."""
        self.statuses += others.statuses
        self.problems += others.problems
        self.crashes += others.crashes
        self.seconds += others.seconds


def damaged(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """The content with some bytes flipped, a part lost, a part of another file in it, or a part of its own moved."""
    if not content:
        return content
    kind = chance.choice(("flip", "truncate", "splice", "move", "flip one bit"))
    first, last = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    if kind == "truncate":
        return content[: first or last]
    if kind == "splice":
        start = chance.randrange(len(other) + 1)
        return (
            content[:first]
            + other[start : start + chance.randrange(1, 4096)]
            + content[last if chance.random() < 0.5 else first :]
        )
    if kind == "move":
        return content[:first] + content[last:] + content[first:last]
    out = bytearray(content)
    for _ in range(1 if kind == "flip one bit" else chance.randrange(1, 65)):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8) if kind == "flip one bit" else chance.randrange(1, 256)
    return bytes(out)


def damaged_files(seeds: Sequence[Path], folder: Path, *, seed: int) -> Iterator[Path]:
    """Copies of the seeds without end, each damaged in another way; each seed as often as any other."""
    chance = random.Random(seed)
    number = 0
    while True:
        for path in chance.sample(seeds, len(seeds)):
            content = damaged(path.read_bytes(), chance.choice(seeds).read_bytes(), chance)
            copy = folder / f"{number:05}-{path.name}"
            copy.write_bytes(content)
            yield copy
            number += 1


def read_damaged(
    seeds: Sequence[Path], folder: Path, *, count: int, seed: int, seconds: float = float("inf"), limits: Limits = LIMITS
) -> Outcomes:
    """Read so many damaged copies of the seeds, or as many as fit into the seconds."""
    outcomes = Outcomes()
    copies = islice(damaged_files(seeds, folder, seed=seed), count)
    began = time.monotonic()
    while (paths := list(islice(copies, FILES_AT_ONCE))) and time.monotonic() - began < seconds:
        _read(paths, outcomes, limits, until=began + seconds)
        for path in paths:
            path.unlink()
    outcomes.seconds = time.monotonic() - began
    return outcomes


def _read(paths: Sequence[Path], outcomes: Outcomes, limits: Limits, *, until: float) -> None:
    with closing(load_all(list(map(str, paths)), limits=limits)) as loaded:
        for path, one in zip(paths, loaded, strict=False):
            note(path, one, outcomes)
            if time.monotonic() > until:
                return


def note(path: Path, one: Loaded, outcomes: Outcomes) -> None:
    """Count a file, and what is wrong with the answer: every file must have a text, or a failure of a known kind."""
    status = one.failure.status if one.failure else "text"
    outcomes.statuses[path.suffix, status] += 1
    outcomes.crashes += bool(one.failure and "crashed the parser" in one.failure.message)
    outcomes.problems += [f"{path.name}: {problem}" for problem in problems(path, one)]


def problems(path: Path, one: Loaded) -> Iterable[str]:
    """What is wrong with the outcome of a file."""
    if one.source != str(path):
        yield f"answered for {one.source}"
    if (one.document is None) == (one.failure is None):
        yield "neither document nor failure, or both"
    if one.failure and (one.failure.status not in DOCUMENT_STATUSES or one.failure.source != str(path)):
        yield f"failed with {one.failure}"
    if one.failure and path.name not in one.failure.message:
        yield f"a message that does not name it: {one.failure.message}"
    if document := one.document:
        positions = [*document.page_starts, *(heading.start for heading in document.headings)]
        positions += document.places.starts if document.places else ()
        if not document.text.strip():
            yield "a document without text"
        if max(positions, default=0) > len(document.text):
            yield "pages, headings or places beyond the end of the text"
        if [heading.start for heading in document.headings] != sorted(heading.start for heading in document.headings):
            yield "headings that are not in the order of the text"
