"""Chinese, Japanese and Korean of a PDF: sentences whole across line ends, and upright columns from right to left.

Such a text has no spaces at its line ends, where a space or a line end would part the characters of a word. pdfium gives the
columns of upright text from left to right, or mixed, and sometimes makes a line of every character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Box = tuple[float, float, float, float]
    BoxOf = Callable[[int], Box]

_HANGUL = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
_HAN = "\u2e80-\u2fdf\u3001-\u3030\u3041-\u30ff\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
_CHARACTER = re.compile(f"[{_HAN}{_HANGUL}]")
_LINE = re.compile(r"[^\r\n]+")
_GOES_ON = re.compile(f"[{_HAN}{_HANGUL}·“‘]\\Z")
_ENDS_SENTENCE = re.compile("[。．！？：；｡…][」』）】〉》”’]*\\Z")
_WENT_ON = re.compile(f"(?![・●○◆◇■□▲△▼▽※])[{_HAN}{_HANGUL}“‘]")
_KOREAN = re.compile(f"[{_HANGUL}]")
_FEWEST_SPACES = 3  # at line ends within Korean text; they tell that a line without one ends inside of a word
_SAMPLE = 300  # characters of a page that show which way it is written

# Lengths in ems, the side of a character's square.
_SHORTEST = 12.0  # lines that fill a column; shorter ones may be names, or cells below each other
_WIDEST = 1.15  # a character, in a line that is stretched to the column's width
_ROOM = 1.6  # at the end of a full line: a mark that may not begin a line takes its character along
_INDENT = 3.0
_ALIGNED = 0.6
_LINE_DISTANCE = 2.6
_NEAR = 0.5
_SMALLER = 0.75  # characters beside a column that tell how to say it


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, or an upright column. `start` and `end` lie along the writing, `across` grows from line to line; points."""

    text: str
    start: float
    end: float
    across: float
    em: float
    gap: str = "\r\n"
    """What stands between it and the next one."""

    @property
    def is_full(self) -> bool:
        """Whether it is as long as a text's lines are, and has no wide spaces as a row of a table has."""
        length = self.end - self.start
        return _SHORTEST * self.em <= length <= _WIDEST * self.em * len(self.text)


def in_whole_sentences(text: str, box_of: BoxOf) -> str:
    """The text, its lines ending in "\\r\\n", with upright columns in order and without line ends inside of sentences."""
    spans = [_inked(text, line.span()) for line in _LINE.finditer(text) if not line[0].isspace()]
    if not spans:
        return text
    upright = _is_upright(text, box_of)
    gaps = [text[end:start] for (_, end), (start, _) in pairwise(spans)]
    lines = [replace(_line(text, span, box_of, upright), gap=gap) for span, gap in zip(spans, [*gaps, ""], strict=True)]
    scattered = not upright and sum(len(line.text) == 1 for line in lines) > len(lines) / 2
    lines = _with_pieces_joined(lines, rows=scattered)
    return "".join(_joined(_from_right_to_left(lines) if upright else lines))


def _inked(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """The line without the space around it."""
    piece = text[slice(*span)]
    return span[0] + len(piece) - len(piece.lstrip()), span[0] + len(piece.rstrip())


def _is_upright(text: str, box_of: BoxOf) -> bool:
    """Whether one character follows the other downwards rather than to the right, for most of the first ones."""
    places = [found.start() for _, found in zip(range(_SAMPLE), _CHARACTER.finditer(text), strict=False)]
    down = right = 0
    for first, second in pairwise(map(box_of, places)):
        em = max(*_sides(first), *_sides(second))
        across, fall = _middle(second)[0] - _middle(first)[0], _middle(first)[1] - _middle(second)[1]
        down += abs(across) < 0.3 * em and 0.3 * em < fall < 2 * em
        right += abs(fall) < 0.5 * em and 0.3 * em < across < 2 * em
    return down > right


def _line(text: str, span: tuple[int, int], box_of: BoxOf, upright: bool) -> _Line:
    first, last = box_of(span[0]), box_of(span[1] - 1)
    places = [place for place in range(*span) if _CHARACTER.match(text[place])]
    em = max((side for place in places[:: max(1, len(places) // 6)] for side in _sides(box_of(place))), default=0.0)
    if upright:
        return _Line(text[slice(*span)], -first[3], -last[2], -_middle(first)[0], em)
    return _Line(text[slice(*span)], first[0], last[1], -_middle(first)[1], em)


def _sides(box: Box) -> tuple[float, float]:
    return box[1] - box[0], box[3] - box[2]


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[1]) / 2, (box[2] + box[3]) / 2


def _with_pieces_joined(lines: Sequence[_Line], *, rows: bool) -> list[_Line]:
    """The lines, with those in one that go on right where the one before ends, and numbers that stand across a column.

    With `rows`, pieces further apart at one height become one line too, with a space between them.
    """
    whole: list[_Line] = []
    for line in lines:
        before = whole[-1] if whole else line
        space = "" if _touches(before, line) or _is_beside(before, line) else " "
        if whole and (not space or (rows and _is_level(before, line) and line.start > before.end)):
            text = before.text + space + line.text
            whole[-1] = replace(before, text=text, end=line.end, em=max(before.em, line.em), gap=line.gap)
        else:
            whole.append(line)
    return whole


def _touches(before: _Line, line: _Line) -> bool:
    return _is_level(before, line) and abs(line.start - before.end) < _NEAR * before.em


def _is_level(before: _Line, line: _Line) -> bool:
    return abs(line.across - before.across) < 0.3 * before.em


def _is_beside(before: _Line, line: _Line) -> bool:
    """Whether both are letters or digits of one line across an upright text."""
    return before.em == line.em == 0 and abs(line.start - before.start) < 1 and abs(line.end - before.end) < 1


def _from_right_to_left(columns: Sequence[_Line]) -> list[_Line]:
    """The columns in order: one tier of the page after the other, the small characters of each at its end."""
    usual = median(column.em for column in columns)
    ordered: list[_Line] = []
    tier: list[_Line] = []
    for column in sorted(columns, key=lambda column: column.start):
        if tier and column.start > max(above.end for above in tier) - 0.5 * usual:
            ordered += _in_tier(tier, usual)
            tier = []
        tier.append(replace(column, gap="\r\n"))
    return ordered + _in_tier(tier, usual)


def _in_tier(columns: Sequence[_Line], usual: float) -> list[_Line]:
    return sorted(columns, key=lambda column: (0 < column.em < _SMALLER * usual, column.across, column.start))


def _joined(lines: Sequence[_Line]) -> Iterator[str]:
    """The pieces of the text: the lines, and line ends where they part no sentence."""
    spaced = sum(line.gap.startswith(" ") and _ends_korean(line) for line in lines)
    for number, (line, following) in enumerate(pairwise(lines)):
        yield line.text
        is_korean = _ends_korean(line) or _KOREAN.match(following.text)
        is_word_end = is_korean and (line.gap.startswith(" ") or spaced < _FEWEST_SPACES)
        yield line.gap if is_word_end or line.gap.count("\n") > 1 or not _is_divided(lines, number) else ""
    yield lines[-1].text


def _ends_korean(line: _Line) -> bool:
    return _KOREAN.match(line.text[-1]) is not None


def _is_divided(lines: Sequence[_Line], number: int) -> bool:
    """Whether a sentence goes on from this line to the next one, because the line is full."""
    line, following = lines[number], lines[number + 1]
    if not _GOES_ON.search(line.text) or _ENDS_SENTENCE.search(line.text) or not _WENT_ON.match(following.text):
        return False
    em = max(line.em, following.em)
    near = [lines[number - 1]] if number and abs(lines[number - 1].start - line.start) < _INDENT * em else []
    edge = max(each.end for each in (*near, line, following))
    return (
        line.is_full
        and edge - line.end < _ROOM * em
        and -_INDENT * em < following.start - line.start < _ALIGNED * em
        and 0 < following.across - line.across < _LINE_DISTANCE * em
        and min(line.em, following.em) > 0.7 * em
    )
