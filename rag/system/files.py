"""Paths, the cache folder, and small files of JSON that are never half written."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def expanded(path: str | Path) -> Path:
    """The path with `~` as the user's folder; a `~` that stands for nobody is a name like any other."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises RuntimeError)


def cache_folder() -> Path:
    """Where derived files live that can be made again: `RAG_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("RAG_CACHE"):
        return expanded(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("groundtext", appauthor=False)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is no such file or it holds no object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    partial.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    partial.replace(path)
