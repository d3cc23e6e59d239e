"""Documents with reference summaries, as JSON lines: our own form below, or those of SQuALITY and QMSum.

{"id": "d1", "source": "report.pdf", "summaries": ["…"], "focus": "…"}
{"id": "d2", "title": "…", "document": "the whole text", "summary": "…"}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError
from rag.evaluation.data.lines import decoded_line, read_objects, text_of
from rag.system.decode import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LIKE = '{"id": "d1", "source": "report.pdf", "summaries": ["…"]}, or with "document": "the text" for "source"'


@dataclass(frozen=True, slots=True)
class ToSummarize:
    """A document to summarise, with reference summaries. `path` names its file if `text` is empty; `focus` is the subject."""

    id: str
    references: tuple[str, ...]
    text: str = ""
    path: str = ""
    title: str = ""
    focus: str = ""


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """A line in our own form."""

    id: str | int | None = None
    source: str | None = None
    document: str | None = None
    title: str | None = None
    focus: str | None = None
    summary: str | list[str] | None = None
    summaries: str | list[str] | None = None


def read_summary_data(path: Path) -> list[ToSummarize]:
    """Read all documents to summarise. Paths are relative to the file. Raises UsageError, which names the line."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder. Name a file of JSON lines, each with a document and its summaries.")
    found: dict[str, ToSummarize] = {}
    for place, row in read_objects(path, like=LIKE):
        for task in _of_row(row, place, path.parent):
            if task.id in found:
                raise UsageError(f'{place}: the id "{task.id}" is on an earlier line too. Give each summary its own.')
            found[task.id] = task
    if not found:
        raise UsageError(f"There is no document in {path}. Write one in each line, such as {LIKE}")
    return list(found.values())


def _of_row(row: Mapping[str, Any], place: str, folder: Path) -> Iterator[ToSummarize]:
    if "meeting_transcripts" in row:
        yield from _of_qmsum(row, place)
    elif "questions" in row and "document" in row:
        yield from _of_squality(row, place)
    else:
        yield _of_own(row, place, folder)


def _of_own(row: Mapping[str, Any], place: str, folder: Path) -> ToSummarize:
    line = decoded_line(row, SummaryLine, place=place, like=LIKE)
    references = [*_as_list(line.summary), *_as_list(line.summaries)]
    if not references or not all(reference.strip() for reference in references):
        raise UsageError(f"{place}: there is no summary to compare with, only {shown(references)}. Write {LIKE}")
    number = place.rsplit(" ", 1)[1] if line.id is None else str(line.id)
    title, focus = line.title or "", line.focus or ""
    if line.document:
        return ToSummarize(number, tuple(references), text=line.document, title=title, focus=focus)
    if not line.source:
        raise UsageError(f"{place}: there is neither a document nor a source. Write {LIKE}")
    source = folder / line.source
    if not source.is_file():
        raise UsageError(f"{place}: there is no file {source}. Write its path from the folder of {place.split(', line')[0]}.")
    return ToSummarize(number, tuple(references), path=str(source), title=title, focus=focus)


def _of_squality(row: Mapping[str, Any], place: str) -> Iterator[ToSummarize]:
    """A summary for each question. The first question always asks for the plot."""
    text = text_of(row, "document", place=place, like=LIKE)
    try:
        name = str(row["metadata"]["passage_id"])
        for number, question in enumerate(row["questions"], 1):
            references = _texts([response["response_text"] for response in question["responses"]])
            yield ToSummarize(f"{name}-{number}", references, text=text, title=name, focus=str(question["question_text"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{place}: this looks like SQuALITY, but {_problem(error)}. Write {LIKE}") from error


def _of_qmsum(row: Mapping[str, Any], place: str) -> Iterator[ToSummarize]:
    """A summary for each query about a meeting. Its turns become lines of text."""
    number = place.rsplit(" ", 1)[1]
    try:
        text = "\n".join(f"{turn['speaker']}: {turn['content']}" for turn in row["meeting_transcripts"])
        queries = [*(row.get("general_query_list") or ()), *(row.get("specific_query_list") or ())]
        for place_in_meeting, query in enumerate(queries, 1):
            name = f"{number}-{place_in_meeting}"
            references = _texts([query["answer"]])
            yield ToSummarize(name, references, text=text, title=f"Meeting {number}", focus=str(query["query"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{place}: this looks like QMSum, but {_problem(error)}. Write {LIKE}") from error


def _texts(references: Sequence[object]) -> tuple[str, ...]:
    """The reference summaries. Raises ValueError if there are none, or one is empty or not a string."""
    texts = tuple(reference for reference in references if isinstance(reference, str) and reference.strip())
    if not texts or len(texts) < len(references):
        raise ValueError(f"{shown(list(references))} is not a summary to compare with")
    return texts


def _problem(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _as_list(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
