"""The results of summarising a document: a summary, or a failure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rag.notebook import summary_html
from rag.summaries.wording import count_words
from rag.types import Usage

if TYPE_CHECKING:
    from rag.types import Citation, Sentence


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary whose sentences cite the document.

    `reason` says why this chain was chosen. `levels` is the number of calls on the longest path, each of which needs the
    answer of the one before. `calls` counts all answers of the model, `reused_calls` those kept from an earlier run, and
    `usage` the tokens of the others. `notes` list text that was cut, left out or missing. `seconds` is the time of this run.
    """

    source: str
    title: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    chain: str
    reason: str
    levels: int
    calls: int
    reused_calls: int
    model: str
    usage: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The sentences with the markers of their citations."""
        return " ".join(sentence.cited_text for sentence in self.sentences)

    @property
    def plain_text(self) -> str:
        """The sentences without markers."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def words(self) -> int:
        """Number of words, without markers."""
        return count_words(self.plain_text)

    def to_dict(self) -> dict[str, Any]:
        """The summary as docs/reference/json.md describes it."""
        return {
            "source": self.source,
            "title": self.title,
            "summary": self.text,
            "words": self.words,
            "chain": self.chain,
            "reason": self.reason,
            "levels": self.levels,
            "calls": self.calls,
            "reused_calls": self.reused_calls,
            "usage": asdict(self.usage),
            "sentences": [sentence.to_dict() for sentence in self.sentences],
            "citations": [citation.to_dict() for citation in self.citations],
            "notes": list(self.notes),
            "model": self.model,
            "seconds": round(self.seconds, 4),
        }

    def _repr_html_(self) -> str:
        return summary_html(self.to_dict())


@dataclass(frozen=True, slots=True)
class FailedSummary:
    """A document without a summary. `status` is one of `errors.DOCUMENT_STATUSES`, or "model" if the model caused the failure."""

    source: str
    status: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """The failure as docs/reference/json.md describes it."""
        return asdict(self)
