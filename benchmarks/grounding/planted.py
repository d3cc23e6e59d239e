"""Errors planted in true sentences: what a model that half remembers would write.

Every kind takes a sentence and the passages that it is true of, and gives a false sentence, or None where the sentence has
nothing to falsify. Draws are seeded by the sentence, so every run plants the same errors.
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Plant = Callable[[str, str, Random], str | None]

MONTHS = "January February March April May June July August September October November December".split()
COUNTING = "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred".split()
NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|[.,]\d)")
YEAR = re.compile(r"(?<![\w.,])(?:1[0-9]|20)\d\d(?!\w|[.,]\d)")
DATE = re.compile(rf"\b(?:{'|'.join(MONTHS)})\b(?:\s+\d{{1,2}}\b(?!\d))?|(?<!\d)\d{{1,2}}\s+(?:{'|'.join(MONTHS)})\b")
WORD_NUMBER = re.compile(rf"\b(?:{'|'.join(COUNTING)})\b", re.IGNORECASE)
SCALE = re.compile(r"\b(?:hundred|thousand|million|billion|trillion)\b|(?<=\d)\s?%|\bpercent\b", re.IGNORECASE)
NAME = re.compile(r"(?<![.!?`\"'] )(?<!^)\b[A-Z][\w'’-]+(?:\s+(?:of\s+|the\s+|de\s+)?[A-Z][\w'’-]+)*")
AUXILIARY = re.compile(r"\b(is|are|was|were|can|could|will|would|has|have|had|may|must|should|does|did|do)\b(?! not\b)")
DENIAL = re.compile(r"\b(not|never|no) ", re.IGNORECASE)
OPPOSITES = [
    ("increase", "decrease"), ("increases", "decreases"), ("increased", "decreased"), ("higher", "lower"), ("highest", "lowest"),
    ("largest", "smallest"), ("larger", "smaller"), ("more", "less"), ("most", "least"), ("before", "after"), ("first", "last"),
    ("always", "never"), ("won", "lost"), ("above", "below"), ("north", "south"), ("eastern", "western"), ("southern", "northern"),
    ("positive", "negative"), ("maximum", "minimum"), ("rise", "fall"), ("best", "worst"), ("older", "younger"), ("with", "without"),
]  # fmt: skip
OPPOSITE = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}
NO_NAMES = {"The", "A", "An", "It", "He", "She", "They", "In", "On", "At", "This", "These", "I", "As", "For", "But", "And"}


def _replaced(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _drawn(pattern: re.Pattern[str], text: str, draw: Random) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return draw.choice(found) if found else None


def number(text: str, source: str, draw: Random) -> str | None:
    """A number that is no year gets other digits, or is replaced by another number of the source."""
    found = [match for match in NUMBER.finditer(text) if not YEAR.fullmatch(match.group())]
    if not found:
        return None
    match = draw.choice(found)
    others = sorted({n.group() for n in NUMBER.finditer(source)} - {n.group() for n in NUMBER.finditer(text)})
    if others and draw.random() < 0.5:
        return _replaced(text, match, draw.choice(others))
    position = draw.choice([i for i, sign in enumerate(match.group()) if sign.isdigit()])
    digit = draw.choice([d for d in "123456789" if d != match.group()[position]])
    return _replaced(text, match, match.group()[:position] + digit + match.group()[position + 1 :])


def written_number(text: str, source: str, draw: Random) -> str | None:
    """A number that is written out becomes another."""
    match = _drawn(WORD_NUMBER, text, draw)
    return _replaced(text, match, draw.choice([w for w in COUNTING if w != match.group().lower()])) if match else None


def scale(text: str, source: str, draw: Random) -> str | None:
    """Thousands become millions, percent become thousands."""
    match = _drawn(SCALE, text, draw)
    if not match:
        return None
    words = [w for w in ("thousand", "million", "billion") if w != match.group().strip().lower()]
    return _replaced(text, match, " " * match.group().startswith(" ") + draw.choice(words))


def year(text: str, source: str, draw: Random) -> str | None:
    """Another year: one of the source's, or one close by."""
    match = _drawn(YEAR, text, draw)
    if not match:
        return None
    others = sorted({n.group() for n in YEAR.finditer(source)} - {n.group() for n in YEAR.finditer(text)})
    close = str(int(match.group()) + draw.choice([-11, -3, -1, 1, 2, 10]))
    return _replaced(text, match, draw.choice(others) if others and draw.random() < 0.5 else close)


def date(text: str, source: str, draw: Random) -> str | None:
    """Another month, or another day of it."""
    match = _drawn(DATE, text, draw)
    if not match:
        return None
    day = re.search(r"\d+", match.group())
    if day and draw.random() < 0.5:
        other = draw.choice([d for d in range(1, 29) if d != int(day.group())])
        return _replaced(text, match, match.group().replace(day.group(), str(other)))
    month = re.search(r"[A-Z]\w+", match.group()).group()
    return _replaced(text, match, match.group().replace(month, draw.choice([m for m in MONTHS if m != month])))


def name(text: str, source: str, draw: Random) -> str | None:
    """A name becomes another name of the source that the sentence does not hold."""
    match = _drawn(NAME, text, draw)
    if not match:
        return None
    said = set(re.findall(r"\w+", text.lower()))
    names = {n.group() for n in NAME.finditer(source)} - set(MONTHS)
    others = sorted(n for n in names if not said & set(re.findall(r"\w+", n.lower())) and n.split()[0] not in NO_NAMES)
    return _replaced(text, match, draw.choice(others)) if others else None


def negation(text: str, source: str, draw: Random) -> str | None:
    """A "not" is put in, or taken out."""
    denied = _drawn(DENIAL, text, draw)
    if denied:
        return _replaced(text, denied, "")
    match = _drawn(AUXILIARY, text, draw)
    return _replaced(text, match, f"{match.group()} {draw.choice(['not', 'never'])}") if match else None


def opposite(text: str, source: str, draw: Random) -> str | None:
    """A word becomes its opposite."""
    found = [match for match in re.finditer(r"[a-z]+", text) if match.group() in OPPOSITE]
    match = draw.choice(found) if found else None
    return _replaced(text, match, OPPOSITE[match.group()]) if match else None


def two_numbers(text: str, source: str, draw: Random) -> str | None:
    """Two numbers of the sentence change places."""
    return _exchanged(text, list(NUMBER.finditer(text)), draw)


def two_names(text: str, source: str, draw: Random) -> str | None:
    """Two names of the sentence change places, unless they are listed side by side."""
    return _exchanged(text, [m for m in NAME.finditer(text) if m.group().split()[0] not in NO_NAMES], draw)


def _exchanged(text: str, found: list[re.Match[str]], draw: Random) -> str | None:
    pairs = [
        (a, b)
        for i, a in enumerate(found)
        for b in found[i + 1 :]
        if a.group() != b.group() and len(re.findall(r"\w+", text[a.end() : b.start()])) > 2
    ]
    if not pairs:
        return None
    a, b = draw.choice(pairs)
    return text[: a.start()] + b.group() + text[a.end() : b.start()] + a.group() + text[b.end() :]


KINDS: dict[str, Plant] = {
    "number": number, "written number": written_number, "scale or percent": scale, "year": year, "day or month": date,
    "name": name, "negation": negation, "opposite": opposite,
    "two numbers exchanged": two_numbers, "two names exchanged": two_names,
}  # fmt: skip
ASKED_FOR = ("number", "written number", "scale or percent", "year", "day or month", "name", "negation", "opposite")
NUMBERS_AND_DATES = ASKED_FOR[:5]


def planted(text: str, source: str) -> dict[str, str]:
    """One false sentence of each kind that the sentence has room for."""
    drawn = {kind: plant(text, source, Random(f"{kind} {text}")) for kind, plant in KINDS.items()}
    return {kind: false for kind, false in drawn.items() if false and false != text}
