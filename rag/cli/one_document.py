"""A question to one document: what `rag ask --document` does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.cli.prompting import prompts_of
from rag.cli.shared import llm_of, show, show_answer, tell_llm

if TYPE_CHECKING:
    from rag.settings import Settings
    from rag.types import Document

OF_AN_INDEX = {
    "questions": "--questions",
    "output": "--output",
    "index_path": "--index",
    "k": "-k",
    "mode": "--mode",
    "where": "--where",
    "reranker": "--reranker",
    "examples": "--examples",
    "nearest_examples": "--nearest-examples",
}
"""Parameters that choose among passages or questions, or show a model more than a piece: a document is read whole."""


def answer_from_document(ctx: click.Context, *, settings: Settings) -> None:
    """Answer from the file that `--document` names. Raises click.UsageError for options that cannot apply."""
    from rag.answers.one_document import ask_document
    from rag.sampling import Sampling
    from rag.specs import open_verifier, using_llm

    given, llm = ctx.params, llm_of(settings)
    _refuse_others(ctx, llm)
    names = ("temperature", "top_p", "top_k", "repetition_penalty", "seed", "max_tokens")
    wishes: dict[str, Any] = {
        "strict": given["strict"],
        "fresh": given["fresh"],
        "sampling": Sampling(**{name: given[name] for name in names}),
    }
    if given["prompts_folder"]:
        wishes["prompts"] = prompts_of(given["prompts_folder"], None, None, system="", embedder=None)
    if given["verifier"] is not None:
        wishes["verifier"] = open_verifier(given["verifier"], api_key=settings.api_key)
    with using_llm(llm) as generator:
        tell_llm(generator)
        answer = ask_document(given["question"], _source(given["document"]), llm=generator, **wishes)
    if given["as_json"]:
        show(answer.to_dict(), [], True)
    else:
        show_answer(answer, streamed=False)


def _refuse_others(ctx: click.Context, llm: str) -> None:
    """None of the options is ignored without a word."""
    refused = [option for name, option in OF_AN_INDEX.items() if _is_given(ctx, name)]
    if refused:
        raise click.UsageError(
            f"--document reads one document whole, without an index, for one question: {', '.join(refused)} cannot apply. "
            "Leave it out, or index the document and ask the index."
        )
    if _is_given(ctx, "max_tokens") and llm != "extractive":
        raise click.UsageError(
            "With --document, each part has the room that it needs: --max-tokens cannot apply. Leave it out."
        )
    if ctx.params["question"] is None:
        raise click.UsageError('--document answers one question: rag ask "…" --document FILE.')


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _source(path: Path) -> Path | Document:
    """The path, or the document on stdin."""
    from rag.documents import load_bytes

    return load_bytes(sys.stdin.buffer.read(), source="-", name_hint="stdin") if path == Path("-") else path
