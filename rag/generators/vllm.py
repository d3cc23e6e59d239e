"""The former place of `rag.VllmGenerator`, which the documentation used to name. It goes in release 0.2."""

from __future__ import annotations

import warnings

from rag.models.generators.vllm import VllmGenerator

__all__ = ["VllmGenerator"]

warnings.warn(
    "rag.generators.vllm has moved and goes in release 0.2. Import the class from the package: from rag import VllmGenerator",
    DeprecationWarning,
    stacklevel=2,
)
