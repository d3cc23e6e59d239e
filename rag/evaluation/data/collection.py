"""Test collections: BEIR's layout, and folders with `qa.jsonl` beside the corpus.

corpus.jsonl     {"_id": "d1", "title": "…", "text": "…"}
queries.jsonl    {"_id": "q1", "text": "…"}
qrels/test.tsv   query-id, corpus-id and score, separated by tabs; the first line may be a header
qa.jsonl         questions for `rag.evaluation.data.questions`, with "doc_id" or "doc_ids"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.errors import UsageError, nearest
from rag.evaluation.data.lines import read_lines, text_lines
from rag.evaluation.data.questions import Expected, Question, read_questions
from rag.system.decode import shown
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CORPUS, QUERIES, QRELS, QA = "corpus.jsonl", "queries.jsonl", "qrels", "qa.jsonl"
DOCUMENT_LIKE = '{"_id": "d1", "title": "…", "text": "…"}'
QUERY_LIKE = '{"_id": "q1", "text": "…"}'
JUDGEMENT_LIKE = "query-id, corpus-id and score, separated by tabs; the score is a whole number."


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """A line of corpus.jsonl."""

    _id: str | int
    text: str = ""
    title: str | None = None


@dataclass(frozen=True, slots=True)
class QueryLine:
    """A line of queries.jsonl."""

    _id: str | int
    text: str


def is_collection(data: Path) -> bool:
    """Whether the data are a folder with a corpus, not only a file of questions."""
    return data.is_dir()


def documents(folder: Path) -> Iterator[Document]:
    """Yields the documents of the corpus, read line by line. Documents without text are skipped.

    Raises UsageError, which names the line.
    """
    path = folder / CORPUS
    seen: set[str] = set()
    for place, line, _ in read_lines(path, DocumentLine, like=DOCUMENT_LIKE):
        name = str(line._id)
        if name in seen:
            raise UsageError(f'{place}: the _id "{name}" is on an earlier line too. Give each document its own.')
        seen.add(name)
        if line.text.strip():
            yield Document(line.text, name, line.title or "")


def judged_questions(data: Path, *, split: str = "test") -> list[Question]:
    """The questions of a collection, or of a file of questions, with expected documents. Raises UsageError."""
    if not is_collection(data):
        if split != "test":
            raise UsageError(f"{data} is a file of questions and has no split '{split}'. Leave --split out.")
        return read_questions(data)
    _check_folder(data)
    if (data / QRELS).is_dir():
        return _of_qrels(data, split)
    if (data / QA).is_file():
        return read_questions(data / QA)
    raise UsageError(
        f"{data} has neither {QRELS}/{split}.tsv nor {QA}, so the expected documents are unknown. Add one of them."
    )


def answered_questions(data: Path) -> list[Question]:
    """The questions of a collection, or of a file of questions, with right answers. Raises UsageError."""
    if not is_collection(data):
        return read_questions(data)
    _check_folder(data)
    if not (data / QA).is_file():
        raise UsageError(
            f"{data} has no {QA}, so the right answers are unknown. Write the file, with a question in each line such as "
            '{"id": "q1", "question": "…", "answers": ["…"], "doc_id": "d1"}'
        )
    return read_questions(data / QA)


def _check_folder(folder: Path) -> None:
    if not (folder / CORPUS).is_file():
        raise UsageError(
            f"{folder} has no {CORPUS}. A collection has {CORPUS}, {QUERIES} and {QRELS}/test.tsv; for questions about documents "
            "in your own index, name a file of JSON lines."
        )


def _of_qrels(folder: Path, split: str) -> list[Question]:
    texts = _queries(folder / QUERIES)
    path = folder / QRELS / f"{split}.tsv"
    if not path.is_file():
        others = sorted(file.stem for file in (folder / QRELS).glob("*.tsv"))
        raise UsageError(
            f"There is no {path}.{nearest(split, others)} Known: {', '.join(others) or 'none'}. Name one with --split."
        )
    levels = _judgements(path)
    for query in levels:
        if query not in texts:
            raise UsageError(f'{path}: the query-id "{query}" is not in {folder / QUERIES}.{nearest(query, texts)}')
    return [
        Question(query, texts[query], tuple(Expected(name, level=level) for name, level in judged.items()))
        for query, judged in levels.items()
    ]


def _queries(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for place, line, _ in read_lines(path, QueryLine, like=QUERY_LIKE):
        name = str(line._id)
        if name in texts:
            raise UsageError(f'{place}: the _id "{name}" is on an earlier line too. Give each query its own.')
        texts[name] = line.text
    return texts


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    """Levels by query and document, in the order of the file. The first line may be a header."""
    levels: dict[str, dict[str, int]] = {}
    for number, line in text_lines(path):
        cells = line.rstrip("\r\n").split("\t")
        if not line.strip() or (number == 1 and cells[-1].strip().lower() == "score"):
            continue
        try:
            query, name, level = cells
            levels.setdefault(query, {})[name] = int(level)
        except ValueError as error:
            raise UsageError(
                f"{path}, line {number}: {shown(line.strip())} is not a judgement. Write {JUDGEMENT_LIKE}"
            ) from error
    if not levels:
        raise UsageError(f"There are no judgements in {path}. Write {JUDGEMENT_LIKE}")
    return levels
