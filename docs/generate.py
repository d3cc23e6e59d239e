"""Reference pages made from the code: commands from their own help, Python names from their docstrings.

`make docs` runs it through cog, which writes between the marks of docs/reference/*.md.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import click
import griffe
from griffe2md import default_config, render_object_docs

import rag
from rag.cli import main

WIDTH = 100
SECTIONS = {
    "Documents": ("load", "split", "Document", "Chunk"),
    "Indexes": ("open_index", "Index", "sync", "remove", "SyncReport", "RemoveReport", "ChunkSizes", "Limits"),
    "Search": ("search", "Hit"),
    "Answers": (
        "ask",
        "ask_many",
        "ask_document",
        "check",
        "Answer",
        "Sentence",
        "Citation",
        "FailedAnswer",
        "Prompts",
        "Sampling",
    ),
    "Conversations": ("Chat",),
    "Summaries": ("summarize", "summarize_many", "Summary", "FailedSummary"),
    "Evaluation": ("evaluate_retrieval", "evaluate_answers", "evaluate_summaries", "draft_questions"),
    "Models": ("open_llm", "open_embedder", "open_reranker", "VllmGenerator"),
    "Errors": ("RagError",),
}
TWINS = {"aask", "aask_many", "aask_document", "asummarize", "asummarize_many"}
"""Names for code that runs in an event loop. Each does what its plain twin does."""

CONFIG = {
    **default_config,
    "heading_level": 3,
    "show_root_full_path": False,
    "show_object_full_path": False,
    "separate_signature": True,
    "show_bases": False,
    "show_if_no_docstring": False,
    "summary": False,
    "members_order": "source",
    "filters": ["!^_", "!^to_dict$", "!^from_dict$"],
}


def commands() -> str:
    """Every command with the help that it prints."""
    return "\n".join(_help(name, command) for name, command in sorted(_all_commands(main, "rag")))


def names() -> str:
    """Every public name of `rag`, by subject, with its signature and docstring."""
    known = {name for section in SECTIONS.values() for name in section} | TWINS | {"__version__"}
    if missing := sorted(set(rag.__all__) - known):
        raise SystemExit(f"docs/generate.py: no section for {', '.join(missing)}")
    package = griffe.load("rag", submodules=True)
    parts = []
    for section, members in SECTIONS.items():
        parts.append(f"## {section}\n")
        parts += [_object(package, name) for name in members]
    return "\n".join(parts)


def _object(package: griffe.Module, name: str) -> str:
    shown = getattr(rag, name)
    home = shown.__module__.removeprefix("rag.")
    described = package[f"{home}.{name}"]
    _take_options(described, shown)
    page = render_object_docs(described, CONFIG)
    page = re.sub(r"(?m)^((?: {0,3}|\t)>>> .*(?:\n(?!\s*$).*)*)", r"```pycon\n\1\n```", page)
    return page.replace(f"#### `{home}.", "#### `").rstrip() + "\n"


def _take_options(described: griffe.Object, shown: Any) -> None:
    """Give a description from the source what the code adds when it runs: options in the signature and the docstring."""
    maker = shown.__init__ if isinstance(shown, type) else shown
    is_listed = "\nOptions:\n" in (shown.__doc__ or "")
    if not (is_listed or hasattr(maker, "__signature__")):
        return
    if is_listed:
        described.docstring = griffe.Docstring(inspect.cleandoc(shown.__doc__), parent=described)
    inner = described["__init__"] if isinstance(shown, type) else described
    inner.parameters = griffe.Parameters(
        *(
            griffe.Parameter(
                one.name,
                kind=griffe.ParameterKind[one.kind.name.lower()],
                default=None if one.default is one.empty else _spelled(one.default),
            )
            for one in inspect.signature(maker).parameters.values()
        )
    )


def _spelled(default: object) -> str:
    """A default as a person writes it."""
    if dataclasses.is_dataclass(default) and default == type(default)():
        return f"{type(default).__name__}()"
    return repr(default)


def _all_commands(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        found.append((f"{path} {name}", command))
        if isinstance(command, click.Group):
            found += _all_commands(command, f"{path} {name}")
    return found


def _help(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    return f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"
