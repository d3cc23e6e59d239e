"""A text put together from blocks, with the headings and places that begin where blocks do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.types import Heading, Places

if TYPE_CHECKING:
    from rag.types import Document


class Composition:
    """Builds a text block by block; written text never moves, so its offsets are final.

    Blocks are normalised before they are written.
    """

    def __init__(self) -> None:
        self.length = 0
        self.headings: list[Heading] = []
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._labels: list[str] = []
        self._label: str | None = None

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(self._pieces)

    def place(self, label: str) -> None:
        """What is written next, and until another place is named, is at `label`."""
        self._label = label

    def write(self, text: str, *, gap: int = 1) -> int:
        """A block, without line feeds at its ends, `gap` line feeds after the one before. Returns where it begins."""
        block = text.strip("\n")
        if block.strip():
            self._append("\n" * gap if self.length else "")
            if self._label is not None:
                self._begin(self._label, self.length)
            self._append(block)
            return self.length - len(block)
        return self.length

    def head(self, text: str, *, level: int) -> None:
        """A heading on a line of its own, after an empty line; nothing where it says nothing."""
        text = " ".join(text.split())
        if text:
            self.headings.append(Heading(self.write(text, gap=2), level, text))

    def embed(self, document: Document, *, label: str, level: int) -> None:
        """Another document's text, its headings below `level`, its pages and places below `label`."""
        ahead = len(document.text) - len(document.text.lstrip("\n"))
        offset = self.write(document.text) - ahead
        self.headings += [Heading(offset + inner.start, level + inner.level, inner.text) for inner in document.headings]
        pages = tuple(str(page) for page in range(1, len(document.page_starts) + 1))
        places = document.places or (Places("page", document.page_starts, pages) if pages else None)
        for start, inside in zip(places.starts, places.labels, strict=True) if places else ():
            if offset + start < self.length:  # what is at the end of it and empty was not written
                at = " ".join(filter(None, (label, places.unit if places else "", inside)))
                self._begin(at, offset + max(start, ahead))

    def places(self, unit: str) -> Places | None:
        """The places that were named, counted in `unit`; None where there was none."""
        if not self._starts:
            return None
        return Places(unit, (0, *self._starts[1:]), tuple(self._labels))

    def _begin(self, label: str, start: int) -> None:
        if not self._labels or self._labels[-1] != label:
            self._starts.append(start)
            self._labels.append(label)
        self._label = None

    def _append(self, piece: str) -> None:
        self._pieces.append(piece)
        self.length += len(piece)
