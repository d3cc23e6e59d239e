"""How well the verifier tells what the sources bear out: planted errors, citations against gold sentences, SciFact's claims.

    python -m benchmarks.grounding.verifier ../shared/data                     # the default verifier, words and embeddings
    python -m benchmarks.grounding.verifier ../shared/data --verifier words    # words alone
    python -m benchmarks.grounding.verifier ../shared/data --only claims --verifier nli:FOLDER

Gold answers are ClapNQ's, sentence by sentence, beside their own passage and four others; and sentences of XQuAD's
paragraphs as they stand. SciFact's claims stand beside each sentence of the abstracts that they were made from: those of a
rationale that supports the claim are to score above all others. Claims of its test part are measured; those of its train
part may be fitted on (`--part train`).
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.grounding.planted import ASKED_FOR, KINDS, NUMBERS_AND_DATES, planted
from benchmarks.harness.measure import figure, note
from benchmarks.harness.pages import Table, page, publish, table
from rag import specs
from rag.grounding.lexical import LexicalVerifier
from rag.text.sentences import sentence_spans
from rag.types import Passage

if TYPE_CHECKING:
    from rag.protocols import Embedder, Verifier

OTHERS = 4
"""Passages beside a gold answer's own."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A true sentence and the passages that an answer would have had, its own first."""

    sentence: str
    passages: list[Passage]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--verifier", default="default", help="default, words, or what rag.specs.open_verifier knows")
    parser.add_argument("--only", choices=["errors", "citations", "claims"])
    parser.add_argument("--part", default="test", choices=["train", "test"], help="SciFact's claims")
    parser.add_argument("--show", help="print the sentences of this kind that are called wrongly ('untouched' for true ones)")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    embedder = None if arguments.verifier == "words" else specs.open_embedder()
    verifier = open_verifier(arguments.verifier, embedder)
    parts = {
        "errors": lambda: errors(arguments.data, verifier, arguments.show),
        "citations": lambda: citations(arguments.data, verifier),
        "claims": lambda: claims(arguments.data, verifier, arguments.part),
    }
    blocks: list[str | Table] = []
    for name, part in parts.items():
        if arguments.only in (None, name):
            started = time.perf_counter()
            blocks += part()
            note(f"{name}: {time.perf_counter() - started:.0f} s")
    publish(page(*blocks), arguments.output)


def open_verifier(spec: str, embedder: Embedder | None) -> Verifier:
    """`words` is the default verifier without an embedder."""
    return LexicalVerifier(embedder) if spec in ("default", "words") else specs.open_verifier(spec)


def errors(data: Path, verifier: Verifier, show: str | None) -> Iterator[str | Table]:
    """Of each kind of planted error the share that is not called full; of true sentences what they are called."""
    for name, golds in (("ClapNQ answers", clapnq_answers(data)), ("XQuAD sentences", xquad_sentences(data))):
        called: dict[str, Counter[str]] = {kind: Counter() for kind in ("untouched", *KINDS)}
        for gold in golds:
            source = gold.passages[0].text
            for kind, sentence in {"untouched": gold.sentence, **planted(gold.sentence, source)}.items():
                judged, spans = verifier.check(sentence, gold.passages)
                called[kind][judged.support] += 1
                if kind == show and (judged.support == "full") != (kind == "untouched"):
                    quotes = " | ".join(passage.text[start:end] for passage, start, end in spans)
                    yield f"{judged.support} {judged.score:.2f}: {sentence}\n    WAS {gold.sentence}\n    QUOTE {quotes}"
        yield error_table(name, called)


def error_table(name: str, called: dict[str, Counter[str]]) -> Table:
    rows = []
    groups = {kind: (kind,) for kind in called} | {
        "**numbers and dates**": NUMBERS_AND_DATES,
        "**all but exchanged**": ASKED_FOR,
    }
    for title, kinds in groups.items():
        counts = sum((called[kind] for kind in kinds), Counter[str]())
        total = max(1, counts.total())
        shares = [counts["full"], counts["partial"], counts["none"], total - counts["full"]]
        rows.append((title, counts.total(), *(figure(100 * share / total, 1, " %") for share in shares)))
    return table((name, "sentences", "full", "partial", "none", "not full"), rows)


def citations(data: Path, verifier: Verifier) -> Iterator[Table]:
    """Sentences that are cited for a gold answer, against those that its author chose; milliseconds an answer."""
    right = cited_total = gold_total = 0
    seconds = []
    corpus = {row["_id"]: row for row in read_lines(data / "clapnq_dev" / "corpus.jsonl")}
    for row in answerable(data):
        passages = passages_of(corpus, row["doc_ids"])
        sentences = {
            (p.number, span): " ".join(p.text[slice(*span)].split()) for p in passages for span in sentence_spans(p.text)
        }
        chosen = " ".join(" ".join(s.split()) for group in row["selected_sentences"] for s in group)
        gold = {key for key, text in sentences.items() if key[0] == 1 and text.rstrip(" .") in chosen}
        texts = [row["answers"][0][start:end] for start, end in sentence_spans(row["answers"][0])]
        started = time.perf_counter()
        spans = [span for text in texts for span in verifier.check(text, passages)[1]]
        seconds.append(time.perf_counter() - started)
        cited = {key for key in sentences for p, a, b in spans if p.number == key[0] and a <= key[1][0] and key[1][1] <= b}
        right, cited_total, gold_total = right + len(cited & gold), cited_total + len(cited), gold_total + len(gold)
    median, slow = (figure(1000 * float(np.percentile(seconds, q)), 1) for q in (50, 95))
    header = ("ClapNQ: cited sentences", "precision", "recall", "ms an answer, median", "95th percentile")
    precision, recall = figure(right / cited_total, 3), figure(right / gold_total, 3)
    yield table(header, [(f"{cited_total} of {gold_total} gold", precision, recall, median, slow)])


def claims(data: Path, verifier: Verifier, part: str) -> Iterator[Table]:
    """Area under the ROC curve of the verifier's score and of the plain cosine."""
    pairs = list(claim_pairs(data, part))
    embedder = specs.open_embedder()
    texts = list(dict.fromkeys(text for pair in pairs for text in pair[:2]))
    known = dict(zip(texts, embedder.embed_passages([cut(text, embedder) for text in texts]), strict=True))
    cosine = np.array([known[claim] @ known[sentence] for claim, sentence, _ in pairs])
    score = np.array([verifier.check(claim, [Passage(1, sentence, "s")])[0].score for claim, sentence, _ in pairs])
    label = np.array([label for _, _, label in pairs])
    rows = []
    for name, among in (("all others", label <= 1), ("those that contradict", label != 0)):
        right = label[among] == 1
        areas = [figure(float(roc_auc_score(right, values[among])), 3) for values in (cosine, score)]
        rows.append((name, f"{right.sum()} and {(~right).sum()}", *areas))
    yield table((f"SciFact ({part}): supporting sentences against", "sentences", "plain cosine", "verifier"), rows)


def claim_pairs(data: Path, part: str) -> Iterator[tuple[str, str, int]]:
    """(claim, sentence, 1 for supporting, -1 for contradicting, 0 for neither), of the abstracts that a claim has a rationale in."""
    folder = data / "scifact"
    judged = {line.split("\t")[0] for line in (folder / "qrels" / f"{part}.tsv").read_text().splitlines()[1:]}
    with gzip.open(folder / "corpus_sentences.jsonl.gz", "rt", encoding="utf-8") as lines:
        abstracts = {row["_id"]: row["sentences"] for row in map(json.loads, lines)}
    for row in read_lines(folder / "queries.jsonl"):
        for document, rationales in row["metadata"].items() if row["_id"] in judged else ():
            labels = {i: 1 if r["label"] == "SUPPORT" else -1 for r in rationales for i in r["sentences"]}
            for i, sentence in enumerate(abstracts[document]):
                yield row["text"], sentence, labels.get(i, 0)


def clapnq_answers(data: Path) -> Iterator[Gold]:
    corpus = {row["_id"]: row for row in read_lines(data / "clapnq_dev" / "corpus.jsonl")}
    for row in answerable(data):
        passages = passages_of(corpus, row["doc_ids"])
        for start, end in sentence_spans(row["answers"][0]):
            yield Gold(row["answers"][0][start:end], passages)


def xquad_sentences(data: Path) -> Iterator[Gold]:
    """Every fourth sentence that holds an answer of a paragraph, as it stands."""
    corpus = {row["_id"]: row for row in read_lines(data / "xquad" / "en" / "corpus.jsonl")}
    seen = set()
    for row in read_lines(data / "xquad" / "en" / "qa.jsonl")[::4]:
        text, position = corpus[row["doc_id"]]["text"], row["answer_starts"][0]
        for start, end in sentence_spans(text):
            if start <= position < end and (row["doc_id"], start) not in seen:
                seen.add((row["doc_id"], start))
                yield Gold(text[start:end], passages_of(corpus, [row["doc_id"]]))


def passages_of(corpus: dict[str, dict], own: list[str]) -> list[Passage]:
    """The document's passage as source 1, and those that follow it in the collection."""
    ids = list(corpus)
    first = ids.index(own[0])
    chosen = [*own, *[i for i in ids[first + 1 : first + 20] + ids[:20] if i not in own][:OTHERS]]
    return [Passage(n, corpus[i]["text"], i, corpus[i].get("title", "")) for n, i in enumerate(chosen, 1)]


def answerable(data: Path) -> list[dict]:
    return [row for row in read_lines(data / "clapnq_dev" / "qa.jsonl") if row["answerable"]]


def cut(text: str, embedder: Embedder) -> str:
    """A text that the embedder can read whole."""
    while embedder.count_tokens([text])[0] > embedder.identity.max_tokens:
        text = text[: len(text) * 3 // 4]
    return text


def read_lines(path: Path) -> list[dict]:
    """One JSON object a line."""
    return [json.loads(line) for line in path.open(encoding="utf-8")]


if __name__ == "__main__":
    main()
