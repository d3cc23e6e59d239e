"""A text taken apart as it is compared: its content words in order, and which of them are numbers, names, opposites or denied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rag.grounding.quantities import MONTHS, SMALL, TIMES, Quantity, quantities
from rag.text.scripts import INNER_SIGNS, PAIRED_RUN, pairs
from rag.text.words import is_stop_stem, stem_of

_SIGN = rf"(?:(?!{PAIRED_RUN.pattern})[\w{INNER_SIGNS}])"
WORD = re.compile(rf"({PAIRED_RUN.pattern})|{_SIGN}+(?:['’]{_SIGN}+)*")
DENIALS = frozenset(
    "not no never nor none nobody nothing neither without cannot hardly rarely fail fails failed lack lacks lacked lacking unable "
    "nicht kein keine keinen keiner nie niemals ohne jamais sans nunca sin не нет без".split()
)
NO_DENIALS = frozenset("only just merely".split())
"""What follows a "not" that denies nothing."""

_END_OF_AN_EXCEPTION = r"\s+(?:(?:on|in|at|for|the|an?)\s+)*[\w'’-]+(?:\s+[\w'’-]+)?\s*(?:$|[.,;:!?)|\n]|(?:and|or|of)\b)"
EXCEPTION = re.compile(
    r"\b(?:with the exceptions? of|except(?:ing|ed)?(?: for)?|excluding|apart from|aside from|other than|barring|"
    r"au(?:ß|ss)er|ausgenommen|mit ausnahme von|sauf|excepté|hormis|à l['’]exception d[eu]|excepto|salvo|eccetto|tranne|кроме)\b|"
    rf"\b(?:all|(?:every|any)(?:one|body|thing|where)?|each)(?:\s+[\w'’-]+){{0,2}}\s+(but)\b(?={_END_OF_AN_EXCEPTION})",
    re.IGNORECASE,
)
"""A "but" is one only after "every day" and its like, and where the exception ends the clause."""

EXCEPT = "except"
"""The stem of every exception."""

SCOPE = 3
"""Content words after a denial that it may deny."""

_PAIRS = (
    "increase decrease|increase reduce|increase decline|rise fall|rise decline|grow shrink|grow decline|high low|"
    "more less|more fewer|most least|great less|gain lose|gain loss|profit loss|win lose|won lost|up down|"
    "above below|before after|first last|former latter|early late|always never|maximum minimum|major minor|"
    "large small|big small|best worst|good bad|old young|with without|north south|northern southern|east west|"
    "eastern western|positive negative|promote inhibit|promote suppress|promote prevent|induce inhibit|"
    "induce suppress|activate inhibit|activate suppress|activate inactivate|enhance reduce|enhance impair|"
    "enhance inhibit|improve impair|improve worsen|upregulate downregulate|allow prohibit|permit prohibit|"
    "include exclude|support oppose|accept reject|begin end|start end|open close|import export|buy sell|"
    "likely unlikely|possible impossible|able unable|legal illegal|left right|male female|man woman|king queen|"
    "father mother|son daughter|brother sister|husband wife|hot cold|warm cold|long short|strong weak|fast slow|"
    "inside outside|upper lower|internal external|success failure|succeed fail|approve reject|presence absence|"
    "present absent|same different|true false|near far|elevate reduce|elevate decrease|high reduce|increase low|"
    "reduce elevate|decrease high|sensitive resistant|necessary unnecessary"
)


@lru_cache(maxsize=1)
def opposites() -> dict[str, frozenset[str]]:
    """For each stem the stems that mean the opposite, in all their forms that the stemmer keeps apart."""
    table: dict[str, set[str]] = {}
    for pair in _PAIRS.split("|"):
        a, b = ([stem_of(form) for form in _forms(word)] for word in pair.split())
        for one, other in ((a, b), (b, a)):
            for stem in one:
                table.setdefault(stem, set()).update(other)
    return {stem: frozenset(others - {stem}) for stem, others in table.items()}


@lru_cache(maxsize=1)
def losses() -> frozenset[str]:
    """Stems that turn a number's sign: a loss of 3 is a profit of -3."""
    words = (
        "loss losses lose lost fall falls fell fallen decline decrease drop down deficit shortfall shrink shrank less lower "
        "reduce cut below negative minus deduct owe overdraft debt expense"
    )
    return frozenset(stem_of(word) for word in words.split())


_IRREGULAR = {
    "rise": "rose risen", "fall": "fell fallen", "grow": "grew grown", "win": "won", "lose": "lost", "begin": "began begun",
    "buy": "bought", "sell": "sold", "large": "larger largest", "high": "higher highest", "low": "lower lowest",
    "early": "earlier earliest", "late": "later latest", "strong": "stronger strongest", "weak": "weaker weakest",
    "big": "bigger biggest", "great": "greater greatest", "old": "older oldest", "young": "younger youngest",
    "long": "longer longest", "short": "shorter shortest", "small": "smaller smallest", "hot": "hotter hottest",
    "warm": "warmer warmest", "cold": "colder coldest", "fast": "faster fastest", "slow": "slower slowest",
    "good": "better", "bad": "worse", "near": "nearer nearest", "man": "men", "woman": "women",
}  # fmt: skip


def _forms(word: str) -> list[str]:
    return [word, *_IRREGULAR.get(word, "").split()]


@dataclass(frozen=True, slots=True)
class Token:
    """A content word. `kind` is "number", "name", "opposite", "denial" or ""; `quantity` belongs to a number."""

    start: int
    stem: str
    kind: str = ""
    quantity: Quantity | None = None
    is_first: bool = False

    @property
    def key(self) -> str:
        """What two tokens have in common that say the same: the stem, or a number's value."""
        if self.quantity is None:
            return "<denial>" if self.kind == "denial" else self.stem
        sort = " date" if self.is_date else " time" if self.quantity.unit in TIMES else ""
        return f"{self.quantity.value.normalize():f}{sort}"

    @property
    def is_date(self) -> bool:
        """Whether it is a day or a month."""
        return self.quantity is not None and self.quantity.unit == "date"

    @property
    def is_negative(self) -> bool:
        """Whether it is a number below zero."""
        return self.quantity is not None and self.quantity.is_negative

    def agrees_with(self, other: Token, *, scales: frozenset[int] = frozenset()) -> bool:
        """Whether `other`, of a source, says the same; for `scales` see Quantity."""
        if self.quantity and other.quantity:
            return self.quantity.agrees_with(other.quantity, scales=scales)
        return self.key == other.key


@lru_cache(maxsize=1024)
def tokens_of(text: str) -> tuple[Token, ...]:
    """The content words of a text in order, a number as one word.

    A capitalised word is a name; one that begins a sentence (`is_first`) may be none.
    """
    figures = quantities(text)
    exceptions = [match.span(1 if match[1] else 0) for match in EXCEPTION.finditer(text)]
    tokens = [Token(q.start, stem_of(text[q.start : q.end].split()[0]), "number", q) for q in figures]
    tokens += [Token(start, EXCEPT, "denial") for start, _ in exceptions]
    inside = {position for start, end in [*((q.start, q.end) for q in figures), *exceptions] for position in range(start, end)}
    matches = list(WORD.finditer(text))
    for i, match in enumerate(matches):
        if match.start() in inside:
            continue
        if match[1]:
            tokens += [Token(match.start() + at, pair) for at, pair in enumerate(pairs(match[1]))]
        elif token := _token(text, match, matches[i + 1] if i + 1 < len(matches) else None):
            tokens.append(token)
    return tuple(sorted(tokens, key=lambda token: token.start))


def _token(text: str, match: re.Match[str], following: re.Match[str] | None) -> Token | None:
    word = match.group()
    lower = word.lower()
    stem = stem_of(word)
    after = following.group() if following else ""
    if lower in DENIALS or lower.endswith(("n't", "n’t")):
        return None if after.lower() in NO_DENIALS else Token(match.start(), stem, "denial")
    if stem in opposites() and not word[0].isupper():
        return Token(match.start(), stem, "opposite")
    if is_stop_stem(stem) or lower in SMALL or lower in MONTHS or not stem:
        return None
    is_capital = word[0].isupper()
    return Token(match.start(), stem, "name" if is_capital else "", None, is_capital and _begins_sentence(text, match.start()))


def _begins_sentence(text: str, position: int) -> bool:
    before = text[max(0, position - 12) : position].rstrip(" \t\n\"'“‘(`*#")
    return position == 0 or not before or before[-1] in ".!?:。"
