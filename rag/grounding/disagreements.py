"""Contradictions between a sentence and its quotes: numbers, names, opposites and denials.

Missing facts are found one by one. Swapped facts ("16 in the north and 18 in the south") are found where sentence and quote have
the same words in the same order around them; swapped numbers also by the words nearby.
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
"""Content words on either side of a number that mark its place in a sentence."""

MARGIN = 3
"""A number is out of place if another number of the source shares at least this many more of those words."""

ANCHORS = 3
"""Words that must agree on both sides of a gap, together, before the words in the gap are compared."""

LONGEST_EXCHANGE = 5
"""Words in a gap, at most."""

FACTS = ("name", "number")


def disagreements(
    claim: Sequence[Token], quotes: Sequence[Sequence[Token]], *, explained: Explained, scales: frozenset[int] = frozenset()
) -> list[str]:
    """Reasons why the quotes, taken together, contradict the claim; [] if nothing does.

    `explained` returns True for a name that is not in the quotes, but known from their surroundings. `scales` as in Quantity.
    """
    quotes = [_to_scale(quote, claim, scales) for quote in quotes]
    quoted = [token for quote in quotes for token in quote]
    found = [
        *_missing(claim, quoted, explained),
        *_signs(claim, quotes),
        *_out_of_place(claim, quotes),
        *_opposed(claim, quoted),
        *_denied(claim, quoted),
    ]
    for quote in quotes:
        found += _exchanged(claim, quote)
    return found


def _to_scale(quote: Sequence[Token], claim: Sequence[Token], scales: frozenset[int]) -> Sequence[Token]:
    """The quote, with the numbers that equal a number of the claim by a table's scale replaced by that number."""
    if not scales:
        return quote
    numbers = [token for token in claim if token.quantity]

    def scaled(token: Token) -> Token:
        same = next((n for n in numbers if n.agrees_with(token, scales=scales) and not n.agrees_with(token)), None)
        return replace(token, quantity=same.quantity) if token.quantity and same else token

    return [scaled(token) for token in quote]


def _missing(claim: Sequence[Token], quoted: Sequence[Token], explained: Explained) -> Iterator[str]:
    units = {token.quantity.unit for token in quoted if token.quantity}
    for token in claim:
        is_known = any(token.agrees_with(other) and _has_its_unit(token, other, units) for other in quoted)
        if token.kind == "number" and not is_known:
            yield f"number {token.key}"
        elif token.kind == "name" and not (is_known or token.is_first or explained(token)):
            yield f"name {token.key}"


def _has_its_unit(token: Token, other: Token, units: set[str]) -> bool:
    """Whether both have the same unit. A unit of measure may be missing if it is not among the quotes' `units`."""
    ours, theirs = token.quantity, other.quantity
    return not ours or not theirs or ours.unit == theirs.unit or ours.unit not in units & measures()


def _signs(claim: Sequence[Token], quotes: Sequence[Sequence[Token]]) -> Iterator[str]:
    """Numbers that have the opposite sign in every quote. "A loss of 3" has the sign of -3."""
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


def _opposed(claim: Sequence[Token], quoted: Sequence[Token]) -> Iterator[str]:
    ours, theirs = {token.stem for token in claim}, {token.stem for token in quoted}
    for stem in sorted(ours - theirs):
        if opposites().get(stem, frozenset()) & (theirs - ours):
            yield f"opposite of {stem}"


def _denied(claim: Sequence[Token], quoted: Sequence[Token]) -> Iterator[str]:
    """Denials on one side only, identified by the first word that they deny."""
    ours, theirs = _denials(claim), _denials(quoted)
    claimed = {token.stem for token in claim}
    yield from (f"denial of {scope[0]}" for scope in ours if not any(scope[0] in other for other in theirs))
    for scope in theirs:
        if scope[0] in claimed and not any(scope[0] in other for other in ours):
            yield f"no denial of {scope[0]}"


def _denials(tokens: Sequence[Token]) -> list[list[str]]:
    """For each denial, the next SCOPE words, or the word before it if none follow. Each excepted word is its own denial."""
    scopes = []
    for i, token in enumerate(tokens):
        if token.kind == "denial" and token.stem == EXCEPT:
            scopes += [[stem] for stem in _excepted(tokens[i + 1 : i + 1 + SCOPE])]
        elif token.kind == "denial":
            following = [t.stem for t in tokens[i + 1 : i + 1 + SCOPE] if t.kind != "denial"]
            scopes.append(following or [t.stem for t in tokens[max(0, i - 1) : i]] or [""])
    return scopes


def _excepted(following: Sequence[Token]) -> list[str]:
    """The first word after "except", and the names and numbers that follow it directly."""
    following = [token for token in following if token.stem not in _articles()]
    others = takewhile(lambda token: token.kind in FACTS and not token.is_first, following[1:])
    return [token.stem for token in (*following[:1], *others)]


@cache
def _articles() -> frozenset[str]:
    """Words between "except" and the excepted noun."""
    return frozenset(of_all("articles"))


@dataclass(frozen=True, slots=True)
class _Run:
    """A word, or neighbouring names or numbers as a single word."""

    key: str
    kind: str
    tokens: tuple[Token, ...]


def _exchanged(claim: Sequence[Token], quote: Sequence[Token]) -> Iterator[str]:
    """Facts that the quote replaces with others in the same place.

    Claim and quote are aligned twice: word for word, and with all names equal and all numbers equal.
    """

    def agrees(mine: Token, other: Token) -> bool:
        return mine.agrees_with(other) and (mine.quantity is None or _same_sign(mine, claim, other, quote))

    words, others = ([_Run(f"{'-' * t.is_negative}{t.key}", t.kind, (t,)) for t in tokens] for tokens in (claim, quote))
    for ours, theirs in _between_agreements(words, others):
        yield from _contradicted(ours, theirs, agrees)
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
    """Blocks of equal keys in the same order: `a` is the position in `theirs`, `b` in `ours`. The last block is empty."""
    return SequenceMatcher(None, [run.key for run in theirs], [run.key for run in ours], autojunk=False).get_matching_blocks()


def _between_agreements(ours: Sequence[_Run], theirs: Sequence[_Run]) -> Iterator[tuple[Sequence[_Run], Sequence[_Run]]]:
    """Pairs of gaps between two blocks that agree. Before the first block and after the last, only the facts next to it."""
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
    """The first facts of `runs`, all of one kind; the first two words if `runs` does not begin with a fact."""
    if not runs or runs[0].kind not in FACTS:
        return runs[:2]
    other = next((i for i, run in enumerate(runs) if run.kind != runs[0].kind), len(runs))
    return runs[:other]


def _contradicted(ours: Sequence[_Run], theirs: Sequence[_Run], agrees: Agrees) -> Iterator[str]:
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
