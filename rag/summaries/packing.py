"""Parts of a level → groups that are merged, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.summaries.budget import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.summaries.parts import Part


class Packing:
    """Puts neighbours together, as many as `most` tokens of a prompt hold; two at least, since any two fit.

    A full group is held back until the next one is full: the last two share their parts evenly, so that what comes last weighs
    no more in the summary than what came before.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: list[Part] = []
        self._group: list[Part] = []

    def add(self, part: Part) -> list[Part]:
        """Take the next part in. Returns a group that nothing will change any more, or an empty list."""
        if self._fits([*self._group, part]):
            self._group.append(part)
            return []
        complete, self._held, self._group = self._held, self._group, [part]
        return complete

    def rest(self) -> list[list[Part]]:
        """The groups that are left at the end: none without parts, one, or two."""
        if not self._held:
            return [self._group] if self._group else []
        parts = [*self._held, *self._group]
        first = min(range(1, len(parts)), key=lambda at: self._unevenness(parts[:at], parts[at:]))
        return [parts[:first], parts[first:]]

    def _unevenness(self, one: Sequence[Part], other: Sequence[Part]) -> tuple[bool, int]:
        return not (self._fits(one) and self._fits(other)), abs(_size(one) - _size(other))

    def _fits(self, parts: Sequence[Part]) -> bool:
        return len(parts) <= 2 or _size(parts) <= self._most


def _size(parts: Sequence[Part]) -> int:
    return sum(part.carried_tokens + BETWEEN for part in parts)
