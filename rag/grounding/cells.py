"""A number of a sentence looked up in a table: in the row and the column that the sentence names, and in the table's scale.

The cell that a sentence is about is the one whose row, column and section share most words with it, rare words of the table first.
The sentence is right if such a cell has its number, and wrong if only another one has.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rag.grounding.quantities import MONEY, TIMES, measures, quantities, scales
from rag.grounding.statements import gains
from rag.grounding.tables import YEARS, tables_in
from rag.text.language import language, of_all, one_of
from rag.text.rarity import rarity
from rag.text.words import content_stems, stems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rag.grounding.quantities import Quantity
    from rag.grounding.tables import Cell, Table
    from rag.types import Passage

LEAST_SCALE = 1000
MOST_CELLS = 20_000
SAME = 1e-9
NOT_SAID = {"label": 0.3, "column": 0.1, "section": 0.03}
"""What a word counts against a cell that the sentence does not say, of what it counts for it where the sentence does."""

SHORT_SCALE = re.compile(
    r"['’]000\b|\b000s\b|\b[kKT](?=EUR|USD|GBP|CHF|[€$£])|[$€£]\s?(?P<letter>[kmb]|mn|bn|mm)\b", re.IGNORECASE
)
LETTERS = {"k": 10**3, "m": 10**6, "mn": 10**6, "mm": 10**6, "b": 10**9, "bn": 10**9}
WORD = re.compile(r"[^\W\d_]+")
IN_UNITS = re.compile(r"(?:\bin\s+|\()([^\W\d_]+)", re.IGNORECASE)
IN_BRACKETS = re.compile(r"\(\s*\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """The `number` of a sentence, which a table has too: `cell` is the best one with that number.

    `agrees` where the sentence is about that cell; if not, `instead` is the cell that it is about. `coverage` is the share of
    the sentence's words that the cell's row, column and section have, 0 to 1.
    """

    number: Quantity
    passage: Passage
    table: Table
    cell: Cell
    agrees: bool
    instead: Cell
    coverage: float

    @property
    def row(self) -> tuple[int, int]:
        """(start, end) of the row in the passage."""
        return self.table.rows[self.cell.row]


@dataclass(frozen=True, slots=True)
class _Place:
    """A cell with its words."""

    passage: Passage
    table: Table
    cell: Cell
    label: frozenset[str]
    column: frozenset[str]
    section: frozenset[str]

    @property
    def words(self) -> frozenset[str]:
        return self.label | self.column | self.section

    def fit(self, wanted: frozenset[str], weights: Mapping[str, float]) -> float:
        """How well the cell is what the sentence is about: what both say, less what the cell alone says."""

        def weight(words: Iterable[str]) -> float:
            return sum(weights[word] for word in words)

        against = (
            NOT_SAID["label"] * weight(self.label - wanted)
            + NOT_SAID["column"] * weight(self.column - wanted)
            + NOT_SAID["section"] * weight(self.section - wanted)
        )
        return weight(self.words & wanted) - against


def looked_up(sentence: str, passages: Sequence[Passage]) -> list[Found]:
    """Each number of the sentence that a table of the passages has, and is no year or other number of its headers."""
    places = _places(passages)
    numbers = [number for number in quantities(sentence) if number.unit not in ("date", *TIMES)]
    if not places or not numbers:
        return []
    named = {quantity.value for place in places for quantity in quantities(f"{place.cell.label} {place.cell.column}")}
    words = frozenset(content_stems(sentence))
    counts = Counter(word for place in places for word in place.words)
    weights = rarity(words.union(counts), counts, len(places))
    context = " ".join(passage.text for passage in passages if not tables_in(passage.text))
    found = []
    for number in numbers:
        written = sentence[number.start : number.end]
        is_plain = not number.is_scaled and not number.unit and "," not in written
        if not (is_plain and (number.value in named or number.value in YEARS)):
            wanted = words - frozenset(stems(written))
            found += _looked_up(number, wanted, places, weights, context)
    return found


def _looked_up(
    number: Quantity, wanted: frozenset[str], places: Sequence[_Place], weights: Mapping[str, float], context: str
) -> list[Found]:
    with_it = [place for place in places if _agrees(number, place, context)]
    is_there = bool(with_it)
    if not is_there:  # the same digits, but in another scale, unit or sign
        with_it = [place for place in places if place.cell.quantity.mantissa == number.mantissa]
    if not with_it:
        return []
    comparable = [place for place in places if _is_share(place.cell) == (number.unit == "%")]
    best = max(with_it, key=lambda place: place.fit(wanted, weights))
    other = max([best, *comparable], key=lambda place: place.fit(wanted, weights))
    total = sum(weights[word] for word in wanted)
    coverage = sum(weights[word] for word in best.words & wanted) / total if total else 0.0
    agrees = is_there and best.fit(wanted, weights) >= other.fit(wanted, weights) - SAME
    return [Found(number, best.passage, best.table, best.cell, agrees, best.cell if agrees else other.cell, coverage)]


def _places(passages: Sequence[Passage]) -> list[_Place]:
    found: list[_Place] = []
    for passage in passages:
        for table in tables_in(passage.text):
            found += [
                _Place(passage, table, cell, _words(cell.label), _words(cell.column), _words(cell.section))
                for cell in table.values[: MOST_CELLS - len(found)]
            ]
    return found


@lru_cache(maxsize=16384)
def _words(text: str) -> frozenset[str]:
    return frozenset(content_stems(text))


def _is_share(cell: Cell) -> bool:
    """Whether a cell is in percent."""
    said = f"{cell.label} {cell.column}".lower()
    return cell.quantity.unit == "%" or "%" in said or any(phrase in said for phrase in of_all("percents"))


def _agrees(number: Quantity, place: _Place, context: str) -> bool:
    """Whether a cell has the number: as it is written, unless scales speak against it, or times the scale of its table."""
    exact = place.cell.quantity
    if number.is_negative and not exact.is_negative:
        return False
    if exact.is_negative and not number.is_negative and _has_a_sign(place):
        return False
    if number.unit in measures() and number.unit not in _units_named(place):
        return False
    own = _own_scales(place)
    if number.mantissa == exact.mantissa or _rounds(number.mantissa, exact.mantissa, number.mantissa):
        if number.is_scaled and not exact.is_scaled:
            factor = int(number.value / number.mantissa) if number.mantissa else 1
            known = own or _scales_in(context)
            return not known or factor in known
        return number.unit not in MONEY_SIGNS or not own or _is_exempt(place)
    factors = own or _scales_in(context)
    return any(_same(number, exact.value * factor) for factor in factors if not exact.is_scaled)


def _units_named(place: _Place) -> frozenset[str]:
    """The units of a cell: its own, and those that its row, its column or the table's caption name."""
    units = language("en").units
    caption = " ".join(match[1] for match in IN_UNITS.finditer(place.table.caption))
    said = f"{place.cell.label} {place.cell.column} {place.cell.section} {caption}".lower()
    named = (units.get(word, units.get(word.removesuffix("s"), "")) for word in WORD.findall(said))
    return frozenset((place.cell.quantity.unit, *named))


def _has_a_sign(place: _Place) -> bool:
    """Whether brackets around a number mean less than nothing: in a row of a gain, or of a "profit (loss)", but not of a cost."""
    return IN_BRACKETS.search(place.cell.label) is not None or not gains().isdisjoint(stems(place.cell.label))


MONEY_SIGNS = MONEY | {"£", "¥"}


def _same(number: Quantity, exact: Decimal) -> bool:
    return number.value == exact or (number.is_scaled and _rounds(number.mantissa, exact, number.value))


def _rounds(mantissa: Decimal, exact: Decimal, value: Decimal) -> bool:
    """Whether `value` is `exact` with fewer digits, at least two of them, and a fraction or a scale."""
    exponent = int(mantissa.as_tuple().exponent)
    if not mantissa or len(mantissa.normalize().as_tuple().digits) < 2 or (exponent >= 0 and value == mantissa):
        return False
    step = Decimal((0, (1,), exponent)) * (value / mantissa)
    return abs(exact - value) * 2 <= step


def _own_scales(place: _Place) -> frozenset[int]:
    """The scales that a cell's row, column, section, or the header and caption of its table name."""
    table = place.table
    header = table.text[slice(*table.header_span)] if table.header_span else ""
    near = _scales_in(f"{place.cell.label} {place.cell.column} {place.cell.section}")
    return near or _scales_in(header) or _scales_in(table.caption)


def _is_exempt(place: _Place) -> bool:
    """Whether the caption excepts the row: "in millions, except per share amounts"."""
    table = place.table
    said = f"{table.caption} {table.text[slice(*table.header_span)] if table.header_span else ''}"
    match = _excepting().search(said)
    return match is not None and not _words(match.group()).isdisjoint(place.words)


@cache
def _excepting() -> re.Pattern[str]:
    return re.compile(rf"\b{one_of(of_all('exceptions'))}\b[^)\n]*", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _scales_in(text: str) -> frozenset[int]:
    """The scales that a heading names: "in millions", "$ bn", "US$'000", "kEUR"."""
    found = {scales()[match.group().lower()] for match in _scale_word().finditer(text)}
    for match in SHORT_SCALE.finditer(text):
        found.add(LETTERS[match["letter"].lower()] if match["letter"] else LEAST_SCALE)
    return frozenset(scale for scale in found if scale >= LEAST_SCALE)


@cache
def _scale_word() -> re.Pattern[str]:
    """A scale that no number stands in front of, which it would belong to."""
    return re.compile(rf"(?<![\d.,]\s)(?<![\d.,])\b{one_of(scales())}\b", re.IGNORECASE)
