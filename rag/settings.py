"""Settings from rag.toml and the environment as one frozen object. Command-line flags, which win, are in rag.cli."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "rag.toml"
ENVIRONMENT = {"RAG_LLM": "llm", "RAG_EMBEDDER": "embedder", "RAG_INDEX": "index", "RAG_API_KEY": "api_key"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The defaults of flags. `embedder` None means the embedder of the index, or `minilm` for a new index.

    `llm` None means the server of `rag llm start` if it runs, else `local`.
    """

    llm: str | None = None
    embedder: str | None = None
    index: str = "indexes/default"
    reranker: str | None = None
    api_key: str | None = None


def load_settings(folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings: the environment before `rag.toml` in `folder` (default: the current one) before the defaults.

    Raises SettingsError for an unknown name, a wrong type, or an API key in the file.

    >>> load_settings(environment={"RAG_INDEX": "indexes/handbook"}).index
    'indexes/handbook'
    """
    settings = Settings()
    path = (folder or Path()) / FILE
    if path.is_file():
        settings = _read(path)
    environment = os.environ if environment is None else environment
    return replace(settings, **{name: environment[key] for key, name in ENVIRONMENT.items() if environment.get(key)})


def _read(path: Path) -> Settings:
    values = read_toml(path)
    if "api_key" in values:
        raise SettingsError(f"{path}: an API key does not belong in a file that may be shared. Set RAG_API_KEY instead.")
    from rag.system.decode import decoded

    return decoded(values, Settings, place=str(path), key="setting", error=SettingsError)


def read_toml(path: Path) -> dict[str, object]:
    """The tables of a TOML file. Raises SettingsError with the place of a mistake."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error
