"""Which models say "not found" themselves, and which have to be kept from questions that the sources do not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.protocols import Abstains

if TYPE_CHECKING:
    from rag.protocols import Generator


def abstains(llm: Generator) -> bool:
    """Whether the model writes "not found" where its sources do not answer; True for a generator that does not say."""
    return not isinstance(llm, Abstains) or llm.abstains
