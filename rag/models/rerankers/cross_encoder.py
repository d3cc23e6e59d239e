"""A sentence-transformers CrossEncoder, by hub name or folder, on the best device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.errors import ModelError
from rag.models.fitting import pieces
from rag.models.identity import identity_of_settings
from rag.models.pretrained import load_sentence_transformers, longest_input
from rag.text.surrogates import well_formed

if TYPE_CHECKING:
    from collections.abc import Sequence


class CrossEncoderReranker:
    """A reranker with a cross-encoder. A passage that does not fit beside the question has the score of its best piece.

    Raises ModelError for a model that cannot be loaded, or has no single score.
    """

    def __init__(self, model: str, *, device: str | None = None, batch_size: int = 32) -> None:
        self._model: Any = load_sentence_transformers("CrossEncoder", model, device=device)
        self._name = model
        self._batch_size = batch_size
        self._window = longest_input(self._model)
        self._refuse_other_models()
        self.identity = identity_of_settings(
            type(self).__name__, {"_batch_size": batch_size, "_name": model, "_window": self._window}
        )

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score for each passage, in order, on the model's own scale (often 0 to 1). Raises ModelError."""
        question = well_formed(question)
        pairs = [(i, piece) for i, passage in enumerate(passages) for piece in self._pieces(question, well_formed(passage))]
        best = [float("-inf")] * len(passages)
        if pairs:
            values = self._model.predict(
                [(question, piece) for _, piece in pairs], batch_size=self._batch_size, show_progress_bar=False
            )
            for (i, _), value in zip(pairs, values, strict=True):
                best[i] = max(best[i], float(value))
        return best

    def close(self) -> None:
        """Free the model."""
        self._model = None

    def _refuse_other_models(self) -> None:
        """Raise ModelError for a model without a scoring head, to which the library would give a random one."""
        architectures = getattr(self._model.model.config, "architectures", None) or []
        if any(name.endswith(("Model", "ForMaskedLM")) for name in architectures):
            raise ModelError(f"{self._name} has no scoring head ({architectures[0]}). Name a cross-encoder.")
        if self._model.num_labels != 1:
            raise ModelError(f"{self._name} gives {self._model.num_labels} scores a pair instead of one. Name a cross-encoder.")

    def _pieces(self, question: str, passage: str) -> list[str]:
        limit = self._window - self._tokens(question) - self._model.tokenizer.num_special_tokens_to_add(pair=True)
        if limit < 1:
            raise ModelError(
                f"The question alone fills the {self._window} tokens that {self._name} reads. Ask a shorter one, or search "
                "without --reranker."
            )
        return pieces(passage, lambda piece: self._tokens(piece) <= limit)

    def _tokens(self, text: str) -> int:
        encoded = self._model.tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)
        return len(encoded["input_ids"])
