"""What other sources say otherwise: the words of a sentence, with another number in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.grounding.cells import looked_up
from rag.grounding.parts import aligned
from rag.grounding.quantities import TIMES, measures
from rag.grounding.tables import YEARS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.grounding.parts import Claim, Part
    from rag.grounding.quantities import Quantity
    from rag.grounding.statements import Token
    from rag.types import Passage

    Span = tuple[Passage, int, int]

SAME_WORDS = 0.75
"""Share of a sentence's words, numbers left out, that a source has which says another number."""

LEAST_SAME = 3


def saying_otherwise(sentence: str, spans: Sequence[Span], passages: Sequence[Passage]) -> list[Span]:
    """Quotes of other sources than those of `spans`: as many of the sentence's words, and another number of the same kind.

    A source that has the number too, somewhere in the passage, does not say otherwise.
    """
    cited = {passage.source for passage, _, _ in spans}
    found: list[Span] = []
    for passage in passages:
        if passage.source in cited or any(passage.source == known.source for known, _, _ in found):
            continue
        beside = aligned(sentence, [passage], rows=False)
        if not beside.chosen or not _says_another_number(beside.claim, beside.chosen[0]):
            continue
        if not looked_up(sentence, [passage]):
            found.append((passage, beside.chosen[0].start, beside.chosen[0].end))
    return found


def _says_another_number(claim: Claim, part: Part) -> bool:
    """Whether a part has the words of the claim, and of one of its numbers only others of the same kind."""
    numbers = {token.key: token for token in claim.tokens if token.quantity}
    words = claim.words - numbers.keys()
    same = words & part.covered
    about = {token.key for token in claim.tokens if token.kind == "name"} | {token.key for token in claim.subject[:1]}
    if not about <= part.covered:
        return False
    if not numbers or len(same) < max(LEAST_SAME, SAME_WORDS * len(words)):
        return False
    said = [token for token in part.tokens if token.quantity]
    missing = [token for token in numbers.values() if not any(token.agrees_with(other) for other in said)]
    spare = [other for other in said if not any(token.agrees_with(other) for token in numbers.values())]
    return any(_is_of_the_kind(token, other) for token in missing for other in spare)


def _is_of_the_kind(token: Token, other: Token) -> bool:
    """Whether two numbers can be of the same thing: both dates, both in percent, or of one measure; years go with years."""
    mine, theirs = token.quantity, other.quantity
    assert mine
    assert theirs
    if _is_year(mine) != _is_year(theirs):
        return False
    return mine.unit == theirs.unit or not {mine.unit, theirs.unit} & (measures() | {"date", "%", *TIMES})


def _is_year(number: Quantity) -> bool:
    return not number.unit and not number.is_scaled and number.value in YEARS
