"""Numbers, dates, times and units in normal form: 3.5 million is 3,500,000, "seven" is 7, and 14 July is July 14th."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, lru_cache
from math import prod

from rag.text.language import language, of_all, one_of, values_of_all
from rag.text.words import plain_number

ISO_DATE = re.compile(r"(?<!\d)(\d{4})-([01]\d)-([0-3]\d)(?!\d)")
MONEY = frozenset(("$", "€"))
RANGE = re.compile(r"\s*(?:[-–,x×]|to|or|by|and)\s*")
SIGN = re.compile(r"(?:^|[\s(|:=])(?:[-−–]|minus\s)[$€£]?$", re.IGNORECASE)
AFTER_A_NUMBER = re.compile(r"[\d%]\s*(?:[-−–]|minus\s)$", re.IGNORECASE)
CELL_BEGINS = re.compile(r"[|\t$€£]\s*\([$€£]?$")
BRACKET_CLOSES = re.compile(r"\)\s*?(?:[|\t\n]|$|\s\|)")
"""Accounts write -3 as (3), alone in a table cell."""

TIME = re.compile(
    r"(?<![\w:.,])(?:(?P<half_hour>1[0-2]|0?\d)(?:[:.](?P<half_minute>[0-5]\d))?\s?(?P<half>[ap])\.?m\b"
    r"|(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:]))",
    re.IGNORECASE,
)
TIMES = frozenset(("time", "am", "pm"))


@cache
def small_numbers() -> dict[str, int]:
    """Number words below a hundred, in English only. In other languages they are also other words: "elf", "once", "sei"."""
    return dict(language("en").numbers)


@cache
def months() -> dict[str, int]:
    """The number of each month, 1 to 12, by its names in all known languages."""
    return values_of_all("months")


@cache
def scales() -> dict[str, int]:
    """Powers of ten by their words in all known languages."""
    return values_of_all("scales")


@cache
def measures() -> frozenset[str]:
    """The symbols of all units except currencies."""
    return frozenset(language("en").units.values()) - MONEY


@cache
def _figure() -> re.Pattern[str]:
    """A number in digits or words, with its currency, scale, percent sign and the word behind it.

    A scale alone or behind a number word must be English, since "Mila" and "mil" are also other words.
    """
    word, scale, english_scale = one_of(small_numbers()), one_of(scales()), one_of(language("en").scales)
    letter = "|".join(sorted({form for x in language("en").scale_letters for form in _forms_of_letter(x)}, key=len))
    return re.compile(
        r"(?P<money>[$€£¥]\s?)?"
        rf"(?:(?P<digits>(?<![\w.])\d+(?:[.,]\d+)*)(?:(?P<scale>(?:\s?-?{scale}\b)+)|(?P<letter>(?-i:{letter}))\b)?"
        rf"|\b(?P<word>{word}(?:-{word})?)\b(?P<word_scale>(?:[\s-]+{english_scale}\b)*)"
        rf"|\b(?P<lone_scale>{english_scale})\b)"
        rf"(?P<percent>\s?%|\s+{one_of(of_all('percents'))}\b)?"
        r"(?=(?:[\s-]+(?P<unit>[A-Za-z]+))?)",
        re.IGNORECASE,
    )


def _forms_of_letter(letters: str) -> tuple[str, ...]:
    """The cases in which a letter is a scale. A lower-case "m" is a metre and "b" a bit; "k" is always a thousand."""
    return {"k": ("k", "K"), "m": ("M",), "b": ("B",)}.get(letters, (letters,))


@dataclass(frozen=True, slots=True)
class _Dates:
    """Patterns of a day with its month in either order, of a month alone, and of words in front of a month."""

    day_month: re.Pattern[str]
    month_day: re.Pattern[str]
    lone_month: re.Pattern[str]
    before: re.Pattern[str]


@cache
def _dates_patterns() -> _Dates:
    """The patterns of dates. Only English writes the month in front of the day."""
    month = "|".join(rf"{name}\.?" for name in sorted(months(), key=len, reverse=True))
    english = "|".join(rf"{name}\.?" for name in sorted(language("en").months, key=len, reverse=True))
    day = rf"([0-3]?\d)(?:{one_of(of_all('day_endings'))})?"
    to, link = r"\s*(?:[-–]|to|and)\s*", one_of(of_all("between_day_and_month"))
    ends = r"(?![\w:%]|[.,]\d)"
    return _Dates(
        re.compile(rf"\b{day}(?:{to}{day})?\s+(?:{link}\s+)?({month})(?!\w)", re.IGNORECASE),
        re.compile(rf"\b({english})\s+{day}{ends}(?:{to}{day}{ends})?", re.IGNORECASE),
        re.compile(rf"(?<![^\s(/–-])({month})(?!\w)", re.IGNORECASE),
        re.compile(rf"\b{one_of(of_all('before_a_month'))}[\s-]+$", re.IGNORECASE),
    )


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number, date or time from character `start` to `end`. `unit` is a symbol, or "" without a unit.

    - Number: `mantissa` is the number as written, `value` the mantissa times its scale. Both are without a sign; see `is_negative`.
    - Date: `value` is 100 × month + day, or 100 × month for a month alone. `unit` is "date".
    - Time: `value` is 100 × hour (0 to 24) + minute. `unit` is "am", "pm", or "time" without either.
    """

    start: int
    end: int
    value: Decimal
    mantissa: Decimal
    unit: str = ""
    is_negative: bool = False

    @property
    def is_scaled(self) -> bool:
        """Whether it has a scale such as "million"."""
        return self.value != self.mantissa

    def agrees_with(self, other: Quantity, *, scales: frozenset[int] = frozenset()) -> bool:
        """Whether `other`, from a source, confirms this number. It may be more exact.

        `scales` are factors of the source's numbers from a table heading such as "in millions".
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
        """Whether both are the same time. A full hour may have no minutes, and "7:30" may be 7:30 pm."""
        mine, theirs = (q.value if q.unit in TIMES else 100 * q.value for q in (self, other))
        if {self.unit, other.unit} - TIMES - {""}:
            return False
        return mine == theirs or (self.unit in ("", "time") and other.unit == "pm" and mine + 1200 == theirs)

    def _rounds(self, exact: Decimal) -> bool:
        """Whether this is `exact`, rounded to at least two digits: 34.2 billion for 34,229 million."""
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
    """All numbers, dates and times of a text, in order. A bare "one" is left out, since it is often a pronoun.

    >>> [(str(quantity.value), quantity.unit) for quantity in quantities("It rose by 7 % to 3.5 million on 14 July.")]
    [('7', '%'), ('3500000.0', ''), ('714', 'date')]
    """
    dates = [*_dates(text), *map(_time, TIME.finditer(text))]
    taken = {position for date in dates for position in range(date.start, date.end)}
    found = [_quantity(match, text) for match in _figure().finditer(text) if match.start() not in taken]
    return tuple(_with_shared_units(sorted([*dates, *(q for q in found if q)], key=lambda q: q.start), text))


def _with_shared_units(found: list[Quantity], text: str) -> list[Quantity]:
    """In "3 to 5 metres" the 3 has the unit of the 5."""
    for i in range(len(found) - 2, -1, -1):
        first, second = found[i], found[i + 1]
        if not first.unit and second.unit in measures() and RANGE.fullmatch(text, first.end, second.start):
            found[i] = replace(first, unit=second.unit)
    return found


@lru_cache(maxsize=512)
def scales_named(text: str) -> frozenset[int]:
    """The factors that a table's heading gives its numbers, as in "(in millions, except per share)"."""
    words = re.findall(r"\b(?:thousands|millions|billions)\b", text, re.IGNORECASE)
    return frozenset(scales()[word.lower()] for word in words)


def _is_negative(text: str, start: int, end: int) -> bool:
    """Whether a minus sign is right in front of a number (not a hyphen, range or dash), or parentheses that mean minus."""
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
            scale = _product(groups["scale"]) if groups["scale"] else language("en").scale_letters[groups["letter"].lower()]
    elif groups["word"]:
        mantissa = Decimal(sum(small_numbers()[part] for part in groups["word"].lower().split("-")))
        scale = _product(groups["word_scale"] or "")
        if groups["word"].lower() == "one" and scale == 1 and not groups["percent"]:
            return None
    else:
        mantissa, scale = Decimal(1), scales()[groups["lone_scale"].lower()]
    is_negative = _is_negative(text, match.start(), match.end())
    return Quantity(match.start(), match.end(), mantissa * scale, mantissa, _unit(groups), is_negative)


def _product(words: str) -> int:
    return prod(scales()[word] for word in re.findall(r"[^\W\d_]+", words.lower()))


def _unit(groups: dict[str, str | None]) -> str:
    if groups["percent"]:
        return "%"
    if groups["money"]:
        return groups["money"].strip()
    return language("en").units.get((groups["unit"] or "").lower().removesuffix("s"), "")


def _dates(text: str) -> list[Quantity]:
    """Days with a month, and months without a day."""
    patterns = _dates_patterns()
    found: dict[int, Quantity] = {}
    with_a_day: set[int] = set()
    for match in ISO_DATE.finditer(text):
        found[match.start(2)] = _day(match.start(2), match.end(), int(match[2]), match[3])
    for pattern, month, days in ((patterns.day_month, 3, (1, 2)), (patterns.month_day, 1, (2, 3))):
        for match in pattern.finditer(text):
            for group in days:
                if match[group]:
                    found[match.start(group)] = _day(match.start(group), match.end(group), _month(match[month]), match[group])
                    with_a_day.add(match.start(month))
    for match in patterns.lone_month.finditer(text):
        if match.start() not in with_a_day and match[1][0].isupper() and _names_a_month(text, match):
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
    """Whether a month's name is a month here: "May" and "March" are also other words."""
    return (
        match[1].lower() not in _months_not_alone()
        or _dates_patterns().before.search(text[max(0, match.start() - 12) : match.start()]) is not None
    )


@cache
def _months_not_alone() -> frozenset[str]:
    return frozenset(of_all("months_not_alone"))


def _month(name: str) -> int:
    return months()[name.lower().rstrip(".")]


def _day(start: int, end: int, month: int, day: str) -> Quantity:
    value = Decimal(100 * month + int(day))
    return Quantity(start, end, value, value, "date")
