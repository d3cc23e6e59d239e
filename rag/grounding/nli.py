"""A verifier with a cross-encoder for natural language inference: does the quote entail the sentence or contradict it?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError
from rag.grounding.lexical import LexicalVerifier, support_of
from rag.models.identity import identity_of_settings
from rag.models.pretrained import load_sentence_transformers, longest_input
from rag.text.surrogates import well_formed
from rag.types import Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.grounding.lexical import Judged
    from rag.types import Passage

QUOTES = 4
"""Spans per sentence that the model reads: those that share most words with it."""


class NliVerifier:
    """A verifier with a sentence-transformers CrossEncoder: `model` is a hub name or a folder. The spec is `nli:MODEL`.

    The model's configuration must name a label "entailment". The score is the highest probability of that label among the quotes.
    A quote that contradicts the sentence with a probability above 0.5 leaves it without support. Raises ModelError for a
    model without that label.
    """

    def __init__(self, model: str, *, device: str | None = None, batch_size: int = 16) -> None:
        self._model: Any = load_sentence_transformers("CrossEncoder", model, device=device)
        self._name = model
        self._batch_size = batch_size
        self._window = longest_input(self._model)
        self._entails, self._contradicts = self._labels()
        self._spans = LexicalVerifier()
        self.identity = identity_of_settings(
            type(self).__name__,
            {
                "_batch_size": batch_size,
                "_contradicts": self._contradicts,
                "_entails": self._entails,
                "_name": model,
                "_window": self._window,
            },
        )

    def check(self, sentence: str, passages: Sequence[Passage]) -> Judged:
        """The judged sentence and the best span. Raises ModelError for a sentence that fills the model's window."""
        spans = self._spans.spans(sentence, passages, QUOTES)
        if not spans:
            return Sentence(sentence), []
        rows = self._probabilities(sentence, [passage.text[start:end] for passage, start, end in spans])
        best = max(range(len(rows)), key=lambda i: rows[i][self._entails])
        score = rows[best][self._entails]
        if self._contradicts is not None and max(row[self._contradicts] for row in rows) > max(0.5, score):
            score = min(score, 1 - max(row[self._contradicts] for row in rows))
        judged = replace(Sentence(sentence), support=support_of(score), score=score)
        return judged, [spans[best]] if judged.support != "none" else []

    def close(self) -> None:
        """Free the model."""
        self._model = None

    def _probabilities(self, sentence: str, quotes: Sequence[str]) -> list[list[float]]:
        """A row of probabilities for each quote, with a column for each label."""
        import numpy as np
        from torch.nn import Identity

        hypothesis = well_formed(sentence)
        room = self._window - self._tokens(hypothesis) - self._model.tokenizer.num_special_tokens_to_add(pair=True)
        if room < 1:
            raise ModelError(
                f"A sentence of the answer fills the {self._window} tokens that {self._name} can read. Choose a verifier with a "
                "larger window, or the default verifier: --verifier lexical."
            )
        pairs = [(well_formed(quote), hypothesis) for quote in quotes]
        logits = self._model.predict(pairs, batch_size=self._batch_size, show_progress_bar=False, activation_fn=Identity())
        powers = np.exp(logits - np.max(logits, axis=1, keepdims=True))
        return [[float(value) for value in row] for row in powers / powers.sum(axis=1, keepdims=True)]

    def _labels(self) -> tuple[int, int | None]:
        """The columns of entailment and contradiction. The second is None for a model without a label for contradiction."""
        names = {int(i): str(name).lower() for i, name in (getattr(self._model.model.config, "id2label", None) or {}).items()}
        entails = [i for i, name in names.items() if name in ("entailment", "entail", "entails", "supports", "supported")]
        contradicts = [i for i, name in names.items() if name.startswith(("contradict", "refute"))]
        if len(names) < 2 or not entails:
            raise ModelError(
                f"{self._name} has no label 'entailment' (its labels: {', '.join(names.values()) or 'none'}). Choose a cross-encoder "
                "for natural language inference."
            )
        return entails[0], contradicts[0] if contradicts else None

    def _tokens(self, text: str) -> int:
        encoded = self._model.tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)
        return len(encoded["input_ids"])
