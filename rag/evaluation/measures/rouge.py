"""ROUGE, computed by Google's rouge-score.

Its tokenizer knows lower-case Latin letters and digits only, stemmed as in publications. It finds no words in other scripts, so
texts in these are split into the words of keyword search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.errors import MissingExtraError
from rag.text.sentences import sentence_spans
from rag.text.words import stems

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

METRICS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
OTHER_LETTERS = 0.05
"""Share of letters outside a to z. From this share on, texts are split into the words of keyword search."""


class Rouge:
    """Scores texts against one or more references. `words` names the tokenizer: "rouge-score" or "keyword search"."""

    def __init__(self, references: Iterable[str]) -> None:
        try:
            from rouge_score.rouge_scorer import RougeScorer
        except ImportError as error:
            raise MissingExtraError(
                "The metrics of summaries need rouge-score. Install it with: pip install 'groundtext[eval]'"
            ) from error
        is_plain = _is_plain(references)
        self.words = "rouge-score" if is_plain else "keyword search"
        self._scorer: Any = RougeScorer(METRICS, use_stemmer=True, tokenizer=None if is_plain else _Stems())

    def scores(self, text: str, references: Sequence[str]) -> dict[str, float]:
        """F1 by metric, 0 to 1. Each metric uses the reference with the highest F1."""
        best = self._scorer.score_multi([_by_lines(reference) for reference in references], _by_lines(text))
        return {metric: float(best[metric].fmeasure) for metric in METRICS}


class _Stems:
    def tokenize(self, text: str) -> list[str]:
        return stems(text)


def _is_plain(references: Iterable[str]) -> bool:
    letters = others = 0
    for text in references:
        letters += sum(character.isalpha() for character in text)
        others += sum(character.isalpha() and not character.isascii() for character in text)
    return others <= OTHER_LETTERS * letters


def _by_lines(text: str) -> str:
    """The text with each sentence on a line, as ROUGE-Lsum expects it."""
    return "\n".join(" ".join(text[start:end].split()) for start, end in sentence_spans(text))
