"""Fakes, and the contracts that components of somebody else's can prove themselves with.

The fakes need nothing but groundtext. The contracts are classes for pytest: subclass one, and give it the fixture that it names.

    import pytest
    from rag.testing import RerankerContract

    from toy_models import ToyReranker

    class TestToyReranker(RerankerContract):
        @pytest.fixture
        def reranker(self):
            return ToyReranker()

With `pytest.register_assert_rewrite("rag.testing")` in a conftest.py, failures show the values that they compared.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.testing.embedders import EmbedderContract as EmbedderContract
    from rag.testing.fakes import CountingEmbedder as CountingEmbedder
    from rag.testing.fakes import HashEmbedder as HashEmbedder
    from rag.testing.fakes import ScriptedGenerator as ScriptedGenerator
    from rag.testing.generators import GeneratorContract as GeneratorContract
    from rag.testing.loaders import LoaderContract as LoaderContract
    from rag.testing.memory_store import MemoryStore as MemoryStore
    from rag.testing.rerankers import RerankerContract as RerankerContract
    from rag.testing.sources import SourceContract as SourceContract
    from rag.testing.stores import StoreContract as StoreContract
    from rag.testing.vector_stores import VectorStoreContract as VectorStoreContract
    from rag.testing.verifiers import VerifierContract as VerifierContract

_HOMES = {
    **dict.fromkeys(("CountingEmbedder", "HashEmbedder", "ScriptedGenerator"), "rag.testing.fakes"),
    "EmbedderContract": "rag.testing.embedders",
    "GeneratorContract": "rag.testing.generators",
    "LoaderContract": "rag.testing.loaders",
    "MemoryStore": "rag.testing.memory_store",
    "RerankerContract": "rag.testing.rerankers",
    "SourceContract": "rag.testing.sources",
    "StoreContract": "rag.testing.stores",
    "VectorStoreContract": "rag.testing.vector_stores",
    "VerifierContract": "rag.testing.verifiers",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag.testing' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
