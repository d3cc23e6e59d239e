"""Reference pages made from the code: commands from their own help, Python names from their docstrings.

`make docs` runs it through cog, which writes between the marks of docs/reference/*.md.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import TYPE_CHECKING, Any

import click

import rag
from rag.cli import main

if TYPE_CHECKING:
    import griffe

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

MEMBERS = {
    "Index": ["close", "embedder", "verify", "repair", "compact"],
    "Prompts": ["answer", "rewrite", "summary"],
    "VllmGenerator": ["close"],
}
"""The methods that a reader needs of a class that has many for the rest of the toolkit."""

CONFIG = {
    "heading_level": 3,
    "show_root_full_path": False,
    "show_object_full_path": False,
    "separate_signature": True,
    "show_signature_annotations": True,
    "signature_crossrefs": False,
    "show_bases": False,
    "show_if_no_docstring": False,
    "summary": False,
    "members_order": "source",
    "filters": ["!^_", "!^to_dict$", "!^from_dict$"],
}


def commands() -> str:
    """A table of the commands, then every command with the help that it prints."""
    found = sorted(_all_commands(main, "rag"))
    rows = [f"| [{name}](#{name.replace(' ', '-')}) | {command.get_short_help_str(300)} |" for name, command in found]
    table = "\n".join(["| command | does |", "|---|---|", *rows])
    return "\n".join([table, "", *(_help(name, command) for name, command in found)])


def names() -> str:
    """Every public name of `rag`, by subject, with its signature and docstring."""
    known = {name for section in SECTIONS.values() for name in section} | TWINS | {"__version__"}
    if missing := sorted(set(rag.__all__) - known):
        raise SystemExit(f"docs/generate.py: no section for {', '.join(missing)}")
    import griffe

    package = griffe.load("rag", submodules=True)
    parts = []
    for section, members in SECTIONS.items():
        parts.append(f"## {section}\n")
        parts += [_object(package, name) for name in members]
    return "\n".join(parts)


def _object(package: griffe.Module, name: str) -> str:
    from griffe2md import default_config, render_object_docs

    shown = getattr(rag, name)
    home = shown.__module__.removeprefix("rag.")
    described = package[f"{home}.{name}"]
    _take_options(described, shown)
    page = render_object_docs(described, {**default_config, **CONFIG, "members": MEMBERS.get(name)})
    page = re.sub(r"(?m)^((?: {0,3}|\t)>>> .*(?:\n(?!\s*$).*)*)", r"```pycon\n\1\n```", page)
    page = re.sub(
        r"(?m)^(#+ `)[\w.]+\.(?=[A-Z]\w*\.\w+`$)", r"\1", page
    )  # `rag.types.Document.pages_of` is `Document.pages_of`
    if isinstance(shown, type):
        page = page.replace(") -> None\n", ")\n", 1)
    page = re.sub(r"(?m)(?<=^```python\n).*$", lambda match: _folded(match[0]), page)
    return page.rstrip() + "\n"


def _folded(signature: str) -> str:
    """A signature that is too long for a line, with one parameter a line."""
    if len(signature) <= WIDTH:
        return signature
    parts, depth = [""], 0
    for sign in signature:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(sign, 0)
        if sign == "(" and depth == 1:
            parts += ["(\n    "]
        elif sign == ")" and depth == 0:
            parts += [",\n)"]
        elif sign == "," and depth == 1:
            parts += [",\n   "]
        else:
            parts += [sign]
    return "".join(parts)


def _take_options(described: griffe.Object, shown: Any) -> None:
    """Give a description from the source what the code adds when it runs: options in the signature and the docstring."""
    import griffe

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
                annotation=None if one.annotation is one.empty else _written(one.annotation),
                kind=griffe.ParameterKind[one.kind.name.lower()],
                default=None if one.default is one.empty else _spelled(one.default),
            )
            for one in inspect.signature(maker).parameters.values()
        )
    )


def _written(annotation: object) -> str:
    """A type as a person writes it."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


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
