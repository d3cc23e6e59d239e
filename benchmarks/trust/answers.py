"""Answers out of the box: how often quoting alone answers right, beside the first passage and three sentences by words.

    python -m benchmarks.trust.answers ../shared/data
    python -m benchmarks.trust.answers ../shared/data --most 100 --only clapnq_dev

Questions with an answer are asked of an index of all passages of their set. A short gold answer (up to EIGHT words) is found where
its words stand in the answer, in order; a long one is matched by F1 of words. An answer is right where a short gold answer
stands in it, or where F1 with a long one is at least HALF. A question that is refused is neither right nor wrong. What is shown
first counts too: one column looks at the first sentence alone. `words` is how quoting chose at commit 836ced7, from
the same passages, with no question refused.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np

import rag
from benchmarks.harness.measure import figure, note
from benchmarks.harness.pages import Cell, Table, page, publish, table
from benchmarks.retrieval.collections import build, name_of
from benchmarks.trust.sets import SEED, read_lines
from rag.evaluation.measures.scores import contains, normalised, token_f1
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems
from rag.types import Hit

SETS = ("clapnq_dev", "persianqa", "xquad/en", "xquad/de", "xquad/ar", "xquad/zh", "xquad/hi")
EIGHT = 8
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its gold answers, any of which is right."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer: refused, right as a whole, right in its first sentence, F1, and its length in words."""

    refused: bool
    right: bool
    right_first: bool
    f1: float
    words: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=SETS)
    parser.add_argument("--most", type=int, default=300, help="questions a set")
    parser.add_argument("--indexes", type=Path, default=Path(".bench/indexes"))
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    blocks: list[str | Table] = ["## Answers by quoting alone"]
    for name in SETS:
        if arguments.only in (None, name) and (arguments.data / name).is_dir():
            with rag.open_index(arguments.indexes / name_of(arguments.data / name), create=True) as index:
                build(index, arguments.data / name)
                blocks.append(answers_table(name, index, questions_of(arguments.data / name, arguments.most)))
                note(str(blocks[-1]))
    publish(page(*blocks), arguments.output)


def questions_of(folder: Path, most: int) -> list[Question]:
    """Questions that have an answer, the same in each run."""
    rows = [row for row in read_lines(folder / "qa.jsonl") if row.get("answerable", not row.get("is_impossible", False))]
    random.Random(SEED).shuffle(rows)
    return [Question(row["question"], tuple(row["answers"])) for row in rows[:most] if row["answers"]]


def answers_table(name: str, index: rag.Index, questions: Sequence[Question]) -> Table:
    judged: dict[str, list[Judged]] = {"rag ask --llm extractive": [], "first passage": [], "words": []}
    for question in questions:
        answer = rag.ask(question.text, index=index, llm="extractive")
        shown = [sentence.text for sentence in answer.sentences] if answer.answerable else []
        judged["rag ask --llm extractive"].append(of_answer(question, shown))
        judged["first passage"].append(of_answer(question, [hit.text for hit in answer.hits[:1]]))
        judged["words"].append(of_answer(question, three_sentences_by_words(question.text, answer.hits)))
    header = (name, "questions", "right", "wrong", "refused", "right in the first sentence", "F1", "words")
    return table(header, (row_of(way, answers) for way, answers in judged.items()))


def row_of(way: str, answers: Sequence[Judged]) -> tuple[Cell, ...]:
    shown = [one for one in answers if not one.refused]
    return (
        way,
        len(answers),
        sum(one.right for one in shown),
        sum(not one.right for one in shown),
        len(answers) - len(shown),
        sum(one.right_first for one in shown),
        figure(float(np.mean([one.f1 for one in answers])), 3),
        figure(float(np.mean([one.words for one in shown])), 1),
    )


def of_answer(question: Question, sentences: Sequence[str]) -> Judged:
    text = " ".join(sentences)
    f1 = token_f1(text, question.answers)
    right = is_right(text, question.answers)
    return Judged(not sentences, right, bool(sentences) and is_right(sentences[0], question.answers), f1, len(normalised(text)))


def is_right(text: str, answers: Sequence[str]) -> bool:
    short = [answer for answer in answers if len(normalised(answer)) <= EIGHT]
    long = [answer for answer in answers if len(normalised(answer)) > EIGHT]
    return bool(short and contains(text, short)) or bool(long and token_f1(text, long) >= HALF)


def three_sentences_by_words(question: str, hits: Sequence[Hit]) -> list[str]:
    """Up to three sentences that share the question's rarest words, each with at least .6 of the best one's score."""
    wanted = set(content_stems(question))
    sentences = list(_sentences(hits))
    words = {sentence: set(content_stems(sentence)) for sentence, _ in sentences}
    frequency = Counter(word for found in words.values() for word in found)
    rarity = {word: log(1 + len(words) / frequency[word]) for word in wanted if frequency[word]}
    scores: dict[str, float] = {}
    for sentence, rank in sentences:
        score = sum(rarity[word] for word in wanted & words[sentence] if word in rarity) * (1 - 0.05 * min(rank, 10))
        scores[sentence] = max(scores.get(sentence, 0.0), score)
    best = sorted((sentence for sentence in scores if scores[sentence] > 0), key=lambda sentence: -scores[sentence])[:3]
    return [sentence for sentence in best if scores[sentence] >= 0.6 * scores[best[0]]]


def _sentences(hits: Sequence[Hit]) -> Iterator[tuple[str, int]]:
    for rank, hit in enumerate(hits):
        for start, end in sentence_spans(hit.text):
            yield " ".join(hit.text[start:end].split()), rank


if __name__ == "__main__":
    main()
