"""Files of JSON lines that survive a crash: every line is whole, except perhaps the last.

A kill or a full disk may cut off the last line. That line is removed before more are written. Any other line that is not ours
means that the file is foreign: it is refused and not changed.
"""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

NUL = b"\0"
"""A file system that crashes after it allocated a line, and before it wrote it, leaves these at the end."""

BLOCK = 65_536


class ForeignLineError(Exception):
    """A line that the toolkit did not write. `number` is the line number, from 1."""

    def __init__(self, number: int) -> None:
        super().__init__(f"line {number}")
        self.number = number


def line_of(record: Mapping[str, Any]) -> bytes:
    """A record as a line. A lone surrogate, which UTF-8 cannot express, is escaped.

    >>> line_of({"question": "How tall?"})
    b'{"question": "How tall?"}\\n'
    """
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record in a line; None for a line without a JSON object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_torn(line: bytes, beginnings: Sequence[bytes]) -> bool:
    """Whether a line without a line end is a part of one of our lines, which have one of these beginnings."""
    rest = line.rstrip(NUL)
    return not line.endswith(b"\n") and any(rest.startswith(beginning[: len(rest)]) for beginning in beginnings)


def records(path: Path, *, is_ours: Callable[[dict[str, Any]], bool], beginnings: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the records of a file. At the end, repairs the file, so that lines can be appended.

    Empty lines are skipped. Raises ForeignLineError and OSError.
    """
    sound, last = 0, b"\n"
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = record_of(line)
            is_foreign = record is None or not is_ours(record)
            if line.strip() and is_foreign:
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
    """Append a line after the last whole line, and wait until it is on the disk. The file must be readable and writable.

    Raises ForeignLineError with the number 0 if the file ends with a part of a foreign line.
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
    """The position after the last line end. Reads backwards from the end of the file, block by block."""
    position, tail = file.seek(0, os.SEEK_END), b""
    while position and b"\n" not in tail:
        start = max(0, position - BLOCK)
        file.seek(start)
        tail = file.read(position - start)
        position = start
    return position + tail.rfind(b"\n") + 1
