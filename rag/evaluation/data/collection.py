"""Test collections: BEIR's layout, and folders that have `qa.jsonl` beside their corpus.

corpus.jsonl     {"_id": "d1", "title": "…", "text": "…"}
queries.jsonl    {"_id": "q1", "text": "…"}
qrels/test.tsv   query-id, corpus-id and score, between tabs, under a line of names
qa.jsonl         questions as `rag.evaluation.data.questions` reads them, with "doc_id" or "doc_ids"
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
JUDGEMENT_LIKE = "query-id, corpus-id and score with tabs between them, the score a whole number."


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
    """Whether there is a corpus to index, and not only questions."""
    return data.is_dir()


def documents(folder: Path) -> Iterator[Document]:
    """The corpus, a document a line, read as it is needed; what has no text is passed over.

    Raises UsageError that names the line.
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
    """The questions of a collection, or of a file of questions, with what should be found. Raises UsageError."""
    if not is_collection(data):
        if split != "test":
            raise UsageError(f"{data} is a file of questions and has no split '{split}'. Leave --split out.")
        return read_questions(data)
    _check_folder(data)
    if (data / QRELS).is_dir():
        return _of_qrels(data, split)
    if (data / QA).is_file():
        return read_questions(data / QA)
    raise UsageError(f"{data} has neither {QRELS}/{split}.tsv nor {QA}, so nothing says what should be found.")


def answered_questions(data: Path) -> list[Question]:
    """The questions of a collection, or of a file of questions, with the answers that are right. Raises UsageError."""
    if not is_collection(data):
        return read_questions(data)
    _check_folder(data)
    if not (data / QA).is_file():
        raise UsageError(
            f"{data} has no {QA}, so nothing says what should be answered. Write a question a line there, as "
            '{"id": "q1", "question": "…", "answers": ["…"], "doc_id": "d1"}'
        )
    return read_questions(data / QA)


def _check_folder(folder: Path) -> None:
    if not (folder / CORPUS).is_file():
        raise UsageError(
            f"{folder} has no {CORPUS}. A collection has {CORPUS}, {QUERIES} and {QRELS}/test.tsv; for questions about documents "
            "that you have indexed, name a file of JSON lines."
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
    """Levels by query and document, in the order of the file, whose first line may be the names of the columns."""
    levels: dict[str, dict[str, int]] = {}
    for number, line in text_lines(path):
        cells = line.rstrip("\r\n").split("\t")
        if not line.strip() or (number == 1 and cells[-1].strip().lower() == "score"):
            continue
        try:
            query, name, level = cells
            levels.setdefault(query, {})[name] = int(level)
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: {shown(line.strip())} is no judgement. Write {JUDGEMENT_LIKE}") from error
    if not levels:
        raise UsageError(f"There are no judgements in {path}. Write {JUDGEMENT_LIKE}")
    return levels
