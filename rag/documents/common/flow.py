"""Running text as it is put together. Gaps and spaces are remembered, and written only once something follows them."""

from __future__ import annotations

import re

from rag.documents.common.characters import visible

_WHITE = re.compile(r"\s+")
_SPACE_BEFORE_LINE_END = re.compile(r"(?<![ \t])[ \t]+\n")


class Flow:
    """Builds a text piece by piece; written text never moves, so its offsets are final."""

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[str] = []
        self._gap = 0
        self._space = False
        self._lead = ""

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(self._pieces)

    def break_lines(self, count: int) -> None:
        """At least `count` line feeds before what comes next."""
        self._gap = max(self._gap, count)

    def break_line(self) -> None:
        """One line feed more, up to an empty line."""
        self._gap = max(self._gap, min(2, self._gap + 1))

    def space(self) -> None:
        """White space before what comes next."""
        self._space = True

    def lead(self, text: str) -> None:
        """`text` right before what comes next, and nowhere if nothing comes."""
        self._lead = text

    def write(self, text: str) -> None:
        """Words, with any white space between them as one space."""
        text = _WHITE.sub(" ", visible(text))
        words = text.strip(" ")
        self._space = self._space or text.startswith(" ")
        if words:
            self._put(words)
            self._space = text.endswith(" ")

    def write_as_is(self, text: str) -> None:
        """Preformatted text: its spaces count, and line feeds at its ends become gaps."""
        text = _SPACE_BEFORE_LINE_END.sub("\n", visible(text))
        body = text.lstrip("\n")
        self._gap += len(text) - len(body)
        if body:
            self._put(body.rstrip("\n"))
            self._gap = len(body) - len(body.rstrip("\n"))

    def mark(self) -> int:
        """A place to hand to `since`; a pending lead comes before it."""
        if self._lead:
            self._put("")
        return len(self._pieces)

    def since(self, mark: int) -> tuple[int, str]:
        """What was written since `mark`, and where it begins."""
        text = "".join(self._pieces[mark:])
        body = text.lstrip()
        return self.length - len(body), body

    def _put(self, text: str) -> None:
        if self.length and self._gap:
            self._append("\n" * self._gap)
        elif self.length and self._space:
            self._append(" ")
        self._append(self._lead + text)
        self._gap, self._space, self._lead = 0, False, ""

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self.length += len(text)
