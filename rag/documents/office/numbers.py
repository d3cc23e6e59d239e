"""Numbers of spreadsheets as their cells show them: "12.5%", "1,234.50 €"; dates and times in ISO 8601, whatever their format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

# Formats that are known by number alone (ECMA-376, part 1, 18.8.30); numbers not listed show as they are.
BUILT_IN = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??"},
    **{14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm"},
    **{21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)"},
    **{40: "#,##0.00;(#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss", 48: "##0.0E+0", 49: "@"},
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), "yyyy-mm-dd"),
    **dict.fromkeys((32, 33, 34, 35), "h:mm:ss"),
}

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*](?P<blank>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]|(?P<general>general)|(?P<half>am/pm|a/p)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_CORE = re.compile(r"[0#?](?:[0#?,.]*[0#?])?")
_GENERAL = "\1"
_LONGEST_FORMAT = 1000
_MOST_DECIMALS = 30
_WIDE = Context(prec=400)
_LAST_DAY = 2_957_000  # in the year 9995, whichever day is the first
_EXACT = 10**15


@dataclass(frozen=True, slots=True)
class _Section:
    """One part of a format. In `pattern` are its placeholders, \\0 for each of its `literals`, and _GENERAL."""

    pattern: str
    literals: tuple[str, ...]
    elapsed: bool

    @property
    def parts(self) -> frozenset[str]:
        """Which of y, m, d, h and s it shows; none for a format of numbers."""
        return frozenset(self.pattern) & frozenset("ymdhs") if _GENERAL not in self.pattern else frozenset()


def shown(value: float, code: str, *, since_1904: bool = False) -> str:
    """A number as a format code shows it. What a code says of colours, widths and conditions is passed over."""
    sections = _sections(code[:_LONGEST_FORMAT])
    if sections[0].parts or sections[0].elapsed:
        return _moment(value, sections[0], since_1904=since_1904)
    if value < 0 and len(sections) > 1:
        return _number(-value, sections[1])
    if value == 0 and len(sections) > 2:
        return _number(0.0, sections[2])
    return f"-{_number(-value, sections[0])}" if value < 0 else _number(value, sections[0])


def general(value: float) -> str:
    """A number without a format: no more digits than a wide cell shows."""
    if value == int(value) and abs(value) < _EXACT:
        return str(int(value))
    return f"{value:.10g}"


@lru_cache(maxsize=4096)
def _sections(code: str) -> tuple[_Section, ...]:
    found: list[_Section] = []
    pattern, literals, elapsed = "", list[str](), False
    for token in _TOKEN.finditer(code):
        kind, text = token.lastgroup, token[0]
        if kind == "other" and text == ";":
            found.append(_Section(pattern, tuple(literals), elapsed))
            pattern, literals, elapsed = "", [], False
        elif kind in ("quoted", "escaped", "currency"):
            pattern += "\0"
            literals.append(token[kind])
        elif kind == "elapsed":
            elapsed = True
        elif kind == "general":
            pattern += _GENERAL
        elif kind == "other":
            pattern += text.lower() if text.lower() in "ymdhse" else text
    return (*found, _Section(pattern, tuple(literals), elapsed))


def _moment(value: float, section: _Section, *, since_1904: bool) -> str:
    if abs(value) >= _LAST_DAY or (value < 0 and not section.elapsed):
        return general(value)
    seconds = round(abs(value) * 86_400)
    parts = section.parts
    if section.elapsed:
        return f"{'-' if value < 0 else ''}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if "s" in parts else "")
    if not parts & {"y", "d"} and ("h" in parts or "s" in parts):
        return clock
    # Excel's calendar has a 29 February 1900, so its first two months are a day off.
    epoch = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30 if value >= 60 else 31)
    moment = epoch + timedelta(seconds=seconds)
    if "h" in parts:
        return f"{moment:%Y-%m-%d} {clock}"
    if "d" not in parts and "y" in parts:
        return f"{moment:%Y-%m}" if "m" in parts else f"{moment:%Y}"
    return f"{moment:%Y-%m-%d}"


def _number(value: float, section: _Section) -> str:
    """A number that is not negative, among the section's literals."""
    pattern = section.pattern
    core = _CORE.search(pattern)
    if _GENERAL in pattern or "@" in pattern:
        written = re.sub(f"[{_GENERAL}@]", general(value), pattern, count=1)
    elif core is None:
        written = pattern
    elif "/" in pattern or "\0" in core[0] or (_CORE.search(pattern, core.end()) and "e" not in pattern):
        return general(value)
    elif "e" in pattern:
        written = f"{value:.{min(len(core[0].partition('.')[2]), _MOST_DECIMALS)}E}"
    else:
        scaled = Decimal(f"{value:.15g}") * 100 ** min(pattern.count("%"), 2)
        rest = pattern[core.end() :].lstrip(",.")
        thousands = len(pattern[core.end() :]) - len(pattern[core.end() :].lstrip(","))
        written = pattern[: core.start()] + _digits(scaled / 1000**thousands, core[0]) + rest
    literals = iter(section.literals)
    return "".join(next(literals, "") if character == "\0" else character for character in written).strip()


def _digits(value: Decimal, core: str) -> str:
    """Digits by their placeholders: 0 always shows, # and ? only where there is something."""
    whole, _, part = core.partition(".")
    least, most = part.count("0"), min(len(part.replace(",", "").replace(".", "")), _MOST_DECIMALS)
    rounded = value.quantize(Decimal(1).scaleb(-most), rounding=ROUND_HALF_UP, context=_WIDE)
    before, _, after = f"{rounded:f}".partition(".")
    after = after[:least] + after[least:].rstrip("0")
    before = before.lstrip("0").zfill(min(whole.count("0"), _MOST_DECIMALS))
    if "," in whole:
        before = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", before)
    return f"{before}.{after}" if after else before
