"""Fixtures of the tests of models."""

from __future__ import annotations

import pytest

from rag.models.generators import llama_cpp, vllm


@pytest.fixture
def engines_are_installed(monkeypatch):
    """Generators can be made, though not used, without llama.cpp and vLLM."""
    for module in (llama_cpp, vllm):
        monkeypatch.setattr(module, "find_spec", lambda _: object())
