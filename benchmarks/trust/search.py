"""Search on every collection beside plain baselines: nDCG@10, each gain with the interval of its mean over the same questions.

    python -m benchmarks.trust.search ../shared/data
    python -m benchmarks.trust.search ../shared/data --only trust/cacm xquad/de --most 100

"left out" is hybrid search with the weight and the likeness that are best on all the other collections. "shipped" has the constants
of `rag/retrieval/fusion.json`, which were fitted with all of them in view. "base" is the same commit's figures every time, kept in
`search_836ced7.json`; `--keep-base` writes that file. Built indexes are kept, and searched again by the next run.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import rag
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import note
from benchmarks.harness.pages import Cell, Page, page, publish, table
from benchmarks.retrieval.collections import SAMPLES, Task, build, name_of, tasks_of
from benchmarks.trust.baselines import Bm25, min_max_sum
from benchmarks.trust.scores import leave_one_out
from benchmarks.trust.sets import COLLECTIONS, SEEN_AT_836CCED7, drawn
from rag.retrieval.fusion import SHIPPED as SHIPPED_WEIGHTS
from rag.retrieval.fusion import Weights
from rag.retrieval.retrieve import CANDIDATES, candidates, hybrid
from rag.text.words import is_english

if TYPE_CHECKING:
    from rag.types import Hit

    Scored = Sequence[tuple[int, float]]
    Values = dict[str, float]

BASE = Path(__file__).with_name("search_836ced7.json")
FILINGS = "financebench/dev"
DEPTH = 10
DISCOUNTS = 1 / np.log2(np.arange(2, DEPTH + 2))
SETTINGS = tuple(itertools.starmap(Weights, itertools.product((0.3, 0.4, 0.5, 0.6), (0.0, 0.25, 0.5), (0.2, 0.4, 0.6))))
"""Weight of cosine, weight of likeness, and the agreement from which cosines count in full."""
SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Collection:
    """A built index with the text and the units of every passage: its document, or its pages."""

    index: rag.Index
    task: Task
    units: dict[int, list[str]]
    words: Bm25
    chunks: list[int]

    @classmethod
    def of(cls, index: rag.Index, task: Task) -> Collection:
        chunks = index.catalog.chunks_added_since(-1)
        hits = index.hits([(chunk, 0.0) for chunk in chunks])
        words = Bm25([f"{hit.title}\n{hit.text}" for hit in hits])
        return cls(index, task, {hit.chunk: _units(hit, by_page=task.by_page) for hit in hits}, words, chunks)

    def best_words(self, question: str) -> Scored:
        """The first candidates by the baseline's BM25."""
        scores = self.words.scores(question)
        order = np.argsort(-scores, kind="stable")[:CANDIDATES]
        return [(self.chunks[place], float(scores[place])) for place in order if scores[place] > 0]

    def quality(self, ranking: Scored, relevant: set[str]) -> float:
        """nDCG@10 of the documents or pages of a ranking of passages."""
        found = dict.fromkeys(unit for chunk, _ in ranking for unit in self.units[chunk])
        return ndcg(list(found), relevant)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--only", nargs="+", default=[*COLLECTIONS, FILINGS], metavar="NAME", help="these collections")
    parser.add_argument("--most", type=int, default=300, metavar="N", help="questions of each at most (default: %(default)s)")
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"), help="built indexes are kept here")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the page here too")
    parser.add_argument("--keep-base", action="store_true", help=f"keep the figures as {BASE.name}")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.only:
        folder = arguments.data / name
        if not folder.is_dir():
            note(f"{name} is not in {arguments.data}")
            continue
        found[name] = measured(folder, arguments.indexes, arguments.most)
        note(f"{name}: " + ", ".join(f"{way} {mean(values):.3f}" for way, values in plain_ways(found[name]).items()))
    base = json.loads(BASE.read_text(encoding="utf-8")) if BASE.is_file() else {}
    if arguments.keep_base:
        base |= {name: {key: round(value, 4) for key, value in ways[SHIPPED].items()} for name, ways in found.items()}
        BASE.write_text(json.dumps(base, sort_keys=True) + "\n", encoding="utf-8")
    publish(result(found, base), arguments.output)


def measured(folder: Path, indexes: Path, most: int) -> dict[str, Values]:
    """nDCG@10 of each question by each way to search."""
    name = name_of(folder) if folder.name != "dev" else "-".join(folder.parts[-2:])
    with rag.open_index(indexes / name, create=True) as index:
        build(index, folder)
        task = next(iter(tasks_of(folder)))
        collection = Collection.of(index, task)
        relevant: dict[str, set[str]] = {}
        for judged in task.relevant:
            relevant.setdefault(judged.query_id, set()).add(judged.doc_id)
        found: dict[str, Values] = {}
        for key in drawn(task.questions, most):
            for way, ranking in rankings(task.questions[key], collection).items():
                found.setdefault(way, {})[key] = collection.quality(ranking, relevant[key])
    return found


def rankings(question: str, collection: Collection) -> dict[str, Scored]:
    """What each way to search finds, best first."""
    index = collection.index
    dense, keyword = candidates(question, index=index)
    words = collection.best_words(question)
    found: dict[str, Scored] = {
        "dense": sorted(dense, key=lambda pair: -pair[1]),
        "keyword": keyword,
        "BM25": words,
        "min-max": summed(question, dense, words, index=index),
        SHIPPED: hybrid(question, dense, keyword, index=index),
    }
    ranked: dict[Weights, Scored] = {}
    for weights in SETTINGS:
        same = replace(weights, agreement=1.0) if is_english(question) else weights  # there, cosines are trusted anyway
        if same not in ranked:
            ranked[same] = hybrid(question, dense, keyword, index=index, weights=same)
        found[told(weights)] = ranked[same]
    return found


def told(weights: Weights) -> str:
    return f"{weights.dense} {weights.likeness} {weights.agreement}"


def summed(question: str, dense: Scored, words: Scored, *, index: rag.Index) -> Scored:
    """The min-max sum over the first candidates of cosine and of the baseline's BM25."""
    cosines = dict(dense[:CANDIDATES])
    scores = dict(words)
    missing = sorted(scores.keys() - cosines.keys())
    if missing:
        cosines |= index.cosines(index.embedder.embed_question(question), missing)
    chunks = sorted(cosines)
    total = min_max_sum(np.array([cosines[one] for one in chunks]), np.array([scores.get(one, 0.0) for one in chunks]))
    order = np.argsort(-total, kind="stable")
    return [(chunks[place], float(total[place])) for place in order]


def ndcg(found: Sequence[str], relevant: set[str]) -> float:
    """nDCG@10 of a ranking without repetitions; each relevant unit gains 1."""
    gains = np.array([unit in relevant for unit in found[:DEPTH]], np.float64)
    return float(gains @ DISCOUNTS[: len(gains)] / DISCOUNTS[: min(DEPTH, len(relevant))].sum())


def left_out(found: Mapping[str, dict[str, Values]]) -> dict[str, str]:
    """For each collection, the setting of hybrid search that is best on average on the others."""
    settings = [told(weights) for weights in SETTINGS]
    return {name: max(settings, key=lambda one: average(others, one)) for name, others in leave_one_out(found)}


def average(found: Mapping[str, dict[str, Values]], way: str) -> float:
    """The mean over collections, each of which counts the same."""
    return sum(mean(ways[way]) for ways in found.values()) / max(len(found), 1)


def result(found: Mapping[str, dict[str, Values]], base: Mapping[str, Values]) -> Page:
    settings = left_out(found)
    rows = [row(name, ways, ways[settings[name]], base.get(name, {})) for name, ways in found.items()]
    header = (
        "collection", "questions", "dense", "keyword", "BM25", "min-max", "base", "left out", SHIPPED,
        "left out over min-max", "over the better half", "over base", "keyword over BM25",
    )  # fmt: skip
    legend = (
        "nDCG@10 of each way to search. Gains are means over the questions, with the 95 % range of means over questions drawn again. "
        "A star marks collections that were in view when the base's constants were chosen.\n\n"
        "- **BM25**: k1 0.9, b 0.4, English stems.\n"
        "- **min-max**: .6 of cosine and .4 of that BM25, each stretched to 0..1.\n"
        "- **base**: hybrid search at commit 836ced7.\n"
        "- **left out**: hybrid search with the constants that are best on the other collections.\n"
        f"- **{SHIPPED}**: hybrid search with the constants of all collections, which have seen it."
    )
    setting = "weight of cosine, weight of likeness, agreement for full trust"
    chosen = table(("collection", f"chosen on the others: {setting}"), settings.items())
    means = table((setting, "mean nDCG@10"), ((told(one), f"{average(found, told(one)):.4f}") for one in SETTINGS))
    return page(
        "## Search on collections left out",
        legend,
        table(header, rows),
        "### Constants",
        f"Shipped: {told(SHIPPED_WEIGHTS)}.",
        chosen,
        means,
    )


def row(name: str, ways: dict[str, Values], fitted: Values, base: Values) -> list[Cell]:
    better = max((ways["dense"], ways["keyword"]), key=mean)
    star = " *" if name in SEEN_AT_836CCED7 or name == FILINGS else ""
    cells: list[Cell] = [name + star, len(fitted)]
    cells += [f"{mean(ways[way]):.3f}" for way in ("dense", "keyword", "BM25", "min-max")]
    cells += [f"{mean({key: base[key] for key in fitted}):.3f}" if fitted.keys() <= base.keys() else ""]
    cells += [f"{mean(fitted):.3f}", f"{mean(ways[SHIPPED]):.3f}", gain(ways["min-max"], fitted), gain(better, fitted)]
    cells += [gain(base, fitted) if fitted.keys() <= base.keys() else "", gain(ways["BM25"], ways["keyword"])]
    return cells


def mean(values: Values) -> float:
    return float(np.mean(list(values.values())))


def gain(below: Values, above: Values) -> Figure:
    """The mean difference of two ways on the same questions, and the range of that mean (paired bootstrap)."""
    gains = np.array([above[key] - below[key] for key in above])
    places = np.random.default_rng(0).integers(0, len(gains), (SAMPLES, len(gains)))
    low, high = np.percentile(gains[places].mean(axis=1), [2.5, 97.5])
    return Figure(float(gains.mean()), float(low), float(high), "+.3f")


def plain_ways(ways: dict[str, Values]) -> dict[str, Values]:
    return {way: ways[way] for way in ("dense", "keyword", "BM25", "min-max", SHIPPED)}


def _units(hit: Hit, *, by_page: bool) -> list[str]:
    """The document, or each page."""
    if not by_page:
        return [hit.source]
    first, last = hit.pages or (0, 0)
    return [f"{Path(hit.source).stem}#{number}" for number in range(first, last + 1)]


if __name__ == "__main__":
    main()
