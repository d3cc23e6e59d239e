"""What the answers of a batch depend on, so that a kept one is used again only where it would come out the same."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

from rag.prompts import NearestExamples, Prompts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.indexes.index import Index
    from rag.pipelines.question import Asking
    from rag.protocols import Generator

DOCUMENTS = """
SELECT source, title, media_type, content_hash, sidecar, pages, characters, chunk_count, metadata FROM documents ORDER BY source
"""


def answer_keys(questions: Sequence[str], index: Index, llm: Generator, asking: Asking) -> list[str]:
    """For each question a hash of all that its answer depends on."""
    options = (
        asking.k,
        asking.mode,
        sorted((asking.where or {}).items()),
        _identity(asking.reranker),
        asking.sampling,
        asking.strict,
        _identity(asking.verifier),
        _of_prompts(asking.prompts or Prompts()),
    )
    model = llm.name, getattr(llm, "description", "")
    common = _hash(repr((content_key(index), model, options)))
    return [_hash(f"{common}\n{question}") for question in questions]


def content_key(index: Index) -> str:
    """A hash of what an index holds: the same for another one of the same documents, made in the same way, in any order."""
    catalog = index.catalog
    documents = blake2b(digest_size=12)
    for row in catalog._rows(DOCUMENTS):
        documents.update(json.dumps(row).encode())
    return _hash(repr((catalog.embedder_identity, catalog.setting("chunks"), documents.hexdigest())))


def _of_prompts(prompts: Prompts) -> str:
    """The templates as they were written, for no single prompt shows all their branches, and what fills them."""
    sources = [prompts.template(task).source for task in ("answer.system", "answer.user")]
    examples = prompts.examples.choice if isinstance(prompts.examples, NearestExamples) else prompts.examples
    return repr((sources, prompts.system, prompts.history, examples))


def _identity(part: object) -> str:
    """A spec, or the kind of an object and its plain attributes, those of its server included."""
    if part is None or isinstance(part, str):
        return str(part)
    told = {name: value for name, value in getattr(part, "__dict__", {}).items() if isinstance(value, (str, int, float, bool))}
    server = getattr(part, "_server", None)
    return f"{type(part).__name__} {sorted(told.items())} {getattr(server, 'base_url', '')}"


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
