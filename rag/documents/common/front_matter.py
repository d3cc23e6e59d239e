"""Front matter: names and values that open a text, in YAML between `---` or in TOML between `+++`."""

from __future__ import annotations

import re
from typing import Any

from rag.documents.common.metadata import flatten
from rag.documents.common.notation import parse

# A rule ("---") may open a file too: it is front matter only where a key follows.
_FRONT_MATTER = re.compile(
    r"""\A(---|\+\+\+)[ \t]*\n(?=\s*(?:\[|["']?\w[\w-]*["']?\s*[:=]))(.*?\n)(?:\1|\.\.\.)[ \t]*(?:\n|\Z)""", re.DOTALL
)
_LINE = re.compile(r"^([^\W_][\w-]*)[ \t]*[:=](.*)$", re.MULTILINE)
_NOTATIONS = {"---": "yaml", "+++": "toml"}


def read_front_matter(text: str, *, forgiving: bool = True) -> tuple[dict[str, Any], int]:
    """The metadata that opens the text, as `flatten` gives it, and where the text goes on; ({}, 0) where there is none.

    Front matter that breaks the rules of its notation, as by a title with a colon in it, is read line by line as plain text;
    not `forgiving`, it is none. What has no room is left out.
    """
    front = _FRONT_MATTER.match(text)
    if not front:
        return {}, 0
    try:
        values = parse(front[2], _NOTATIONS[front[1]])
    except ValueError:
        if not forgiving:
            return {}, 0
        values = {line[1]: line[2].strip().strip("\"'") for line in _LINE.finditer(front[2])}
    return flatten(values)[0], front.end()
