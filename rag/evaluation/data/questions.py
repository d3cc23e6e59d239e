"""Questions with what is expected of them, as a person writes them down: one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError, nearest
from rag.evaluation.data.lines import read_lines
from rag.system.decode import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rag.types import Pages

LIKE = '{"id": "q1", "question": "…", "source": "report.pdf", "pages": [3], "answers": ["…"]}'
SOURCES = ("expected", "source", "sources", "doc_id", "doc_ids")


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A source, and perhaps its pages, in a line."""

    source: str
    page: int | list[int] | None = None
    pages: int | list[int] | None = None


Sources = str | SourceEntry | list[str | SourceEntry] | None


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A line of a file of questions: each key under one of several names, alone or in a list."""

    question: str
    id: str | int | None = None
    expected: Sources = None
    source: Sources = None
    sources: Sources = None
    doc_id: Sources = None
    doc_ids: Sources = None
    page: int | list[int] | None = None
    pages: int | list[int] | None = None
    answer: str | list[str] | None = None
    answers: str | list[str] | None = None
    answerable: bool | None = None
    is_impossible: bool | None = None
    accepted: bool | None = None


KNOWN = (*(one.name for one in fields(QuestionLine)), "passage")


@dataclass(frozen=True, slots=True)
class Expected:
    """A document, or one page of it, that should be found; `level` says how relevant it is (0: judged, and not relevant)."""

    source: str
    page: int | None = None
    level: int = 1

    @property
    def unit(self) -> str:
        """What is ranked: the source, or `SOURCE#PAGE`."""
        return self.source if self.page is None else f"{self.source}#{self.page}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question, what should be found for it, and what should be answered.

    `answers` are worded differently and each is right. `answerable` is None where nobody has said.
    """

    id: str
    text: str
    expected: tuple[Expected, ...] = ()
    answers: tuple[str, ...] = ()
    answerable: bool | None = None

    @property
    def relevant(self) -> frozenset[str]:
        """The units that should be found."""
        return frozenset(one.unit for one in self.expected if one.level > 0)

    @property
    def by_page(self) -> bool:
        """Whether pages are to be found, and not documents."""
        return any(one.page is not None for one in self.expected)

    @property
    def has_answer(self) -> bool:
        """Whether the documents should hold an answer; where nobody has said, one that expects nothing has none."""
        return bool(self.answers or self.relevant) if self.answerable is None else self.answerable

    def units(self, source: str, pages: Pages | None) -> list[str]:
        """The units that a passage of these pages belongs to; what has no pages is found as page 1."""
        if not self.by_page:
            return [source]
        first, last = pages or (1, 1)
        return [f"{source}#{page}" for page in range(first, last + 1)]


def read_questions(path: Path) -> list[Question]:
    """The questions of a file of JSON lines; of drafted ones, those that were accepted.

    Raises UsageError that names the line. Ids are the lines' numbers where there are none.
    """
    found: dict[str, Question] = {}
    drafted = 0
    for place, line, record in read_lines(path, QuestionLine, like=LIKE):
        if "accepted" in record and not line.accepted:
            drafted += 1
            continue
        question = _question(line, record, place)
        if question.id in found:
            raise UsageError(f'{place}: the id "{question.id}" is on an earlier line too. Give each question its own.')
        found[question.id] = question
    if not found and drafted:
        raise UsageError(
            f'None of the {drafted} questions in {path} is accepted yet. Read them, and write "accepted": true where one is good.'
        )
    if not found:
        raise UsageError(f"There is no question in {path}. Write one a line, as {LIKE}")
    return list(found.values())


def _question(line: QuestionLine, record: Mapping[str, Any], place: str) -> Question:
    number = place.rsplit(" ", 1)[1] if line.id is None else str(line.id)
    answers = tuple(one for one in (*_as_list(line.answer), *_as_list(line.answers)) if one.strip())
    answerable = not line.is_impossible if line.answerable is None and line.is_impossible is not None else line.answerable
    expected = _expected(line, place)
    if not expected and not answers and answerable is None:
        others = [name for name in record if name not in KNOWN]
        hint = nearest(others[0], KNOWN) if others else ""
        raise UsageError(f"{place}: nothing says what is expected: a source, an answer, or answerable.{hint} Write {LIKE}")
    if answerable is False:
        if answers:
            raise UsageError(f"{place}: this has no answer, and the answer {shown(answers[0])}. Leave one of them out.")
        return Question(number, line.question, answerable=False)  # its source says where one could look in vain
    return Question(number, line.question, expected, answers, answerable)


def _expected(line: QuestionLine, place: str) -> tuple[Expected, ...]:
    entries = [entry for name in SOURCES for entry in _as_list(getattr(line, name))]
    pages = [*_as_list(line.page), *_as_list(line.pages)]
    if pages and len(entries) != 1:
        raise UsageError(
            f'{place}: "pages" beside {len(entries)} sources. Write each with its own: "expected": [{{"source": …, "pages": […]}}]'
        )
    expected = [one for entry in entries for one in _of_entry(entry, pages, place)]
    if len({one.page is None for one in expected}) > 1:
        raise UsageError(f"{place}: some sources have pages and some have none. Give pages to all, or to none.")
    return tuple(dict.fromkeys(expected))


def _of_entry(entry: str | SourceEntry, pages: list[int], place: str) -> list[Expected]:
    if isinstance(entry, SourceEntry):
        source, pages = entry.source, [*_as_list(entry.page), *_as_list(entry.pages)]
    else:
        source = entry
    if not source.strip():
        raise UsageError(f"{place}: a source is empty. Write {LIKE}")
    for page in pages:
        if page < 1:
            raise UsageError(f"{place}: {page} is no page. Pages are whole numbers, counted from 1.")
    return [Expected(source, page) for page in pages] or [Expected(source)]


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
