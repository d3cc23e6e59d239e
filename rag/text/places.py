"""Names for ranges of labelled places: "lines 3–9", "Budget!A2:F9", "message 1, x.csv rows 1–3"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = frozenset({"line", "slide", "row", "cell", "page", "message"})
_CELLS = re.compile(r"([A-Z]{1,3})(\d{1,7})(?::([A-Z]{1,3})(\d{1,7}))?")


def between(labels: Sequence[str], unit: str) -> str:
    """A name for the range of consecutive labels. `unit` is their noun, or "" if the labels contain it.

    A nested label begins with its parent's: "x.csv row 3" is in "x.csv", and "1, x.csv" is in message 1.

    >>> between(["3", "4", "9"], "line"), between(["Budget!A2:F4", "Budget!A5:F9"], "")
    ('lines 3–9', 'Budget!A2:F9')
    """
    first, last = labels[0], labels[-1]
    if last.startswith(f"{first} "):
        first = next(label for label in labels if label != first)
    if first == last:
        return f"{unit} {first}".strip()
    if cells := _cells(labels):
        return f"{unit} {cells}".strip()
    if last.startswith(f"{first}, "):
        return f"{unit} {first}".strip()
    shared, start, end = _apart(first.split(" "), last.split(" "))
    if shared and shared[-1] in _UNITS and len(start) == len(end) == 1:
        return f"{unit} {' '.join(shared)}s {start[0]}–{end[0]}".strip()
    if shared and shared[-1].endswith(","):
        return f"{unit} {' '.join(shared)} {' '.join(start)} – {' '.join(end)}".strip()
    if unit and (", " in first or ", " in last):
        return f"{unit} {first} – {unit} {last}"
    dash = " – " if " " in first + last else "–"
    return f"{unit}s {first}{dash}{last}" if unit else f"{first}{dash}{last}"


def _apart(first: list[str], last: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The common first words, and the remaining words of each."""
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return first[:shared], first[shared:], last[shared:]


def _cells(labels: Sequence[str]) -> str:
    """The smallest range with all cells; the sheet if a label is the whole sheet; "" if the labels are not cells of one sheet."""
    sheet, mark, _ = (labels[0] if "!" in labels[0] else labels[-1]).rpartition("!")
    whole = sheet[1:-1].replace("''", "'") if sheet.startswith("'") else sheet  # quoted only in front of cells
    if not mark or not all(label == whole or label.startswith(f"{sheet}!") for label in labels):
        return ""
    found = [_CELLS.fullmatch(label[len(sheet) + 1 :]) if label != whole else None for label in labels]
    ranges = [(match[1], int(match[2]), match[3] or match[1], int(match[4] or match[2])) for match in found if match]
    if len(ranges) < len(labels):
        return whole
    columns = sorted({column for left, _, right, _ in ranges for column in (left, right)}, key=lambda name: (len(name), name))
    rows = [row for _, top, _, bottom in ranges for row in (top, bottom)]
    return f"{sheet}!{columns[0]}{min(rows)}:{columns[-1]}{max(rows)}"
