"""Real transformer models that are small enough to be made on the spot: random weights, 128 tokens of context."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from pathlib import Path

WINDOW = 128
NLI_LABELS = {0: "contradiction", 1: "entailment", 2: "neutral"}


def save_tiny_embedder(folder: Path, *, prompts: dict[str, str] | None = None, pooling: str = "mean") -> Path:
    """A sentence-transformers model: a random BERT, pooling and normalisation."""
    from transformers import BertModel

    _save_bert(folder, BertModel, {})
    kinds = {"0": ("", "Transformer"), "1": ("1_Pooling", "Pooling"), "2": ("2_Normalize", "Normalize")}
    modules = [
        {"idx": int(idx), "name": idx, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for idx, (path, kind) in kinds.items()
    ]
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": WINDOW, "do_lower_case": False})
    _write(folder / "config_sentence_transformers.json", {"prompts": prompts or {}, "default_prompt_name": None})
    modes = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}
    _write(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": 32, **{key: mode == pooling for mode, key in modes.items()}},
    )
    return folder


def save_tiny_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """A random BERT that gives a pair of texts `labels` scores."""
    from transformers import BertForSequenceClassification

    _save_bert(folder, BertForSequenceClassification, {"num_labels": labels})
    return folder


def save_tiny_nli(folder: Path, *, labels: Mapping[int, str] = NLI_LABELS) -> Path:
    """A random BERT with the labels of natural language inference."""
    save_tiny_cross_encoder(folder, labels=len(labels))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    _write(folder / "config.json", config | {"id2label": labels, "label2id": {name: i for i, name in labels.items()}})
    return folder


def _save_bert(folder: Path, kind: type, options: dict[str, int]) -> None:
    import torch
    from transformers import BertConfig

    vocabulary = _save_tokenizer(folder)
    torch.manual_seed(7)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(
        vocab_size=vocabulary, max_position_embeddings=WINDOW, initializer_range=0.5, pad_token_id=0, **sizes, **options
    )
    kind(config).eval().save_pretrained(folder)


def _save_tokenizer(folder: Path) -> int:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    vocabulary = {token: i for i, token in enumerate([*special, *letters, *(f"##{letter}" for letter in letters), "word"])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=WINDOW, **{f"{name}_token": token for name, token in names.items()}
    ).save_pretrained(folder)
    return len(vocabulary)


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
