"""The options that say how a model is asked, and the prompts that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.prompts import Prompts
    from rag.protocols import Embedder


NEEDS_EXAMPLES = "--nearest-examples chooses from the examples of a file. Name it with --examples FILE."


def prompting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a model is asked."""
    for option in (
        click.option(
            "--nearest-examples",
            type=click.IntRange(min=1),
            metavar="N",
            help="Show only the N examples most like the question.",
        ),
        click.option(
            "--examples",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Examples to show the model: JSON lines with question, sources and answer.",
        ),
        click.option(
            "--prompts",
            "prompts_folder",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Prompts of your own, which take the place of the packaged ones by name.",
        ),
    ):
        command = option(command)
    return command


def prompts_of(
    folder: Path | None, examples: Path | None, nearest: int | None, *, system: str, embedder: Callable[[], Embedder] | None
) -> Prompts:
    """The prompts that the options of `prompting` ask for. Raises UsageError."""
    from rag.errors import UsageError
    from rag.prompts import NearestExamples, Prompts, load_examples

    if nearest and not (examples and embedder):
        raise UsageError(NEEDS_EXAMPLES)
    loaded = load_examples(examples) if examples else ()
    return Prompts(folder, NearestExamples(loaded, embedder(), nearest) if nearest and embedder else loaded, system)
