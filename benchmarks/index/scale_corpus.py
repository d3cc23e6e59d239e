"""Passages by the hundred thousand with vectors: real ones as far as there are any, then drawn ones (see drawn_passages.py).

    python -m benchmarks.index.scale_corpus --chunks 1000000

Real passages come from the indexes in .bench/indexes (see real_passages.py), their documents in a shuffled order. The first n
passages of a large corpus are a small one. Written to .bench/scale/:

    documents.jsonl   one line a document: {"source", "title", "media_type", "metadata", "text", "chunks": [[start, end, heading], …]}
    vectors.npy       float32, shape (passages, dimension), length 1; the passages of the documents, one after the other
    questions.jsonl   {"collection", "id", "text"}     questions.npy   their vectors, in the same order
    facts.json        what it was made of, and how near questions and strangers are to the real and to the drawn part
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

import rag
from benchmarks.harness.corpus import BENCH
from benchmarks.harness.measure import note
from benchmarks.index.drawn_passages import TextSource, VectorSource, cosines_of_strangers
from benchmarks.index.oracle import Vectors, nearest_rows
from benchmarks.index.real_passages import COLLECTIONS, DATA, INDEXES, lines

SCALE = BENCH / "scale"
REAL = (*COLLECTIONS, "financebench")
SEED = 20261121
PASSAGES_A_DOCUMENT = 20
DOCUMENTS_A_BLOCK = 500
ASKED = {"scifact": "scifact/queries.jsonl", "cranfield": "cranfield/queries.jsonl", "clapnq": "clapnq_dev/queries.jsonl"}
ASKED_XQUAD = "xquad/en/qa.jsonl"
QUESTIONS_OF_EACH = 150
KINDS = (("txt", "text/plain", 70), ("md", "text/markdown", 20), ("pdf", "application/pdf", 10))
SHELVES = ("general", "science", "law", "history", "travel", "letters", "recipes", "rare")


@dataclass(frozen=True, slots=True)
class Text:
    """A document of the corpus, as a line of documents.jsonl holds it."""

    source: str
    title: str
    media_type: str
    text: str
    chunks: list[tuple[int, int, str]]
    metadata: dict[str, Any] = field(default_factory=dict)

    def passages(self) -> list[str]:
        return [self.text[start:end] for start, end, _ in self.chunks]


# what there is


def real_texts(indexes: Path) -> tuple[list[Text], list[Vectors], dict[str, int]]:
    """All documents of the indexes in a shuffled order, the vectors of each, and how many passages each index gave."""
    found: list[tuple[Text, Vectors]] = []
    counts = {}
    chance = random.Random(SEED)
    for name in REAL:
        if (indexes / name / "catalog.sqlite").is_file():
            before = len(found)
            with rag.open_index(indexes / name) as index:
                found += [(with_metadata(text, name, chance), vectors) for text, vectors in texts_of(name, index)]
            counts[name] = sum(len(text.chunks) for text, _ in found[before:])
    chance.shuffle(found)
    return [text for text, _ in found], [vectors for _, vectors in found], counts


def texts_of(name: str, index: rag.Index) -> Iterator[tuple[Text, Vectors]]:
    """The documents of an index with their vectors."""
    chunks = index.catalog.chunks_added_since(-1)
    for source, hits in groupby(index.hits([(chunk, 0.0) for chunk in chunks]), key=lambda hit: hit.source):
        passages = list(hits)
        document = index.catalog.document(source)
        if document is not None:
            spans = [(hit.start, hit.end, hit.heading) for hit in passages]
            place = f"/{name}/{source.lstrip('/')}"
            place += "" if Path(place).suffix == ".pdf" else ".txt"
            text = Text(place, document.title, document.media_type, document.text, spans)
            yield text, index.vectors_of([hit.chunk for hit in passages])


def with_metadata(text: Text, collection: str, chance: random.Random) -> Text:
    """The same with a shelf, which few documents share or many, and a year."""
    (shelf,) = chance.choices(SHELVES, [1 / rank**2 for rank in range(1, len(SHELVES) + 1)])
    return replace(text, metadata={"collection": collection, "shelf": shelf, "year": chance.randint(1990, 2026)})


def questions() -> list[dict[str, str]]:
    """Real questions of four collections, evenly chosen."""
    asked: dict[str, list[tuple[str, str]]] = {
        name: [(row["_id"], row["text"]) for row in lines(DATA / path)] for name, path in ASKED.items()
    }
    asked["xquad-en"] = [(row["id"], row["question"]) for row in lines(DATA / ASKED_XQUAD)]
    return [
        {"collection": name, "id": number, "text": text}
        for name, rows in asked.items()
        for number, text in rows[:: max(len(rows) // QUESTIONS_OF_EACH, 1)][:QUESTIONS_OF_EACH]
    ]


# what is drawn


class Draw:
    """Documents drawn around real ones, block after block."""

    def __init__(self, real: Sequence[Text], vectors: Vectors) -> None:
        self._rng = np.random.default_rng(SEED)
        self._random = random.Random(SEED)
        self._vectors = VectorSource(vectors, self._rng, SEED)
        self._texts = TextSource([passage for text in real for passage in text.passages()], SEED)
        self._titles = [text.title for text in real for _ in text.chunks]

    def block(self, first_number: int, documents: int) -> tuple[list[Text], Vectors]:
        first, second = self._vectors.pairs(documents, PASSAGES_A_DOCUMENT)
        texts = [self._document(first_number + row, first[row].tolist(), second[row].tolist()) for row in range(documents)]
        return texts, self._vectors.between(first.ravel(), second.ravel())

    def _document(self, number: int, first: Sequence[int], second: Sequence[int]) -> Text:
        passages = [self._texts.between(a, b) or "…" for a, b in zip(first, second, strict=True)]
        spans, start = [], 0
        for passage in passages:
            spans.append((start, start + len(passage), ""))
            start += len(passage) + 2
        ((suffix, media_type, _),) = self._random.choices(KINDS, [share for _, _, share in KINDS])
        text = Text(f"/drawn/{number:06}.{suffix}", self._titles[first[0]], media_type, "\n\n".join(passages), spans)
        return with_metadata(text, "drawn", self._random)


# all of it


def make(out: Path, chunks: int, indexes: Path) -> dict[str, Any]:
    """Write the corpus; what facts.json holds."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    real, rows, counts = real_texts(indexes)
    if not real:
        raise SystemExit(
            f"There are no indexes in {indexes} to make a corpus of. Make them with: benchmarks/index/real_passages.py"
        )
    vectors = np.concatenate(rows)
    note(f"{len(vectors):,} real passages of {len(real):,} documents: {counts}")
    everything = np.lib.format.open_memmap(
        out / "vectors.npy", mode="w+", dtype=np.float32, shape=(max(chunks, 1), vectors.shape[1])
    )
    written = 0
    with (out / "documents.jsonl").open("w", encoding="utf-8") as file:
        for texts, block in blocks(real, vectors, chunks):
            fitting = block[: chunks - written]
            everything[written : written + len(fitting)] = fitting
            write_documents(file, texts, len(fitting))
            written += len(fitting)
            note(f"{written:,} passages, {time.perf_counter() - started:.0f} s")
    everything.flush()
    facts = {"passages": written, "real": counts, "seed": SEED, "seconds": round(time.perf_counter() - started)}
    asked = write_questions(out)
    facts["cosines"] = cosines(asked, vectors[:written], everything)
    (out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def blocks(real: Sequence[Text], vectors: Vectors, chunks: int) -> Iterator[tuple[Sequence[Text], Vectors]]:
    """Documents and their vectors until there are at least so many passages."""
    yield real, vectors
    missing = chunks - len(vectors)
    if missing <= 0:
        return
    draw = Draw(real, vectors)
    documents = -(-missing // PASSAGES_A_DOCUMENT)
    for first in range(0, documents, DOCUMENTS_A_BLOCK):
        yield draw.block(first, min(DOCUMENTS_A_BLOCK, documents - first))


def write_documents(file: Any, texts: Sequence[Text], passages: int) -> None:
    """The documents of the first so many passages; the last one loses those that are beyond."""
    for text in texts:
        if passages <= 0:
            return
        line = asdict(text) | {"chunks": text.chunks[:passages]}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        passages -= len(text.chunks)


def write_questions(out: Path) -> Vectors:
    """Embed the questions and write both; their vectors."""
    rows = questions()
    embedder = rag.open_embedder("minilm")
    vectors = np.array([embedder.embed_question(row["text"]) for row in rows], np.float32)
    np.save(out / "questions.npy", vectors)
    with (out / "questions.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return vectors


def cosines(asked: Vectors, real: Vectors, everything: Vectors) -> dict[str, dict[str, float]]:
    """How near the questions' first and tenth passages are, and passages that have nothing to do with each other.

    `a tenth of the real part` shows how these grow with a corpus.
    """
    rng = np.random.default_rng(SEED)
    sample = real[rng.permutation(len(real))[: len(real) // 10]]
    parts = {"a tenth of the real part": sample, "the real part": real}
    if len(everything) > len(real):
        parts["drawn, as many"] = everything[len(real) : 2 * len(real)]
        parts["all"] = everything
    return {name: describe(asked, part, rng) for name, part in parts.items()}


def describe(asked: Vectors, part: Vectors, rng: np.random.Generator) -> dict[str, float]:
    best, _ = nearest_rows(asked, part, 20)
    strangers = cosines_of_strangers(part, rng)
    columns: Mapping[str, Any] = {"first": best[:, 0], "tenth": best[:, 9], "strangers": strangers}
    described = {"passages": float(len(part)), "tenth less twentieth": float((best[:, 9] - best[:, 19]).mean())}
    for name, values in columns.items():
        described[f"{name}, mean"] = float(values.mean())
        for percentile in (10, 50, 90):
            described[f"{name}, {percentile} %"] = float(np.percentile(values, percentile))
    return {name: round(value, 4) for name, value in described.items()}


# reading


def read_documents(folder: Path, passages: int) -> Iterator[Text]:
    """The documents of the first so many passages of a corpus, the last one cut short."""
    with (folder / "documents.jsonl").open(encoding="utf-8") as file:
        for line in file:
            if passages <= 0:
                return
            row = json.loads(line)
            spans = [(start, end, heading) for start, end, heading in row.pop("chunks")[:passages]]
            passages -= len(spans)
            yield Text(**row, chunks=spans)


def has_passages(folder: Path, chunks: int) -> bool:
    """Whether a corpus of at least so many passages lies there."""
    facts = folder / "facts.json"
    return facts.is_file() and bool(json.loads(facts.read_text(encoding="utf-8"))["passages"] >= chunks)


def scale_corpus(chunks: int, *, folder: Path = SCALE, indexes: Path = INDEXES) -> Path:
    """The corpus's folder, made where it is missing or too small."""
    if not has_passages(folder, chunks):
        (folder / "facts.json").unlink(missing_ok=True)
        make(folder, chunks, indexes)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--indexes", type=Path, default=INDEXES, metavar="DIR")
    parser.add_argument("--out", type=Path, default=SCALE, metavar="DIR")
    arguments = parser.parse_args()
    print(json.dumps(make(arguments.out, arguments.chunks, arguments.indexes), indent=1))


if __name__ == "__main__":
    main()
