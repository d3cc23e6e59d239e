"""From one labelled place to another, in words: "lines 3–9", "Budget!A2:F9", "message 1, x.csv rows 1–3"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = frozenset({"line", "slide", "row", "cell", "page", "message"})
_CELLS = re.compile(r"([A-Z]{1,3})(\d{1,7})(?::([A-Z]{1,3})(\d{1,7}))?")


def between(labels: Sequence[str], unit: str) -> str:
    """From the first label to the last, those between them included; `unit` says what they count, "" where they say it.

    A label inside of another begins with that one's: "x.csv row 3" is in "x.csv", and "1, x.csv" is in message 1.
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
    shared, one, other = _apart(first.split(" "), last.split(" "))
    if shared and shared[-1] in _UNITS and len(one) == len(other) == 1:
        return f"{unit} {' '.join(shared)}s {one[0]}–{other[0]}".strip()
    if shared and shared[-1].endswith(","):
        return f"{unit} {' '.join(shared)} {' '.join(one)} – {' '.join(other)}".strip()
    if unit and (", " in first or ", " in last):
        return f"{unit} {first} – {unit} {last}"
    dash = " – " if " " in first + last else "–"
    return f"{unit}s {first}{dash}{last}" if unit else f"{first}{dash}{last}"


def _apart(first: list[str], last: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The words with which both begin, and what follows in each."""
    shared = next(
        (n for n, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last))
    )
    return first[:shared], first[shared:], last[shared:]


def _cells(labels: Sequence[str]) -> str:
    """The smallest range that holds all the cells, the sheet where one of the labels is the whole sheet; "" for other labels."""
    sheet, mark, _ = (labels[0] if "!" in labels[0] else labels[-1]).rpartition("!")
    whole = sheet[1:-1].replace("''", "'") if sheet.startswith("'") else sheet  # in quotes only before cells
    if not mark or not all(label == whole or label.startswith(f"{sheet}!") for label in labels):
        return ""
    found = [_CELLS.fullmatch(label[len(sheet) + 1 :]) if label != whole else None for label in labels]
    ranges = [(one[1], int(one[2]), one[3] or one[1], int(one[4] or one[2])) for one in found if one]
    if len(ranges) < len(labels):
        return whole
    columns = sorted({column for one in ranges for column in (one[0], one[2])}, key=lambda column: (len(column), column))
    rows = [row for one in ranges for row in (one[1], one[3])]
    return f"{sheet}!{columns[0]}{min(rows)}:{columns[-1]}{max(rows)}"
