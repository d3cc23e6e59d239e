"""The messages that ask for summaries. Instructions stand first, since they are the same for all pieces of all documents."""

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
"""In smaller windows the text needs the tokens that title and headings would take."""

LONGEST_LINE = 80
SOURCES_FOLLOW = "In the words of the document:"


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of every text: a summary, one that bears on `focus`, or with `is_question` the answer to it."""

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
        """The messages that make one of several parts; `sources` are words of the document that these rest on."""
        shown = [*texts, "\n".join([SOURCES_FOLLOW, *sources])] if sources else texts
        return self._messages("summary_merge", "\n\n".join(shown), words=words)

    def of_next(self, summary: str, piece: Piece, *, words: int) -> tuple[Message, ...]:
        """The messages that add a piece to the summary of what came before it."""
        return self._messages("summary_refine", piece.text, summary=summary, words=words)

    def of_length(self, summary: str, have: int, texts: Sequence[str], *, words: int) -> tuple[Message, ...]:
        """The messages that ask for a summary of `have` words anew, in another length."""
        return self._messages("summary_length", "\n\n".join(texts), summary=summary, words=words, have=have)

    def empty(self, *, words: int) -> list[tuple[Message, ...]]:
        """Every kind of prompt without a text."""
        return [
            self._messages("summary_map", "", words=words, title="t" * 20 if not self.is_question else ""),
            self._messages("summary_merge", "", words=words),
            self._messages("summary_refine", "", words=words, summary="-"),
        ]

    def _messages(
        self, task: str, text: str, *, words: int, title: str = "", heading: str = "", summary: str = "", have: int = 0
    ) -> tuple[Message, ...]:
        is_answer = self.is_question and task in ("summary_map", "summary_merge")
        told = {"have": have} if task == "summary_length" else {"focus": as_data(self.focus)}
        system = self._rendered("summary_question" if is_answer else task, words=words, system=self.prompts.system, **told)
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
