"""The sets of `make bench-trust` in one form each: claims with evidence, questions with passages, and collections to search.

A set that is not in the data folder is left out. Every function draws the same items in each run.

    claims = claim_sets(Path("../shared/data"), most=300)
    claims["qags"][0].is_supported
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.grounding.verifier import claim_pairs

SEED = 0
T = TypeVar("T")
COLLECTIONS = (
    "scifact",
    "cranfield",
    "clapnq_dev",
    "pubmedqa",
    "xquad/en",
    "xquad/de",
    "xquad/ar",
    "xquad/zh",
    "xquad/hi",
    "trust/cacm",
    "trust/cisi",
    "trust/tatqa",
)
"""Folders in BEIR's layout or with `qa.jsonl`; `benchmarks.retrieval.collections.tasks_of` reads them."""

SEEN_AT_836CCED7 = frozenset(
    {"scifact", "cranfield", "clapnq_dev", "pubmedqa", "xquad/en", "xquad/de", "xquad/ar", "xquad/zh", "xquad/hi"}
)
"""Collections that constants were chosen with in view before the sets of `trust` came."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement, the texts it is to rest on, and whether these bear it out.

    `label` is "supported", "unsupported", "contradicted" or "partial"; `origin` says where in its set it is from; `group` is
    the same for claims that share their evidence, which must not be parted between a fit and its test.
    """

    text: str
    evidence: tuple[str, ...]
    label: str
    origin: str = ""
    group: str = ""

    @property
    def is_supported(self) -> bool:
        return self.label == "supported"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the passages around it, and whether one of them answers it."""

    question: str
    passages: tuple[str, ...]
    answerable: bool
    answers: tuple[str, ...] = ()


def read_lines(path: Path) -> list[dict]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def drawn(items: Iterable[T], most: int) -> list[T]:
    """At most so many items, in their order, the same in each run."""
    found = list(items)
    if len(found) <= most:
        return found
    return [found[number] for number in sorted(random.Random(SEED).sample(range(len(found)), most))]


def claim_sets(data: Path, most: int) -> dict[str, list[Claim]]:
    """Every set of claims in the folder, at most so many of each."""
    found: dict[str, list[Claim]] = {}
    for path in sorted((data / "trust").glob("*/claims.jsonl")):
        found[path.parent.name] = drawn(map(_claim, read_lines(path)), most)
    readers: dict[str, tuple[str, Callable[[Path], Iterator[Claim]]]] = {
        "scifact": ("scifact", scifact_claims),
        "rgb_fact": ("rgb_fact", rgb_claims),
    }
    for name, (folder, reader) in readers.items():
        if (data / folder).is_dir():
            found[name] = drawn(reader(data), most)
    return found


def _claim(row: dict) -> Claim:
    return Claim(row["claim"], tuple(row["evidence"]), row["label"], row.get("origin", ""), "\n".join(row["evidence"])[:2000])


def scifact_claims(data: Path) -> Iterator[Claim]:
    """SciFact's claims beside single sentences of the abstracts they were made from; a sentence of no rationale is unsupported."""
    labels = {1: "supported", -1: "contradicted", 0: "unsupported"}
    for part in ("train", "test"):
        for claim, sentence, label in claim_pairs(data, part):
            yield Claim(claim, (sentence,), labels[label], part, claim)


def rgb_claims(data: Path) -> Iterator[Claim]:
    """RGB's passages that were changed to say something false: what they say now, and what they said, as statements."""
    for row in read_lines(data / "rgb_fact" / "en_fact.jsonl"):
        passages = tuple(row["positive"])
        for answer, label in ((row["answer"], "supported"), (row["fakeanswer"], "contradicted")):
            texts = [one for one in _flat(answer) if one]
            if texts and passages:
                yield Claim(f"{row['query']}: {texts[0]}", passages, label, "", str(row["id"]))


def _flat(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Sequence):
        for one in value:
            yield from _flat(one)


def nda_questions(data: Path) -> list[Asked]:
    """Questions of the fields of agreements, beside the passages of their own agreement; absent fields are the hard refusals."""
    path = data / "trust" / "kleister_nda" / "answerability.jsonl"
    if not path.is_file():
        return []
    return [
        Asked(row["question"], tuple(row["passages"]), row["answerable"], tuple(row["answers"])) for row in read_lines(path)
    ]
