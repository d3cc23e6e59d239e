"""What the answers of a batch depend on, so that a kept one is used again only where it would come out the same."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from rag.index.catalog.contents import content_key
from rag.prompts import NearestExamples, Prompts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.answers.question import Asking
    from rag.index.index import Index
    from rag.protocols import Generator


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
    common = _hash(repr((content_key(index.catalog), model, options)))
    return [_hash(f"{common}\n{question}") for question in questions]


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
