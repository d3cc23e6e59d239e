"""Questions with expected sources and answers, as people write them: one JSON object in each line."""

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
    """An expected source in a line, with optional pages."""

    source: str
    page: int | list[int] | None = None
    pages: int | list[int] | None = None


Sources = str | SourceEntry | list[str | SourceEntry] | None


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A line of a file of questions. A key may have several names, and a value may be single or a list."""

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


KNOWN = (*(field.name for field in fields(QuestionLine)), "passage")


@dataclass(frozen=True, slots=True)
class Expected:
    """An expected document, or one page of it. `level` is the relevance, 0 for a judged document that is not relevant."""

    source: str
    page: int | None = None
    level: int = 1

    @property
    def unit(self) -> str:
        """The ranked unit: the source, or `SOURCE#PAGE`."""
        return self.source if self.page is None else f"{self.source}#{self.page}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its expected documents and right answers.

    `answers` are alternative wordings, each of them right. `answerable` is None if the data do not say it.
    """

    id: str
    text: str
    expected: tuple[Expected, ...] = ()
    answers: tuple[str, ...] = ()
    answerable: bool | None = None

    @property
    def relevant(self) -> frozenset[str]:
        """The relevant units, which search should find."""
        return frozenset(expected.unit for expected in self.expected if expected.level > 0)

    @property
    def by_page(self) -> bool:
        """Whether the expected units are pages, not documents."""
        return any(expected.page is not None for expected in self.expected)

    @property
    def has_answer(self) -> bool:
        """Whether the documents contain an answer. If the data do not say it, they do if anything is expected."""
        if self.answerable is not None:
            return self.answerable
        return bool(self.answers or self.relevant)

    def units(self, source: str, pages: Pages | None) -> list[str]:
        """The units of a passage on these pages (first, last). A document without pages counts as page 1."""
        if not self.by_page:
            return [source]
        first, last = pages or (1, 1)
        return [f"{source}#{page}" for page in range(first, last + 1)]


def read_questions(path: Path) -> list[Question]:
    """Read the questions of a file of JSON lines. Of drafts, only accepted ones are used.

    A question without an id gets its line number. Raises UsageError, which names the line.
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
        raise UsageError(f"There is no question in {path}. Write one in each line, such as {LIKE}")
    return list(found.values())


def _question(line: QuestionLine, record: Mapping[str, Any], place: str) -> Question:
    number = place.rsplit(" ", 1)[1] if line.id is None else str(line.id)
    answers = tuple(answer for answer in (*_as_list(line.answer), *_as_list(line.answers)) if answer.strip())
    answerable = line.answerable
    if answerable is None and line.is_impossible is not None:
        answerable = not line.is_impossible
    expected = _expected(line, place)
    if not expected and not answers and answerable is None:
        others = [name for name in record if name not in KNOWN]
        hint = nearest(others[0], KNOWN) if others else ""
        raise UsageError(f"{place}: nothing says what is expected: a source, an answer, or answerable.{hint} Write {LIKE}")
    if answerable is False:
        if answers:
            raise UsageError(
                f"{place}: the question is not answerable, but has the answer {shown(answers[0])}. Remove one of them."
            )
        return Question(number, line.question, answerable=False)  # its source is only the document that it seems to be about
    return Question(number, line.question, expected, answers, answerable)


def _expected(line: QuestionLine, place: str) -> tuple[Expected, ...]:
    entries = [entry for name in SOURCES for entry in _as_list(getattr(line, name))]
    pages = [*_as_list(line.page), *_as_list(line.pages)]
    if pages and len(entries) != 1:
        raise UsageError(
            f'{place}: "pages" beside {len(entries)} sources. Write the pages of each source: "expected": [{{"source": …, "pages": […]}}]'
        )
    expected = [unit for entry in entries for unit in _of_entry(entry, pages, place)]
    if len({unit.page is None for unit in expected}) > 1:
        raise UsageError(f"{place}: some sources have pages and others do not. Give pages to all, or to none.")
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
            raise UsageError(f"{place}: {page} is not a page. Pages are whole numbers, counted from 1.")
    return [Expected(source, page) for page in pages] or [Expected(source)]


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
