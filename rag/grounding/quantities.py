"""Numbers, dates and units in one spelling: 3.5 million is 3,500,000, "seven" is 7, and 14 July is July 14th."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from math import prod

from rag.text.words import plain_number

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = (
    {word: n for n, word in enumerate(_UNITS.split())}
    | {word: n for n, word in enumerate(_ORDINALS.split(), 1)}
    | {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
    | {"thirtieth": 30, "dozen": 12}
)
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "hundreds": 10**2, "thousands": 10**3, "millions": 10**6, "billions": 10**9, "trillions": 10**12,
    "lakh": 10**5, "crore": 10**7, "mn": 10**6, "bn": 10**9,
}  # fmt: skip
LETTER_SCALES = {"k": 10**3, "m": 10**6, "b": 10**9, "bn": 10**9, "mn": 10**6}
UNIT_NAMES = {
    "km": "km", "kilometre": "km", "kilometer": "km", "mi": "mi", "mile": "mi", "m": "m", "metre": "m", "meter": "m",
    "ft": "ft", "foot": "ft", "feet": "ft", "inch": "inch", "inche": "inch", "cm": "cm", "centimetre": "cm", "centimeter": "cm",
    "mm": "mm", "millimetre": "mm", "millimeter": "mm", "kg": "kg", "kilogram": "kg", "g": "g", "gram": "g", "mg": "mg",
    "milligram": "mg", "lb": "lb", "pound": "lb", "tonne": "tonne", "ton": "tonne", "second": "s", "minute": "min", "hour": "h",
    "day": "day", "week": "week", "month": "month", "year": "year", "decade": "decade", "century": "century", "centurie": "century",
    "litre": "l", "liter": "l", "acre": "acre", "hectare": "ha", "watt": "w", "volt": "v", "dollar": "$", "euro": "€",
}  # fmt: skip
MEASURES = frozenset(UNIT_NAMES.values()) - {"$", "€"}
_MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES.split(), 1)}
MONTHS |= {name[:3]: n for name, n in MONTHS.items()} | {"sept": 9}

AMBIGUOUS_MONTHS = frozenset(("may", "march", "mar", "jan"))

_MONTH = "|".join(sorted((f"{name}\\.?" for name in MONTHS), key=len, reverse=True))
_DAY = r"([0-3]?\d)(?:st|nd|rd|th)?"
DAY_MONTH = re.compile(rf"\b{_DAY}(?:\s*(?:[-–]|to|and)\s*{_DAY})?\s+(?:of\s+)?({_MONTH})(?!\w)", re.IGNORECASE)
MONTH_DAY = re.compile(
    rf"\b({_MONTH})\s+{_DAY}(?![\w:%]|[.,]\d)(?:\s*(?:[-–]|to|and)\s*{_DAY}(?![\w:%]|[.,]\d))?", re.IGNORECASE
)
LONE_MONTH = re.compile(rf"(?<=[\s(/–-])({_MONTH})(?!\w)", re.IGNORECASE)
ISO_DATE = re.compile(r"(?<!\d)(\d{4})-([01]\d)-([0-3]\d)(?!\d)")
BEFORE_A_MONTH = re.compile(
    r"\b(?:in|of|on|since|until|till|by|from|to|early|late|mid|last|next|and|during|between)[\s-]+$", re.IGNORECASE
)

_SMALL_WORD = "|".join(sorted(SMALL, key=len, reverse=True))
_SCALE_WORD = "|".join(sorted(SCALES, key=len, reverse=True))
FIGURE = re.compile(
    r"(?P<money>[$€£¥]\s?)?"
    rf"(?:(?P<digits>(?<![\w.])\d+(?:[.,]\d+)*)(?:(?P<scale>(?:\s?-?(?:{_SCALE_WORD})\b)+)|(?P<letter>(?-i:k|K|M|B|bn|mn))\b)?"
    rf"|\b(?P<word>(?:{_SMALL_WORD})(?:-(?:{_SMALL_WORD}))?)\b(?P<word_scale>(?:[\s-]+(?:{_SCALE_WORD})\b)*)"
    rf"|\b(?P<lone_scale>{_SCALE_WORD})\b)"
    r"(?P<percent>\s?%|\s+per\s?cent\b|\s+percentage points?\b)?"
    r"(?=(?:[\s-]+(?P<unit>[A-Za-z]+))?)",
    re.IGNORECASE,
)


RANGE = re.compile(r"\s*(?:[-–,x×]|to|or|by|and)\s*")
SIGN = re.compile(r"(?:^|[\s(|:=])(?:[-−–]|minus\s)[$€£]?$", re.IGNORECASE)
AFTER_A_NUMBER = re.compile(r"[\d%]\s*(?:[-−–]|minus\s)$", re.IGNORECASE)
CELL_BEGINS = re.compile(r"[|\t$€£]\s*\([$€£]?$")
BRACKET_CLOSES = re.compile(r"\)\s*?(?:[|\t\n]|$|\s\|)")
"""Accounts write -3 as (3), alone in a cell of a table."""

TIME = re.compile(
    r"(?<![\w:.,])(?:(?P<half_hour>1[0-2]|0?\d)(?:[:.](?P<half_minute>[0-5]\d))?\s?(?P<half>[ap])\.?m\b"
    r"|(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:]))",
    re.IGNORECASE,
)
TIMES = frozenset(("time", "am", "pm"))


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number from character `start` to `end`: `value` with its scale in it, `mantissa` without, and a unit or "".

    `value` is without its sign, which `is_negative` tells: a loss of 3 is a profit of -3.
    A day of a month is a quantity too: its value is 100 × month + day (the month alone: 100 × month) and its unit "date".
    A time of day is 100 × hour of 24 + minute, its unit "am", "pm", or, where neither stands with it, "time".
    """

    start: int
    end: int
    value: Decimal
    mantissa: Decimal
    unit: str = ""
    is_negative: bool = False

    @property
    def is_scaled(self) -> bool:
        """Whether a word such as "million" stands with it."""
        return self.value != self.mantissa

    def agrees_with(self, other: Quantity, *, scales: frozenset[int] = frozenset()) -> bool:
        """Whether `other`, of a source, bears this number out.

        It may be more exact than this one. `scales` are factors that a heading of the source, "in millions", gives to its numbers.
        """
        if (self.unit == "date") != (other.unit == "date") or (self.unit == "%") != (other.unit == "%"):
            return False
        if self.unit in TIMES or other.unit in TIMES:
            return self._is_time_of(other)
        if self.unit == "date" and self.value % 100 == 0:
            return self.value == other.value // 100 * 100
        if self.unit and other.unit and self.unit != other.unit:
            return False
        values = {other.value} | ({other.value * scale for scale in scales} if not other.is_scaled else set())
        return any(self.value == value or self._rounds(value) for value in values)

    def _is_time_of(self, other: Quantity) -> bool:
        """Whether both tell the same time; the whole hour may stand without minutes, and "7:30" for 7:30 pm."""
        mine, theirs = (q.value if q.unit in TIMES else 100 * q.value for q in (self, other))
        if {self.unit, other.unit} - TIMES - {""}:
            return False
        return mine == theirs or (self.unit in ("", "time") and other.unit == "pm" and mine + 1200 == theirs)

    def _rounds(self, exact: Decimal) -> bool:
        """Whether this is `exact` with fewer digits, at least two of them: 34.2 billion for 34,229 million."""
        if (
            self.unit == "date"
            or len(self.mantissa.normalize().as_tuple().digits) < 2
            or not (self.is_scaled or self._is_fraction)
        ):
            return False
        factor = self.value / self.mantissa if self.mantissa else Decimal(1)
        step = Decimal((0, (1,), int(self.mantissa.as_tuple().exponent))) * factor
        return abs(exact - self.value) * 2 <= step

    @property
    def _is_fraction(self) -> bool:
        return int(self.mantissa.as_tuple().exponent) < 0


@lru_cache(maxsize=4096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Every number and date in the order of the text; a "one" by itself is a pronoun as often, and left out."""
    dates = [*_dates(text), *map(_time, TIME.finditer(text))]
    taken = {position for date in dates for position in range(date.start, date.end)}
    found = [_quantity(match, text) for match in FIGURE.finditer(text) if match.start() not in taken]
    return tuple(_with_shared_units(sorted([*dates, *(q for q in found if q)], key=lambda q: q.start), text))


def _with_shared_units(found: list[Quantity], text: str) -> list[Quantity]:
    """In "3 to 5 metres" the 3 has the unit of the 5."""
    for i in range(len(found) - 2, -1, -1):
        first, second = found[i], found[i + 1]
        if not first.unit and second.unit in MEASURES and RANGE.fullmatch(text, first.end, second.start):
            found[i] = replace(first, unit=second.unit)
    return found


@lru_cache(maxsize=512)
def scales_named(text: str) -> frozenset[int]:
    """The factors that a table's heading gives to its numbers, as in "(in millions, except per share)"."""
    return frozenset(SCALES[word.lower()] for word in re.findall(r"\b(?:thousands|millions|billions)\b", text, re.IGNORECASE))


def _is_negative(text: str, start: int, end: int) -> bool:
    """Whether a minus stands right before it that is no hyphen, range or dash, or brackets that mean a minus."""
    before = text[max(0, start - 12) : start]
    if SIGN.search(before):
        return AFTER_A_NUMBER.search(before) is None
    return CELL_BEGINS.search(before) is not None and BRACKET_CLOSES.match(text, end) is not None


def _quantity(match: re.Match[str], text: str) -> Quantity | None:
    groups = match.groupdict()
    scale = 1
    if groups["digits"]:
        mantissa = Decimal(plain_number(groups["digits"]))
        if groups["scale"] or groups["letter"]:
            scale = _product(groups["scale"]) if groups["scale"] else LETTER_SCALES[groups["letter"].lower()]
    elif groups["word"]:
        mantissa = Decimal(sum(SMALL[part] for part in groups["word"].lower().split("-")))
        scale = _product(groups["word_scale"] or "")
        if groups["word"].lower() == "one" and scale == 1 and not groups["percent"]:
            return None
    else:
        mantissa, scale = Decimal(1), SCALES[groups["lone_scale"].lower()]
    is_negative = _is_negative(text, match.start(), match.end())
    return Quantity(match.start(), match.end(), mantissa * scale, mantissa, _unit(groups), is_negative)


def _product(scales: str) -> int:
    return prod(SCALES[word] for word in re.findall(r"[a-z]+", scales.lower()))


def _unit(groups: dict[str, str | None]) -> str:
    if groups["percent"]:
        return "%"
    if groups["money"]:
        return groups["money"].strip()
    return UNIT_NAMES.get((groups["unit"] or "").lower().removesuffix("s"), "")


def _dates(text: str) -> list[Quantity]:
    """Days with their month, and months without a day."""
    found: dict[int, Quantity] = {}
    months: set[int] = set()
    for match in ISO_DATE.finditer(text):
        found[match.start(2)] = _day(match.start(2), match.end(), int(match[2]), match[3])
    for pattern, month, days in ((DAY_MONTH, 3, (1, 2)), (MONTH_DAY, 1, (2, 3))):
        for match in pattern.finditer(text):
            for group in days:
                if match[group]:
                    found[match.start(group)] = _day(match.start(group), match.end(group), _month(match[month]), match[group])
                    months.add(match.start(month))
    for match in LONE_MONTH.finditer(text):
        if match.start() not in months and match[1][0].isupper() and _names_a_month(text, match):
            found[match.start()] = _day(match.start(), match.end(), _month(match[1]), "0")
    return list(found.values())


def _time(match: re.Match[str]) -> Quantity:
    groups = match.groupdict()
    if groups["half"]:
        unit = f"{groups['half'].lower()}m"
        hour = int(groups["half_hour"]) % 12 + 12 * (unit == "pm")
    else:
        unit, hour = "time", int(groups["hour"])
    minutes = int(groups["minute"] or groups["half_minute"] or 0)
    value = 100 * hour + minutes + Decimal(groups["second"] or 0) / 100
    return Quantity(match.start(), match.end(), value, value, unit)


def _names_a_month(text: str, match: re.Match[str]) -> bool:
    """May and March are other words as well."""
    return (
        match[1].lower() not in AMBIGUOUS_MONTHS
        or BEFORE_A_MONTH.search(text[max(0, match.start() - 12) : match.start()]) is not None
    )


def _month(name: str) -> int:
    return MONTHS[name.lower().rstrip(".")]


def _day(start: int, end: int, month: int, day: str) -> Quantity:
    value = Decimal(100 * month + int(day))
    return Quantity(start, end, value, value, "date")
