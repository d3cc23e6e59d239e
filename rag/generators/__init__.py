"""The former place of the generators. Only `rag.generators.vllm` is left, until release 0.2; see `rag.VllmGenerator`."""
