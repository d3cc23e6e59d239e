"""The messages that ask for summaries. The instructions come first, so that servers can cache them for all pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.prompts import Prompts
from rag.prompts.data import as_data, as_line
from rag.types import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.summaries.pieces import Piece

WINDOW_FOR_TITLES = 1024
"""Tokens. Prompts for smaller windows leave out title and headings, to have more room for the text."""

LONGEST_LINE = 80
SOURCES_FOLLOW = "In the words of the document:"


@dataclass(frozen=True, slots=True)
class Asking:
    """The request for each text: a summary, a summary about `focus`, or the answer to the question in `focus` (`is_question`)."""

    focus: str = ""
    is_question: bool = False
    prompts: Prompts = field(default_factory=Prompts)

    def of_piece(self, piece: Piece, *, words: int, window: int) -> tuple[Message, ...]:
        """The messages for a piece of a document."""
        title, heading = ("", "")
        if window >= WINDOW_FOR_TITLES:
            title, heading = as_line(piece.document.title[:LONGEST_LINE]), as_line(piece.heading[-LONGEST_LINE:])
        return self._messages("summary_map", piece.text, title=title, heading=heading, words=words)

    def of_parts(self, texts: Sequence[str], *, words: int, sources: Sequence[str] = ()) -> tuple[Message, ...]:
        """The messages that merge several parts into one; `sources` are quotes of the document that support them."""
        shown = [*texts, "\n".join([SOURCES_FOLLOW, *sources])] if sources else texts
        return self._messages("summary_merge", "\n\n".join(shown), words=words)

    def of_next(self, summary: str, piece: Piece, *, words: int) -> tuple[Message, ...]:
        """The messages that add a piece to the summary of the pieces before it."""
        return self._messages("summary_refine", piece.text, summary=summary, words=words)

    def of_length(self, summary: str, have: int, texts: Sequence[str], *, words: int) -> tuple[Message, ...]:
        """The messages that ask for the summary again with `words` words; it has `have` words now."""
        return self._messages("summary_length", "\n\n".join(texts), summary=summary, words=words, have=have)

    def empty(self, *, words: int) -> list[tuple[Message, ...]]:
        """Each kind of prompt, without text."""
        return [
            self._messages("summary_map", "", words=words, title="t" * 20 if not self.is_question else ""),
            self._messages("summary_merge", "", words=words),
            self._messages("summary_refine", "", words=words, summary="-"),
        ]

    def _messages(
        self, task: str, text: str, *, words: int, title: str = "", heading: str = "", summary: str = "", have: int = 0
    ) -> tuple[Message, ...]:
        is_answer = self.is_question and task in ("summary_map", "summary_merge")
        values = {"have": have} if task == "summary_length" else {"focus": as_data(self.focus)}
        system = self._rendered("summary_question" if is_answer else task, words=words, system=self.prompts.system, **values)
        user = self._rendered(
            "summary_text",
            text=as_data(text),
            title=title,
            heading=heading,
            summary=as_data(summary),
            is_question=self.is_question,
            words=words,
        )
        return Message("system", system), Message("user", user)

    def _rendered(self, task: str, **values: object) -> str:
        return self.prompts.template(task).render(**values)
