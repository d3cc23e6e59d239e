"""Read files of JSON lines. Errors name the file and the line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from rag.errors import UsageError
from rag.system.decode import decoded, shown
from rag.text.words import LONE_SURROGATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")


def read_objects(path: Path, *, like: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each object with its place, "FILE, line N". Empty lines are skipped.

    `like` is an example of a correct line. Raises UsageError for an unreadable file, and for a line without a JSON object.
    """
    yield from objects_in(text_lines(path), path, like=like)


def objects_in(lines: Iterable[tuple[int, str]], path: Path, *, like: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """`read_objects` for lines that are already read, each with its number."""
    for number, line in lines:
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{place}: not JSON ({error}). Write {like}") from error
        if not isinstance(value, dict):
            raise UsageError(f"{place}: {shown(value)} is not a JSON object. Write {like}")
        yield place, value


def read_lines(path: Path, kind: type[T], *, like: str) -> Iterator[tuple[str, T, dict[str, Any]]]:
    """Yields each line with its place, as a dataclass, and as a dict. Unknown keys are allowed.

    Raises UsageError for a line that does not fit the dataclass.
    """
    for place, record in read_objects(path, like=like):
        yield place, decoded_line(record, kind, place=place, like=like), record


def decoded_line(record: Mapping[str, Any], kind: type[T], *, place: str, like: str) -> T:
    """The object of a line as a dataclass. Raises UsageError, also for lone surrogates."""
    line = decoded(record, kind, place=place, others=True, like=like)
    refuse_half_characters(record, record, place)
    return line


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers, from 1. Raises UsageError for an unreadable file."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                yield number, line
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}, after line {number}: not UTF-8 text. Save the file as UTF-8.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error


def text_of(record: Mapping[str, Any], name: str, *, place: str, like: str) -> str:
    """The value of a key that must be a non-empty string; an integer becomes its digits. Raises UsageError."""
    value = record.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        problem = f'"{name}" is {shown(value)}' if name in record else f'there is no "{name}"'
        raise UsageError(f"{place}: {problem}. Write {like}")
    refuse_half_characters(record, (name,), place)
    return value


def refuse_half_characters(record: Mapping[str, Any], names: Iterable[str], place: str) -> None:
    """Raise UsageError for a string with a lone surrogate, which UTF-8 cannot express."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and LONE_SURROGATE.search(value):
            raise UsageError(
                f'{place}: "{name}" holds half of a character (an escape from \\ud800 to \\udfff). Write it in UTF-8.'
            )
