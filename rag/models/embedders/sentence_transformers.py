"""Any sentence-transformers model, by hub name or folder, on the best device."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import ModelError
from rag.models.embedders.batches import centre, length_sorted, refuse_overlong, unit
from rag.models.embedders.prefixes import prefixes_of
from rag.models.embedders.word_counts import WordCounts, keeps_words_apart
from rag.models.fitting import pieces
from rag.models.pretrained import load_sentence_transformers, longest_input, weights_revision
from rag.system.files import expanded
from rag.text.surrogates import well_formed
from rag.types import EmbedderIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.protocols import Vectors

_SLICE = 2048  # passages tokenised and sorted at a time


class SentenceTransformersEmbedder:
    """An embedder with a sentence-transformers model. `model` is a folder, never looked up on a network, or a hub name.

    Prefixes default to the model's own prompts ("query"; "document", "passage" or "corpus"), else to those of its family. The
    identity of a folder is its name and the hash of its weights, so it may be moved. The identity of a hub model is the loaded
    commit. `batch_tokens` limits the rows times the longest row of a batch; the default is 4,096, and 65,536 on a GPU.

    Raises ModelError for a model that cannot be loaded.

        embedder = SentenceTransformersEmbedder("BAAI/bge-small-en-v1.5", device="cpu")
        embedder.embed_question("How tall is the tower?").shape    # (384,)
    """

    def __init__(
        self,
        model: str,
        *,
        device: str | None = None,
        name: str | None = None,
        question_prefix: str | None = None,
        passage_prefix: str | None = None,
        batch_tokens: int | None = None,
        attention: str | None = None,
    ) -> None:
        options = {"model_kwargs": {"attn_implementation": attention}} if attention else {}
        self.model: Any = load_sentence_transformers("SentenceTransformer", model, device=device, **options)
        self._count = _token_counter(self.model.tokenizer)
        self._batch_tokens = batch_tokens or (4096 if self.model.device.type == "cpu" else 65_536)
        self._room = longest_input(self.model) - _special_tokens(self.model.tokenizer)
        folder = expanded(model)
        known_as = name or (folder.resolve().name if folder.is_dir() else model)
        usual = self._prompt("query"), self._prompt("document", "passage", "corpus")
        usual = usual if any(usual) else prefixes_of(known_as)
        question_prefix = usual[0] if question_prefix is None else question_prefix
        passage_prefix = usual[1] if passage_prefix is None else passage_prefix
        # one token more than the prefix, since a tokenizer may split differently where prefix and text meet
        self._prefix_tokens = self._count([passage_prefix])[0] + 1 if passage_prefix else 0
        self.identity = EmbedderIdentity(
            name=known_as,
            revision=weights_revision(folder) if folder.is_dir() else _loaded_revision(model, self.model),
            dimension=self._encode(["a"], "").shape[1],
            max_tokens=self._room - self._prefix_tokens,
            pooling=_pooling(self.model),
            question_prefix=question_prefix,
            passage_prefix=passage_prefix,
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._count([well_formed(text) for text in texts])

    def embed_passages(self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None) -> Vectors:
        vectors = np.zeros((len(texts), self.identity.dimension), np.float32)
        prefix = self.identity.passage_prefix
        for start in range(0, len(texts), _SLICE):
            part = texts[start : start + _SLICE]
            counts = self._lengths(part)
            refuse_overlong(counts, self.identity.max_tokens, model=self.identity.name, first=start)
            for batch in length_sorted([count + self._prefix_tokens + 2 for count in counts], budget=self._batch_tokens):
                vectors[[start + i for i in batch]] = self._encode([part[i] for i in batch], prefix)
                if on_progress:
                    on_progress(len(batch))
        return vectors

    def embed_question(self, text: str) -> Vectors:
        prefix = self.identity.question_prefix
        parts = pieces(text, lambda piece: self.count_tokens([prefix + piece])[0] <= self._room)
        return centre(self._encode(parts, prefix, question=True))

    def close(self) -> None:
        """Free the model and its memory on a GPU."""
        import torch

        self.model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, plus those that joining it with the prefix adds beyond the reserved token."""
        counts = self.count_tokens(texts)
        if not self._prefix_tokens:
            return counts
        joined = self.count_tokens([self.identity.passage_prefix + text for text in texts])
        return [max(count, both - self._prefix_tokens) for count, both in zip(counts, joined, strict=True)]

    def _encode(self, texts: Sequence[str], prefix: str, *, question: bool = False) -> Vectors:
        if self.model is None:
            raise ModelError(f"The embedder {self.identity.name} is closed. Open it again.")
        encode = self.model.encode_query if question else self.model.encode_document
        try:
            vectors = encode(
                [well_formed(text) for text in texts], prompt=prefix, batch_size=len(texts), show_progress_bar=False
            )
        except RuntimeError as error:
            raise ModelError(
                f"The embedder failed on {self.model.device}: {str(error).strip().splitlines()[0]}. "
                "If memory ran out, use shorter chunks or a smaller model."
            ) from error
        return unit(np.asarray(vectors, np.float32))

    def _prompt(self, *names: str) -> str:
        prompts = self.model.prompts
        found = next((prompts[name] for name in names if prompts.get(name)), None)
        return str(found or prompts.get(self.model.default_prompt_name) or "")


def _token_counter(tokenizer: Any) -> Callable[[list[str]], list[int]]:
    """A function that counts tokens, without special tokens or cuts, for a tokenizer of transformers or tokenizers."""
    if hasattr(tokenizer, "no_truncation"):
        whole = type(tokenizer).from_str(tokenizer.to_str())
        whole.no_truncation()
        whole.no_padding()
        if keeps_words_apart(whole):
            return WordCounts(whole)
        return lambda texts: [len(encoding.ids) for encoding in whole.encode_batch(texts, add_special_tokens=False)]

    def count(texts: list[str]) -> list[int]:
        if not texts:
            return []
        encoded = tokenizer(texts, add_special_tokens=False, truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    return count


def _special_tokens(tokenizer: Any) -> int:
    """The number of tokens that the model adds to a text; 0 for a static model, which has a plain tokenizer."""
    return 0 if hasattr(tokenizer, "no_truncation") else int(tokenizer.num_special_tokens_to_add(pair=False))


def _pooling(model: Any) -> str:
    """The pooling mode, several joined by "+"; "none" for a model without pooling."""
    for module in model:
        if hasattr(module, "get_pooling_mode_str"):  # sentence-transformers 5
            return str(module.get_pooling_mode_str())
        if mode := getattr(module, "pooling_mode", None):
            return mode if isinstance(mode, str) else "+".join(mode)
    return "none"


def _loaded_revision(name: str, model: Any) -> str:
    """The hub commit that was loaded, or a hash of the parameters if the hub's cache does not record it."""
    from huggingface_hub import try_to_load_from_cache

    repository = name if "/" in name else f"sentence-transformers/{name}"
    for file in ("modules.json", "config.json"):
        cached = try_to_load_from_cache(repository, file, cache_dir=os.environ.get("SENTENCE_TRANSFORMERS_HOME"))
        if isinstance(cached, str):
            return Path(cached).parent.name  # …/snapshots/COMMIT/modules.json
    import torch

    digest = hashlib.sha256()
    for parameter, tensor in sorted(model.state_dict().items()):
        digest.update(parameter.encode())
        digest.update(tensor.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"
