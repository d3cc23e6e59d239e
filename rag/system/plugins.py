"""Components of other packages, found by their entry points.

A package names a component in one of the groups below, in its `pyproject.toml`:

    [project.entry-points."groundtext.generators"]
    toy = "toy_models:ToyGenerator"

It is imported when it is first asked for. The toolkit's own names come first, so that no package can replace them.

Each name leads to an object:

- embedders, generators, rerankers, verifiers: the name begins a spec, as in `toy:big`. The object is called with the rest, `"big"`,
  which may be empty, and makes the component.
- stores, sources: the name is the scheme of an address, as in `toy://shelf`. The object is called with the whole address.
- loaders: the object is the loader itself, with `suffixes` and `load`.

A callable that has a parameter `api_key` gets the key that the caller passed, or None.
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
"""The groups, and what tells a component of each from something else. `rag.protocols` has all of their members."""


def opened_plugin(group: str, name: str, rest: str, *, api_key: str | None = None) -> Any | None:
    """The component that an installed package makes from the rest of a spec, or from an address; None if none offers the name.

    Raises PluginError, which names the package, if the component cannot be imported or made, or lacks a member. Errors that the
    package raises as a RagError are its own to word.
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
    """All components that installed packages offer in a group whose objects are the components themselves. Raises PluginError."""
    return [_fitting(group, entry, _imported(group, entry)) for _, entry in sorted(_offered(group).items())]


def plugin_names(group: str) -> list[str]:
    """The names that installed packages offer in a group, sorted."""
    return sorted(_offered(group))


def _imported(group: str, entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:
        raise _failure(group, entry, f"cannot be imported: {error or type(error).__name__}") from error


def _fitting(group: str, entry: EntryPoint, component: Any) -> Any:
    """The component, if it has the members that tell its kind."""
    for member in MEMBERS[group]:
        if not hasattr(component, member):
            raise _failure(group, entry, f"gives a {type(component).__name__} that has no '{member}'")
    return component


def _failure(group: str, entry: EntryPoint, what: str) -> PluginError:
    package = entry.dist.name if entry.dist else entry.module
    return PluginError(
        f"The package {package} offers '{entry.name}' in groundtext.{group}, but {entry.value} {what}. "
        f"Update or uninstall {package}."
    )


@cache
def _offered(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"groundtext.{group}")}
