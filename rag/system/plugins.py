"""Components of other packages, found by their entry points.

A package names a component in one of the groups below, in its `pyproject.toml`:

    [project.entry-points."groundtext.generators"]
    toy = "toy_models:ToyGenerator"

It is imported when it is first asked for. The toolkit's own names come first, so that no package can replace them.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from rag.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS = ("loaders", "sources", "embedders", "generators", "rerankers", "verifiers", "stores")


def plugin(group: str, name: str) -> Any | None:
    """The component that an installed package offers in a group under a name; None if none does.

    Raises PluginError, which names the package, if the component cannot be imported.
    """
    entry = _offered(group).get(name)
    if entry is None:
        return None
    try:
        return entry.load()
    except Exception as error:
        package = entry.dist.name if entry.dist else entry.module
        raise PluginError(
            f"The package {package} offers '{name}' in groundtext.{group}, but {entry.value} cannot be imported: {error}. "
            f"Update or uninstall {package}."
        ) from error


def plugin_names(group: str) -> list[str]:
    """The names that installed packages offer in a group, sorted."""
    return sorted(_offered(group))


@cache
def _offered(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"groundtext.{group}")}
