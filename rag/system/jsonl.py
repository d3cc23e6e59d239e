"""Files of JSON lines that survive a crash: every line is whole, except perhaps the last.

A kill, or a disk that is full, may tear the last line. It is taken away before more is written. Any other line that is not
ours belongs to somebody else, so the file is refused and stays as it is.
"""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

NUL = b"\0"
"""A file system that made room for a line, and went down before it wrote it, leaves these at the end."""

BLOCK = 65_536


class ForeignLineError(Exception):
    """A line that nobody of us wrote; `number` counts from 1."""

    def __init__(self, number: int) -> None:
        super().__init__(f"line {number}")
        self.number = number


def line_of(record: Mapping[str, Any]) -> bytes:
    """A record as one line. A lone surrogate, which UTF-8 cannot write, is escaped.

    >>> line_of({"question": "How tall?"})
    b'{"question": "How tall?"}\\n'
    """
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record in a line; None for a line that holds no JSON object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_torn(line: bytes, beginnings: Sequence[bytes]) -> bool:
    """Whether a line without an end is the rest of one of ours, which all begin in one of these ways."""
    rest = line.rstrip(NUL)
    return not line.endswith(b"\n") and any(rest.startswith(beginning[: len(rest)]) for beginning in beginnings)


def records(path: Path, *, is_ours: Callable[[dict[str, Any]], bool], beginnings: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """The records of a file, one after the other; at the end, the file is mended so that more can be added.

    Empty lines are passed over. Raises ForeignLineError, and OSError.
    """
    sound, last = 0, b"\n"
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = record_of(line)
            if line.strip() and (record is None or not is_ours(record)):
                if record is None and is_torn(line, beginnings):
                    break
                raise ForeignLineError(number)
            if record is not None:
                yield record
            sound, last = sound + len(line), line
    _mend(path, sound, is_ended=last.endswith(b"\n"))


def _mend(path: Path, sound: int, *, is_ended: bool) -> None:
    with path.open("rb+") as file:
        file.truncate(sound)
        if not is_ended:
            file.seek(sound)
            file.write(b"\n")


def append_durably(file: IO[bytes], line: bytes, *, beginnings: Sequence[bytes]) -> None:
    """Add a line to a file that is open for reading and writing, after its last whole line, and wait until it is on the disk.

    Raises ForeignLineError, with the number 0, where the file ends with the rest of a line that is not ours.
    """
    end = end_of_whole_lines(file)
    file.seek(end)
    if not is_torn(file.read(), beginnings):
        raise ForeignLineError(0)
    file.truncate(end)
    file.seek(end)
    file.write(line)
    file.flush()
    os.fsync(file.fileno())


def end_of_whole_lines(file: IO[bytes]) -> int:
    """The position after the last line end. Reads from the end of the file, and no more than it has to."""
    position, tail = file.seek(0, os.SEEK_END), b""
    while position and b"\n" not in tail:
        start = max(0, position - BLOCK)
        file.seek(start)
        tail = file.read(position - start)
        position = start
    return position + tail.rfind(b"\n") + 1
