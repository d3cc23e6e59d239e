"""JSON and JSON lines as names and values on lines of their own, escapes resolved, numbers as they are written.

What is called JSON and is none, such as settings with comments in them, is read as plain text.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rag.documents.common.characters import tidy
from rag.documents.common.composition import Composition
from rag.documents.common.titles import readable_name, title_like
from rag.documents.plain import text as plain_text
from rag.documents.plain.text import read
from rag.errors import DocumentError
from rag.types import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE_SUFFIXES = (".jsonl", ".ndjson")
_TITLES = ("title", "name", "headline", "subject")
_DEEPEST_INDENT = 20
_LONGEST_ROW = 200
"""Longest list of single values, in characters, that is written on one line."""


def load(content: bytes, *, source: str, name: str) -> Document:
    """Places are lines for JSON lines, and for JSON the path to each value, two levels deep, such as `items[3]`.

    Raises DocumentError where nothing is said, or where the nesting is too deep.
    """
    text = read(content, source=source)
    try:
        return _document(text, source, name) or plain_text.load(content, source=source, name=name)
    except RecursionError as error:
        raise DocumentError(
            f"{source} is nested too deeply to be read. Save it with fewer levels.", status="corrupt"
        ) from error


def _document(text: str, source: str, name: str) -> Document | None:
    """The document; None if the text is not JSON."""
    title, written = readable_name(name), Composition()
    if PurePath(name).suffix.lower() not in _LINE_SUFFIXES and (whole := _parsed(text)) is not _BROKEN:
        title = _title(whole) or title
        _write_parts(written, whole)
        media_type, places = "application/json", written.places("")
    elif _write_records(written, text):
        media_type, places = "application/jsonl", written.places("line")
    else:
        return None
    if not written.length:
        raise DocumentError(f"{source} holds no values. Leave it out, or check that it was saved completely.", status="no-text")
    return Document(written.text, source, title, media_type=media_type, places=places)


_BROKEN = object()


def _parsed(text: str) -> Any:
    """Lists as lists, objects as tuples of pairs (a name may come twice), all else as the text that stands for it."""
    try:
        return json.loads(text, object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str, strict=False)
    except ValueError:
        return _BROKEN


def _title(value: Any) -> str:
    said = {key: item for key, item in value if isinstance(item, str)} if isinstance(value, tuple) else {}
    return next((title for key in _TITLES if (title := title_like(said.get(key)))), "")


def _write_parts(written: Composition, whole: Any) -> None:
    """Each value two levels below the top under its own path."""
    if _is_row(whole):
        _write(written, _lines(whole, 0))
        return
    for path, key, part in _members(whole, ""):
        written.place(path)
        gap = 1 if _is_row(part) else 2
        if _is_row(part) or _is_bare(part):
            _write(written, _entry(key, part, 0), gap=gap)
            continue
        if key:
            written.write(tidy(f"{key}:"), gap=gap)
        for number, (inner_path, inner_key, inner) in enumerate(_members(part, path)):
            written.place(inner_path)
            _write(written, _entry(inner_key, inner, 1 if key else 0), gap=1 if key or number else gap)


def _members(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """Path, name ("" in lists) and value of what an object or a list holds."""
    if isinstance(value, tuple):
        yield from ((f"{path}.{key}".lstrip("."), key, item) for key, item in value)
    else:
        yield from ((f"{path}[{number}]", "", item) for number, item in enumerate(value))


def _write_records(written: Composition, text: str) -> bool:
    """Each line that is JSON, and what is not as it stands; False where the first line, or half of them, is not."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    values = [(number, line, _parsed(line)) for number, line in lines]
    broken = sum(value is _BROKEN for _, _, value in values)
    if values[0][2] is _BROKEN or broken * 2 > len(values):
        return False
    for number, line, value in values:
        written.place(str(number))
        if value is _BROKEN:
            written.write(tidy(line))
        else:
            _write(written, _lines(value, 0), gap=1 if _is_row(value) else 2)
    return True


def _write(written: Composition, lines: Iterator[str], *, gap: int = 1) -> None:
    written.write(tidy("\n".join(lines)), gap=gap)


def _lines(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * min(depth, _DEEPEST_INDENT)
    if isinstance(value, tuple):
        for key, item in value:
            yield from _entry(key, item, depth)
    elif _is_row(value):
        yield from (indent + line for line in _row(value).split("\n"))
    else:
        for item in value:
            yield from _entry("", item, depth)


def _entry(key: str, value: Any, depth: int) -> Iterator[str]:
    """A named value, or an item of a list after a dash."""
    indent = "  " * min(depth, _DEEPEST_INDENT)
    if _is_row(value):
        first, *more = _row(value).split("\n")
        yield f"{indent}{key}: {first}" if key else f"{indent}- {first}"
        yield from (f"{indent}  {line}" for line in more)
    elif key:
        yield f"{indent}{key}:"
        yield from _lines(value, depth + 1)
    else:
        inner = iter(_lines(value, depth + 1))
        yield f"{indent}- {next(inner, '').lstrip()}"
        yield from inner


def _is_bare(value: Any) -> bool:
    return not isinstance(value, (tuple, list)) or not value


def _is_row(value: Any) -> bool:
    """Whether the value fits behind its name: a single one, nothing, or a short list of single ones."""
    if not isinstance(value, list):
        return _is_bare(value)
    if not all(isinstance(item, (str, bool)) or item is None for item in value):
        return False
    return sum(len(str(item)) + 2 for item in value) <= _LONGEST_ROW


def _row(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_row, value))
    if isinstance(value, str):
        return value
    return "" if value is None or value == () else str(value).lower()
