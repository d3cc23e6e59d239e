"""Components of other packages, found by entry points.

A package registers a component in one of the groups of `MEMBERS`, in its `pyproject.toml`:

    [project.entry-points."groundtext.generators"]
    toy = "toy_models:ToyGenerator"

It is imported on first use. No package can replace a component of the toolkit, since built-in names come first.

Each name refers to an object:

- embedders, generators, rerankers, verifiers: the name begins a spec, as in `toy:big`. The object is called with the rest, `"big"`,
  which may be empty, and returns the component.
- stores, sources: the name is the scheme of an address, as in `toy://shelf`. The object is called with the whole address.
- loaders: the object is the loader itself, with `suffixes` and `load`.

If the callable has a parameter `api_key`, it gets the key of the caller, or None.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from inspect import signature
from typing import TYPE_CHECKING, Any

from rag.errors import PluginError, RagError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

MEMBERS = {
    "loaders": ("suffixes", "load"),
    "sources": ("items", "version", "read"),
    "embedders": ("count_tokens", "embed_passages", "embed_question"),
    "generators": ("count_tokens", "stream", "close"),
    "rerankers": ("scores",),
    "verifiers": ("check",),
    "stores": ("catalog", "search_vectors", "search_words", "first_hits", "close"),
}
"""Groups, with the members that a component must have at least. `rag.protocols` has the full list."""


def opened_plugin(group: str, name: str, rest: str, *, api_key: str | None = None) -> Any | None:
    """Open a component of an installed package. `rest` is the rest of the spec, or the address. None if no package has the name.

    Raises PluginError, which names the package, if the component cannot be imported or opened, or lacks a member. A RagError
    of the package is raised unchanged.
    """
    entry = _offered(group).get(name)
    if entry is None:
        return None
    make = _imported(group, entry)
    try:
        component = make(rest, api_key=api_key) if "api_key" in signature(make).parameters else make(rest)
    except RagError:
        raise
    except Exception as error:
        raise _failure(group, entry, f"cannot be opened with '{rest}': {error or type(error).__name__}") from error
    return _fitting(group, entry, component)


def plugins(group: str) -> list[Any]:
    """All components of installed packages in a group such as "loaders", whose objects are the components. Raises PluginError."""
    return [_fitting(group, entry, _imported(group, entry)) for _, entry in sorted(_offered(group).items())]


def plugin_names(group: str) -> list[str]:
    """The names in a group that installed packages register, sorted."""
    return sorted(_offered(group))


def _imported(group: str, entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:
        raise _failure(group, entry, f"cannot be imported: {error or type(error).__name__}") from error


def _fitting(group: str, entry: EntryPoint, component: Any) -> Any:
    """The component. Raises PluginError if it lacks a member."""
    for member in MEMBERS[group]:
        if not hasattr(component, member):
            raise _failure(group, entry, f"gives a {type(component).__name__} that has no '{member}'")
    return component


def _failure(group: str, entry: EntryPoint, problem: str) -> PluginError:
    package = entry.dist.name if entry.dist else entry.module
    return PluginError(
        f"The package {package} offers '{entry.name}' in groundtext.{group}, but {entry.value} {problem}. "
        f"Update or uninstall {package}."
    )


@cache
def _offered(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"groundtext.{group}")}
