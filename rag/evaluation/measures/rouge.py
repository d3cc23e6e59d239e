"""ROUGE, computed by Google's rouge-score.

Its own words are lower-case Latin letters and digits, stemmed as in publications. Texts of other scripts would have no words at all,
so they are cut as keyword search cuts them.
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
"""From this share of letters that are no Latin ones without accents, words are those of keyword search."""


class Rouge:
    """Scores texts against one or several references; `words` says how they are cut: "rouge-score" or "keyword search"."""

    def __init__(self, references: Iterable[str]) -> None:
        try:
            from rouge_score.rouge_scorer import RougeScorer
        except ImportError as error:
            raise MissingExtraError(
                "Summaries are measured by rouge-score. Install it with: pip install 'groundtext[eval]'"
            ) from error
        is_plain = _is_plain(references)
        self.words = "rouge-score" if is_plain else "keyword search"
        self._scorer: Any = RougeScorer(METRICS, use_stemmer=True, tokenizer=None if is_plain else _Stems())

    def scores(self, text: str, references: Sequence[str]) -> dict[str, float]:
        """F1 (0 to 1) by metric, each beside the reference that is best for it."""
        best = self._scorer.score_multi([_a_sentence_a_line(one) for one in references], _a_sentence_a_line(text))
        return {metric: float(best[metric].fmeasure) for metric in METRICS}


class _Stems:
    def tokenize(self, text: str) -> list[str]:
        return stems(text)


def _is_plain(references: Iterable[str]) -> bool:
    letters = others = 0
    for text in references:
        letters += sum(sign.isalpha() for sign in text)
        others += sum(sign.isalpha() and not sign.isascii() for sign in text)
    return others <= OTHER_LETTERS * letters


def _a_sentence_a_line(text: str) -> str:
    """ROUGE-Lsum takes each line for a sentence."""
    return "\n".join(" ".join(text[start:end].split()) for start, end in sentence_spans(text))
