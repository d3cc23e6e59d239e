"""Articles taken out of web pages: how much of what people marked as the article is there, and how much else.

    python -m benchmarks.documents.html ../shared/data/html_articles

The folder holds half of a public benchmark: pages as they were fetched (`html/*.html.gz`) and the articles' bodies
(`ground-truth.json`). Texts are compared as bags of runs of four words. Precision is the share of a text's runs that the
article has, recall the share of the article's runs that the text has; each is averaged over pages, and F1 is of the averages.
The range holds 95 of 100 values of F1 over pages drawn again. Seconds are one pass over all pages, parsing included, after a
first page that loads the library.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import figure, note
from benchmarks.harness.pages import Cell, Page, page, publish, table
from rag.documents import load_bytes
from rag.errors import DocumentError

WORDS_A_RUN = 4
SAMPLES = 1000
PUBLISHED = {"trafilatura": 0.958, "BeautifulSoup get_text": 0.665}
"""F1 that the benchmark's own page gives for all of its 181 pages."""

ALSO_PUBLISHED = "newspaper4k .949, readability.js .947, readability-lxml .922, jusText .804, inscriptis .679, html2text .662"

Runs = Counter[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Match:
    """How far one text agrees with one article; None where there is nothing to divide by."""

    precision: float | None
    recall: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--output", type=Path, help="write the page there too")
    arguments = parser.parse_args()
    publish(result(arguments.collection), arguments.output)


def result(collection: Path) -> Page:
    """The whole page."""
    truth = json.loads((collection / "ground-truth.json").read_text(encoding="utf-8"))
    pages = {key: gzip.decompress((collection / "html" / f"{key}.html.gz").read_bytes()) for key in truth}
    articles = {key: runs_of(entry.get("articleBody", "")) for key, entry in truth.items()}
    rows = [row(name, read, pages, articles) for name, read in contestants().items()]
    header = ("", "precision", "recall", "F1 [95 %]", "F1 as published", "seconds")
    intro = f"{len(pages)} pages. Published for all pages of the benchmark: {ALSO_PUBLISHED}."
    return page("## Articles in web pages", intro, table(header, rows))


def row(name: str, read: Callable[[bytes], str], pages: Mapping[str, bytes], articles: Mapping[str, Runs]) -> Sequence[Cell]:
    note(name)
    read(next(iter(pages.values())))
    began = time.perf_counter()
    texts = {key: read(page) for key, page in pages.items()}
    seconds = time.perf_counter() - began
    matches = [match(runs_of(texts[key]), articles[key]) for key in pages]
    precision, recall, f1 = scores(matches)
    chance = random.Random(0)
    drawn = sorted(scores(chance.choices(matches, k=len(matches)))[2] for _ in range(SAMPLES))
    low, high = drawn[SAMPLES // 40], drawn[-SAMPLES // 40]
    published = figure(PUBLISHED[name], 3) if name in PUBLISHED else ""
    return name, figure(precision, 3), figure(recall, 3), Figure(f1, low, high, ".3f"), published, figure(seconds, 1)


def runs_of(text: str) -> Runs:
    """Every run of four words, and how often it comes; a shorter text is one run."""
    words = re.findall(r"\w+", text)
    return (
        Counter(tuple(words[at : at + WORDS_A_RUN]) for at in range(max(1, len(words) - WORDS_A_RUN + 1)))
        if words
        else Counter()
    )


def match(have: Runs, want: Runs) -> Match:
    both = (have & want).total()
    return Match(both / have.total() if have else None, both / want.total() if want else None)


def scores(matches: Sequence[Match]) -> tuple[float, float, float]:
    """Precision and recall, averaged over the pages that have any, and the F1 of these averages."""
    precision = mean([match.precision for match in matches if match.precision is not None])
    recall = mean([match.recall for match in matches if match.recall is not None])
    return precision, recall, 2 * precision * recall / (precision + recall)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def contestants() -> dict[str, Callable[[bytes], str]]:
    found: dict[str, Callable[[bytes], str]] = {"groundtext": with_groundtext, "trafilatura": with_trafilatura}
    try:
        import bs4
    except ImportError:
        note("BeautifulSoup is left out: pip install beautifulsoup4")
        return found
    return found | {"BeautifulSoup get_text": lambda page: bs4.BeautifulSoup(page, "lxml").get_text(" ")}


def with_groundtext(page: bytes) -> str:
    try:
        return load_bytes(page, source="page.html").text
    except DocumentError:
        return ""


def with_trafilatura(page: bytes) -> str:
    from trafilatura import extract

    text: Any = extract(page, include_comments=False)
    return text or ""


if __name__ == "__main__":
    main()
