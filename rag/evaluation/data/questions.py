"""Questions with what is expected of them, as a person writes them down: one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError, nearest
from rag.evaluation.data.lines import read_objects, shortened, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rag.types import Pages

LIKE = '{"id": "q1", "question": "…", "source": "report.pdf", "pages": [3], "answers": ["…"]}'
SOURCES = ("expected", "source", "sources", "doc_id", "doc_ids")
KNOWN = (*SOURCES, "id", "question", "page", "pages", "answer", "answers", "answerable", "is_impossible", "accepted", "passage")


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
    for place, told in read_objects(path, like=LIKE):
        if "accepted" in told and told["accepted"] is not True:
            if told["accepted"] not in (None, False):
                raise UsageError(f'{place}: "accepted" is {shortened(told["accepted"])}. Write true, false or null.')
            drafted += 1
            continue
        question = _question(told, place)
        if question.id in found:
            raise UsageError(f'{place}: the id "{question.id}" stands on an earlier line too. Give each question its own.')
        found[question.id] = question
    if not found and drafted:
        raise UsageError(
            f'None of the {drafted} questions in {path} is accepted yet. Read them, and write "accepted": true where one is good.'
        )
    if not found:
        raise UsageError(f"There is no question in {path}. Write one a line, as {LIKE}")
    return list(found.values())


def _question(told: Mapping[str, Any], place: str) -> Question:
    text = text_of(told, "question", place=place, like=LIKE)
    number = place.rsplit(" ", 1)[1] if told.get("id") is None else text_of(told, "id", place=place, like=LIKE)
    answers = _answers(told, place)
    answerable = _answerable(told, place)
    expected = _expected(told, place)
    if not expected and not answers and answerable is None:
        others = [name for name in told if name not in KNOWN]
        hint = nearest(others[0], KNOWN) if others else ""
        raise UsageError(f"{place}: nothing says what is expected: a source, an answer, or answerable.{hint} Write {LIKE}")
    if answerable is False:
        if answers:
            raise UsageError(f"{place}: this has no answer, and the answer {shortened(answers[0])}. Leave one of them out.")
        return Question(number, text, answerable=False)  # a source says where one could look for an answer in vain
    return Question(number, text, expected, answers, answerable)


def _expected(told: Mapping[str, Any], place: str) -> tuple[Expected, ...]:
    given = [entry for name in SOURCES if told.get(name) is not None for entry in _as_list(told[name])]
    pages = [page for name in ("page", "pages") if told.get(name) is not None for page in _as_list(told[name])]
    if pages and len(given) != 1:
        raise UsageError(
            f'{place}: "pages" beside {len(given)} sources. Write each with its own: "expected": [{{"source": …, "pages": […]}}]'
        )
    expected = [one for entry in given for one in _of_entry(entry, pages, place)]
    if len({one.page is None for one in expected}) > 1:
        raise UsageError(f"{place}: some sources have pages and some have none. Give pages to all, or to none.")
    return tuple(dict.fromkeys(expected))


def _of_entry(entry: object, pages: Iterable[object], place: str) -> list[Expected]:
    """`entry` is a source, or an object with "source" and perhaps "page" or "pages"."""
    if isinstance(entry, dict):
        pages = [page for name in ("page", "pages") if entry.get(name) is not None for page in _as_list(entry[name])]
        entry = text_of(entry, "source", place=place, like=LIKE)
    if not isinstance(entry, str) or not entry.strip():
        raise UsageError(f"{place}: {shortened(entry)} is no source. Write {LIKE}")
    for page in pages:
        if not isinstance(page, int) or isinstance(page, bool) or page < 1:
            raise UsageError(f"{place}: {shortened(page)} is no page. Pages are whole numbers, counted from 1.")
    return [Expected(entry, page) for page in pages if isinstance(page, int)] or [Expected(entry)]


def _answers(told: Mapping[str, Any], place: str) -> tuple[str, ...]:
    given = [one for name in ("answer", "answers") if told.get(name) is not None for one in _as_list(told[name])]
    for one in given:
        if not isinstance(one, str):
            raise UsageError(f"{place}: {shortened(one)} is no answer. Write {LIKE}")
    return tuple(one for one in given if one.strip())


def _answerable(told: Mapping[str, Any], place: str) -> bool | None:
    for name, is_turned in (("answerable", False), ("is_impossible", True)):
        value = told.get(name)
        if value is not None:
            if not isinstance(value, bool):
                raise UsageError(f'{place}: "{name}" is {shortened(value)}. Write true or false.')
            return value != is_turned
    return None


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]
