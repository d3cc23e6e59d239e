"""Templates of prompts: Jinja files, checked before use.

A template may come from a stranger, so only a safe part of Jinja is allowed: printing variables, `if`, and loops over the given
lists. There are no calls, assignments, macros or includes. The work is bounded by the template's length and its variables, and
no other file is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError, nearest, why_unreadable
from rag.prompts.data import as_data

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGED = Path(__file__).parent
SUFFIX = ".jinja"
LONGEST_TEMPLATE = 65_536
ROOM_FOR_WORDS = 200_000
DEEPEST_LOOP = 2
"""Nested loops could otherwise run for ever without printing anything."""

TASKS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "answer.system": (frozenset(), frozenset({"by_example", "system"})),
    "answer.user": (frozenset({"passages", "question"}), frozenset()),
    "draft": (frozenset({"text"}), frozenset({"heading", "system", "title"})),
    "rewrite": (frozenset({"question", "turns"}), frozenset()),
    "summary": (frozenset({"turns"}), frozenset({"summary"})),
    "summary_map": (frozenset({"words"}), frozenset({"focus", "system"})),
    "summary_merge": (frozenset({"words"}), frozenset({"focus", "system"})),
    "summary_refine": (frozenset({"words"}), frozenset({"focus", "system"})),
    "summary_length": (frozenset({"words"}), frozenset({"have", "system"})),
    "summary_question": (frozenset({"focus"}), frozenset({"words", "system"})),
    "summary_text": (frozenset({"text"}), frozenset({"heading", "is_question", "summary", "title", "words"})),
}
"""The tasks. Each has the variables that its template must use, and those that it may use."""

LISTS = frozenset({"passages", "turns"})
NODES = frozenset(
    "Template Output TemplateData Name Const Getattr Getitem Slice If For Filter Test Compare Operand CondExpr And Or Not "
    "Neg Add Sub Concat Keyword List Tuple".split()
)
FILTERS = frozenset(
    "capitalize data default first int last length lower reverse round string title trim truncate upper".split()
)
TESTS = frozenset("defined undefined none odd even string number true false eq equalto ne lt gt le ge in".split())


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template. `place` is the path of its file, for messages; `source` its text."""

    place: str
    compiled: Any
    source: str

    def render(self, **values: Any) -> str:
        """The text without surrounding white space. Raises UsageError if the template fails or prints far too much."""
        from jinja2 import TemplateError

        most = ROOM_FOR_WORDS + 4 * _length(values)
        pieces, length = [], 0
        try:
            for piece in self.compiled.generate(**values):
                length += len(piece)
                if length > most:
                    raise UsageError(f"{self.place} prints more than {most} characters, far more than its variables contain.")
                pieces.append(piece)
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise UsageError(f"{self.place} cannot be filled in: {error}.") from error
        return "".join(pieces).strip()


def packaged_template(task: str) -> Template:
    """The toolkit's own template for a task."""
    return _packaged(task)


@lru_cache(maxsize=len(TASKS))
def _packaged(task: str) -> Template:
    return _template(PACKAGED / f"{task}{SUFFIX}", task)


def templates_in(folder: Path) -> dict[str, Template]:
    """The templates of a folder, by task. Raises UsageError for an invalid or unknown file, with the line of the mistake.

    Hidden files, Markdown files and folders are skipped.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.is_dir())
    except OSError as error:
        raise UsageError(f"The prompts in {folder} cannot be read: {error.strerror or error}.") from error
    known = [task + SUFFIX for task in TASKS]
    found = {}
    for path in paths:
        if path.name.startswith(".") or path.suffix == ".md":
            continue
        if path.name not in known:
            raise UsageError(f"{path} is not a prompt.{nearest(path.name, known)} Known: {', '.join(known)}.")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{path} is a link that leads out of its folder. Copy the file.")
        task = path.name.removesuffix(SUFFIX)
        found[task] = _template(path, task)
    if not found:
        raise UsageError(f"{folder} holds no prompts. Known: {', '.join(known)}.")
    return found


def _template(path: Path, task: str) -> Template:
    from jinja2 import TemplateSyntaxError

    environment = _environment()
    try:
        source = _read(path)
        tree = environment.parse(source)
        _check_nodes(path, tree)
        _check_names(path, task, environment, source)
        return Template(str(path), environment.from_string(source), source)
    except TemplateSyntaxError as error:
        raise UsageError(f"{path}, line {error.lineno}: {error.message}") from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise UsageError(f"{path} is nested too deeply.") from error


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            source = file.read(LONGEST_TEMPLATE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {why_unreadable(error)}.") from error
    if len(source) > LONGEST_TEMPLATE:
        raise UsageError(f"{path} has more than {LONGEST_TEMPLATE} characters.")
    return source


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False, cache_size=0
    )
    environment.globals.clear()
    environment.filters["data"] = as_data
    return environment


def _check_nodes(path: Path, tree: Any) -> None:
    """Raise UsageError for anything but printing, `if`, and loops over the given lists."""
    from jinja2 import nodes

    for node, loops in _walk(tree, 0):
        kind = type(node).__name__
        place = f"{path}, line {node.lineno}"
        if kind not in NODES:
            raise UsageError(f"{place}: a prompt may print, test (if) and loop (for), but nothing else; this is {kind}.")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise UsageError(
                f"{place}: no filter '{node.name}'.{nearest(node.name, FILTERS)} Known: {', '.join(sorted(FILTERS))}."
            )
        if isinstance(node, nodes.Test) and node.name not in TESTS:
            raise UsageError(f"{place}: no test '{node.name}'.{nearest(node.name, TESTS)} Known: {', '.join(sorted(TESTS))}.")
        if isinstance(node, nodes.For) and (loops > DEEPEST_LOOP or node.recursive or not _is_list(node.iter)):
            raise UsageError(f"{place}: a loop goes over {' or '.join(sorted(LISTS))}, {DEEPEST_LOOP} deep at most.")


def _walk(node: Any, loops: int) -> Iterator[tuple[Any, int]]:
    """Every node with the number of loops around it, itself included."""
    loops += type(node).__name__ == "For"
    yield node, loops
    for child in node.iter_child_nodes():
        yield from _walk(child, loops)


def _is_list(node: Any) -> bool:
    """Whether a loop goes over one of LISTS, a slice of it, or its reverse."""
    from jinja2 import nodes

    while (isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)) or (
        isinstance(node, nodes.Filter) and node.name == "reverse"
    ):
        node = node.node
    return isinstance(node, nodes.Name) and node.name in LISTS


def _check_names(path: Path, task: str, environment: Any, source: str) -> None:
    from jinja2.meta import find_undeclared_variables

    needed, allowed = TASKS[task]
    used = find_undeclared_variables(environment.parse(source))
    for name in sorted(used - needed - allowed):
        raise UsageError(
            f"{path} uses '{name}', which is not one of its variables.{nearest(name, needed | allowed)} "
            f"Known: {', '.join(sorted(needed | allowed))}."
        )
    for name in sorted(needed - used):
        raise UsageError(f"{path} does not use {name}, so the model would not see it. Add it to the template.")


def _length(value: Any) -> int:
    """The number of characters of all text in a template's variables."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_length, value))
    return sum(_length(getattr(value, name)) for name in getattr(value, "__slots__", ()))
