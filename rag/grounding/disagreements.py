"""What a sentence says otherwise than the words it is held against: numbers, names, opposites, denials.

Facts that are missing are found one by one. Facts that are there but stand in the wrong place ("16 in the north and 18 in the
south") are found where the two say the same words in the same order around them, and, for numbers, by the words nearby.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import Match, SequenceMatcher
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING

from rag.grounding.quantities import measures
from rag.grounding.statements import EXCEPT, SCOPE, losses, opposites
from rag.text.language import of_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.grounding.statements import Token

    Explained = Callable[[Token], bool]
    Agrees = Callable[[Token, Token], bool]

REACH = 4
"""Content words on either side of a number that tell where in a sentence it stands."""

MARGIN = 3
"""So many more of them stand around another number of the source: then this one is out of place."""

ANCHORS = 3
"""Words that must agree on both sides of a place together, before what stands between them is compared."""

LONGEST_EXCHANGE = 5
FACTS = ("name", "number")


def disagreements(
    claim: Sequence[Token], quotes: Sequence[Sequence[Token]], *, explained: Explained, scales: frozenset[int] = frozenset()
) -> list[str]:
    """Why the quotes, taken together, do not bear the claim out; empty where nothing speaks against it.

    `explained` tells whether a name that no quote holds is known from what surrounds them. `scales` are those of Quantity.
    """
    quotes = [_to_scale(quote, claim, scales) for quote in quotes]
    told = [token for quote in quotes for token in quote]
    found = [
        *_missing(claim, told, explained),
        *_signs(claim, quotes),
        *_out_of_place(claim, quotes),
        *_opposed(claim, told),
        *_denied(claim, told),
    ]
    for quote in quotes:
        found += _exchanged(claim, quote)
    return found


def _to_scale(quote: Sequence[Token], claim: Sequence[Token], scales: frozenset[int]) -> Sequence[Token]:
    """The quote with those numbers that the claim gives in a table's scale written as the claim writes them."""
    if not scales:
        return quote
    numbers = [token for token in claim if token.quantity]

    def scaled(token: Token) -> Token:
        same = next((n for n in numbers if n.agrees_with(token, scales=scales) and not n.agrees_with(token)), None)
        return replace(token, quantity=same.quantity) if token.quantity and same else token

    return [scaled(token) for token in quote]


def _missing(claim: Sequence[Token], told: Sequence[Token], explained: Explained) -> Iterator[str]:
    measured = {token.quantity.unit for token in told if token.quantity}
    for token in claim:
        is_known = any(token.agrees_with(other) and _is_measured(token, other, measured) for other in told)
        if token.kind == "number" and not is_known:
            yield f"number {token.key}"
        elif token.kind == "name" and not (is_known or token.is_first or explained(token)):
            yield f"name {token.key}"


def _is_measured(token: Token, other: Token, measured: set[str]) -> bool:
    """Whether `other` has the unit of a length or weight of the claim, if any number that was told has it."""
    ours, theirs = token.quantity, other.quantity
    return not ours or not theirs or ours.unit == theirs.unit or ours.unit not in measured & measures()


def _signs(claim: Sequence[Token], quotes: Sequence[Sequence[Token]]) -> Iterator[str]:
    """Numbers that every quote gives with the other sign; "a loss of 3" has that of -3."""
    for token in claim:
        if token.quantity is None:
            continue
        same = [(other, quote) for quote in quotes for other in quote if other.quantity and token.agrees_with(other)]
        if same and not any(_same_sign(token, claim, other, quote) for other, quote in same):
            yield f"sign of {token.key}"


def _same_sign(token: Token, claim: Sequence[Token], other: Token, quote: Sequence[Token]) -> bool:
    if token.is_negative == other.is_negative:
        return True
    positive = quote if token.is_negative else claim
    return any(t.stem in losses() for t in positive)


def _out_of_place(claim: Sequence[Token], quotes: Sequence[Sequence[Token]]) -> Iterator[str]:
    for i, token in enumerate(claim):
        if token.kind != "number":
            continue
        around = {t.key for t in claim[max(0, i - REACH) : i + REACH + 1] if t.kind != "denial"} - {token.key}
        nearness = {True: 0, False: 0}
        for quote in quotes:
            for j, other in enumerate(quote):
                if other.quantity and other.is_date == token.is_date:
                    near = len({t.key for t in quote[max(0, j - REACH) : j + REACH + 1]} & around)
                    same = token.agrees_with(other)
                    nearness[same] = max(nearness[same], near)
        if nearness[False] >= nearness[True] + MARGIN:
            yield f"place of {token.key}"


def _opposed(claim: Sequence[Token], told: Sequence[Token]) -> Iterator[str]:
    ours, theirs = {token.stem for token in claim}, {token.stem for token in told}
    for stem in sorted(ours - theirs):
        if opposites().get(stem, frozenset()) & (theirs - ours):
            yield f"opposite of {stem}"


def _denied(claim: Sequence[Token], told: Sequence[Token]) -> Iterator[str]:
    """Denials that only one side has, told apart by the first word that they deny."""
    ours, theirs = _denials(claim), _denials(told)
    said = {token.stem for token in claim}
    yield from (f"denial of {scope[0]}" for scope in ours if not any(scope[0] in other for other in theirs))
    for scope in theirs:
        if scope[0] in said and not any(scope[0] in other for other in ours):
            yield f"no denial of {scope[0]}"


def _denials(tokens: Sequence[Token]) -> list[list[str]]:
    """For each denial the words that follow it, or where none do, the one before it; each excepted word by itself."""
    scopes = []
    for i, token in enumerate(tokens):
        if token.kind == "denial" and token.stem == EXCEPT:
            scopes += [[stem] for stem in _excepted(tokens[i + 1 : i + 1 + SCOPE])]
        elif token.kind == "denial":
            following = [t.stem for t in tokens[i + 1 : i + 1 + SCOPE] if t.kind != "denial"]
            scopes.append(following or [t.stem for t in tokens[max(0, i - 1) : i]] or [""])
    return scopes


def _excepted(following: Sequence[Token]) -> list[str]:
    """The first word after "except", and the names and numbers next to it."""
    following = [token for token in following if token.stem not in _articles()]
    others = takewhile(lambda token: token.kind in FACTS and not token.is_first, following[1:])
    return [token.stem for token in (*following[:1], *others)]


@cache
def _articles() -> frozenset[str]:
    """Words between "except" and what it excepts."""
    return frozenset(of_all("articles"))


@dataclass(frozen=True, slots=True)
class _Run:
    """One word, or neighbouring names or numbers taken as one."""

    key: str
    kind: str
    tokens: tuple[Token, ...]


def _exchanged(claim: Sequence[Token], quote: Sequence[Token]) -> Iterator[str]:
    """Facts in whose place the quote has others, laid side by side word for word, and with all names and all numbers equal."""

    def agrees(mine: Token, other: Token) -> bool:
        return mine.agrees_with(other) and (mine.quantity is None or _same_sign(mine, claim, other, quote))

    words, others = ([_Run(f"{'-' * t.is_negative}{t.key}", t.kind, (t,)) for t in tokens] for tokens in (claim, quote))
    for ours, theirs in _between_agreements(words, others):
        yield from _turned(ours, theirs, agrees)
    runs, others = _runs(claim), _runs(quote)
    for block in _common(runs, others):
        for i in range(block.size - 1 if block.size >= ANCHORS else 0):
            mine, other = runs[block.b + i], others[block.a + i]
            begins_both = block.b + i == 0 == block.a + i
            if (i > 0 or begins_both) and _differ(mine, other, agrees):
                yield f"{mine.kind} {mine.tokens[0].key} for {other.tokens[0].key}"


def _runs(tokens: Sequence[Token]) -> list[_Run]:
    runs: list[_Run] = []
    for token in tokens:
        if token.kind not in FACTS:
            runs.append(_Run(token.key, token.kind, (token,)))
        elif runs and runs[-1].kind == token.kind:
            runs[-1] = _Run(runs[-1].key, token.kind, (*runs[-1].tokens, token))
        else:
            runs.append(_Run(f"<{token.kind}>", token.kind, (token,)))
    return runs


def _common(ours: Sequence[_Run], theirs: Sequence[_Run]) -> list[Match]:
    """Runs of equal keys in the same order, `a` in theirs and `b` in ours; the last is empty."""
    return SequenceMatcher(None, [run.key for run in theirs], [run.key for run in ours], autojunk=False).get_matching_blocks()


def _between_agreements(ours: Sequence[_Run], theirs: Sequence[_Run]) -> Iterator[tuple[Sequence[_Run], Sequence[_Run]]]:
    """What stands on both sides between two places that agree; before the first and after the last, the facts next to it."""
    end_a = end_b = left = 0
    for block in _common(ours, theirs):
        short = max(block.a - end_a, block.b - end_b) <= LONGEST_EXCHANGE
        if left and block.size and left + block.size >= ANCHORS and short:
            yield ours[end_b : block.b], theirs[end_a : block.a]
        elif block.size >= ANCHORS - 1 and not left and block.b:
            yield ours[: block.b], _facts_next_to(theirs[: block.a][::-1])
        elif left >= ANCHORS - 1 and not block.size:
            yield ours[end_b:], _facts_next_to(theirs[end_a:])
        end_a, end_b, left = block.a + block.size, block.b + block.size, block.size


def _facts_next_to(runs: Sequence[_Run]) -> Sequence[_Run]:
    """Those of one kind that `runs` begin with; where it is no fact, the first two words."""
    if not runs or runs[0].kind not in FACTS:
        return runs[:2]
    other = next((i for i, run in enumerate(runs) if run.kind != runs[0].kind), len(runs))
    return runs[:other]


def _turned(ours: Sequence[_Run], theirs: Sequence[_Run], agrees: Agrees) -> Iterator[str]:
    mine, other = [t for run in ours for t in run.tokens], [t for run in theirs for t in run.tokens]
    for kind in FACTS:
        facts = [t for t in other if t.kind == kind]
        comparable = mine and facts and all(t.kind == kind for t in mine) and len(other) <= len(facts) + (kind == "name")
        if comparable and not any(agrees(t, o) for t in mine for o in facts):
            yield f"{kind} {mine[0].key} for {facts[0].key}"
    if any(opposites().get(t.stem, frozenset()) & {o.stem for o in other} for t in mine):
        yield "an opposite"
    denials = [[t.kind == "denial" for t in tokens] for tokens in (mine, other)]
    if sum(denials[0]) != sum(denials[1]) and (len(other) <= 2 or denials[1][-1]):
        yield "a denial"


def _differ(mine: _Run, other: _Run, agrees: Agrees) -> bool:
    if mine.kind not in FACTS:
        return False
    missing = sum(not any(agrees(t, o) for o in other.tokens) for t in mine.tokens)
    return missing == len(mine.tokens) or (missing > 0 and len(mine.tokens) <= len(other.tokens))
