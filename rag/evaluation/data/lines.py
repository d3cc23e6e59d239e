"""Files of one JSON object a line, with mistakes named by file and line."""

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
    """Each object with its place, "FILE, line N"; empty lines are passed over.

    `like` is what a right line looks like. Raises UsageError for a file that cannot be read and a line that is no object.
    """
    yield from objects_in(text_lines(path), path, like=like)


def objects_in(lines: Iterable[tuple[int, str]], path: Path, *, like: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same of lines that have been read."""
    for number, line in lines:
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            told = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{place}: not JSON ({error}). Write {like}") from error
        if not isinstance(told, dict):
            raise UsageError(f"{place}: {shown(told)} is no JSON object. Write {like}")
        yield place, told


def read_lines(path: Path, kind: type[T], *, like: str) -> Iterator[tuple[str, T, dict[str, Any]]]:
    """Each line with its place, as a dataclass, and as it was written; keys that the class does not have are allowed.

    Raises UsageError for a line of another form.
    """
    for place, record in read_objects(path, like=like):
        yield place, decoded_line(record, kind, place=place, like=like), record


def decoded_line(record: Mapping[str, Any], kind: type[T], *, place: str, like: str) -> T:
    """The object of a line as a dataclass. Raises UsageError, also for halves of characters."""
    line = decoded(record, kind, place=place, others=True, like=like)
    refuse_half_characters(record, record, place)
    return line


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, counted from 1. Raises UsageError where it cannot be read."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                yield number, line
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}, after line {number}: not UTF-8 text. Save the file as UTF-8.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error


def text_of(told: Mapping[str, Any], name: str, *, place: str, like: str) -> str:
    """A member that must be a string with something in it; a number is taken as its digits. Raises UsageError."""
    value = told.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        what = f'"{name}" is {shown(value)}' if name in told else f'there is no "{name}"'
        raise UsageError(f"{place}: {what}. Write {like}")
    refuse_half_characters(told, (name,), place)
    return value


def refuse_half_characters(told: Mapping[str, Any], names: Iterable[str], place: str) -> None:
    """Raise UsageError where a member that is a string cannot be written as UTF-8."""
    for name in names:
        if isinstance(value := told.get(name), str) and LONE_SURROGATE.search(value):
            raise UsageError(
                f'{place}: "{name}" holds half of a character (an escape from \\ud800 to \\udfff). Write it in UTF-8.'
            )
