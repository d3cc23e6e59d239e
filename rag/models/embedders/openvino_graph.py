"""The OpenVINO graph of a sentence-transformers model: made once on each machine, checked, and kept in the cache folder.

A graph's folder contains `openvino.xml`, `openvino.bin`, `manifest.json` and `compiled/`. Its name has the hash of the
weights and the fastest precision of this CPU. It is moved into place when complete, and can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from rag.errors import ModelError
from rag.models.pretrained import weights_revision
from rag.system.files import cache_folder, locked, read_json

CONVERTER = "openvino.tools.ovc"
FORMAT = 1
LEAST_COSINE = 0.999
"""The lowest cosine allowed between the vectors of the graph and of float32 torch, on any probe."""

_PATIENCE = 900  # seconds for an export, which takes 15 on an idle machine
_log = logging.getLogger(__name__)
_core_lock = threading.Lock()
_cores: list[Any] = []


class GraphRefusedError(ModelError):
    """OpenVINO cannot convert the model, or its vectors differ. sentence-transformers can still run it."""


@dataclass(frozen=True, slots=True)
class Graph:
    """An exported model in `folder`. Its tokenizer stays in `source`. `precision` is "bf16" or "f32".

    `least_cosine` is the lowest measured cosine to the original's vectors in this precision.
    """

    folder: Path
    source: Path
    revision: str
    dimension: int
    max_tokens: int
    pooling: str
    precision: str
    least_cosine: float = 1.0


def load_openvino() -> ModuleType:
    """The openvino module, without its telemetry, which would report every import and conversion.

    The model converter takes 0.1 s to import, so it is only imported when `openvino.convert_model` is called.
    """
    modules = cast("dict[str, Any]", sys.modules)
    modules.setdefault("openvino_telemetry", None)  # openvino then uses its own silent stub
    if "openvino" in modules or CONVERTER in modules:
        return importlib.import_module("openvino")
    converter = ModuleType(CONVERTER)
    converter.__dict__["convert_model"] = _convert_model
    modules[CONVERTER] = converter
    try:
        return importlib.import_module("openvino")
    finally:
        del modules[CONVERTER]


def _convert_model(*arguments: Any, **options: Any) -> Any:
    return importlib.import_module(CONVERTER).convert_model(*arguments, **options)


def openvino_core() -> Any:
    """The only Core of this process, which is never freed.

    A Core gives the thread that first uses its CPU a stack for signal handlers, and unmaps the stack when it is freed. If
    another thread frees it, as garbage collection may, the next Ctrl-C is a segmentation fault.
    """
    with _core_lock:
        if not _cores:
            _cores.append(load_openvino().Core())
        return _cores[0]


def fastest_precision() -> str:
    """ "bf16" if this CPU supports it, else "f32"."""
    capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


def stored_graph(source: Path) -> Graph | None:
    """The existing graph of the model in `source`, or None. Raises GraphRefusedError."""
    revision = weights_revision(source)
    return _stored(_home(revision), source, revision)


def prepared_graph(source: Path) -> Graph:
    """The graph of the model in `source`. If there is none, export it in a process of its own, which takes about 15 s.

    Raises GraphRefusedError if OpenVINO cannot replace the original, ModelError if the cache folder cannot be written.
    """
    revision = weights_revision(source)
    home = _home(revision)
    if graph := _stored(home, source, revision):
        return graph
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with locked(home.with_suffix(".lock"), patience=-1):
            if graph := _stored(home, source, revision):  # another process made it meanwhile
                return graph
            _export(source, home, revision)
    except OSError as error:
        raise ModelError(
            f"The graph of {source.name} cannot be kept in {home.parent}: {error}. "
            "Set RAG_CACHE to a writable folder with 200 MB free."
        ) from error
    if graph := _stored(home, source, revision):
        return graph
    raise GraphRefusedError(f"The graph that was just made in {home} cannot be read back.")


def _home(revision: str) -> Path:
    return cache_folder() / "openvino" / f"{revision.removeprefix('sha256:')}-{fastest_precision()}"


def graph_digest(folder: Path) -> dict[str, Any]:
    """A digest that shows damage: the graph's hash, and the size of its weights, since hashing these would be slow."""
    return {
        "xml": hashlib.sha256((folder / "openvino.xml").read_bytes()).hexdigest(),
        "bin": (folder / "openvino.bin").stat().st_size,
    }


def _stored(home: Path, source: Path, revision: str) -> Graph | None:
    """The graph in `home`; None if it is missing, damaged or from another version. Raises GraphRefusedError."""
    manifest = read_json(home / "manifest.json")
    if manifest.get("format") != FORMAT or manifest.get("openvino") != load_openvino().__version__:
        return None
    try:
        cosines, precision = manifest["least_cosines"], manifest["precision"]
        if precision is None:
            raise GraphRefusedError(
                f"On this machine OpenVINO's vectors differ from the original's (cosines {cosines}, minimum {LEAST_COSINE})."
            )
        if graph_digest(home) != manifest["digest"]:
            return None
        shape = manifest["dimension"], manifest["max_tokens"], manifest["pooling"]
        return Graph(home, source, revision, *shape, precision=precision, least_cosine=cosines[precision])
    except (KeyError, TypeError, OSError):
        return None


def _export(source: Path, home: Path, revision: str) -> None:
    """Export into a folder beside `home`, and move it into place. The caller has the lock on `home`."""
    _log.info("preparing %s for this CPU, once", source.name)
    for leftover in home.parent.glob(f"{home.name}.*.partial"):  # of a killed process, since this one has the lock
        shutil.rmtree(leftover, ignore_errors=True)
    partial = home.with_name(f"{home.name}.{os.getpid()}.partial")
    partial.mkdir()
    try:
        _run_export(source, partial, revision)
        if home.exists():
            shutil.rmtree(home)
        partial.rename(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run_export(source: Path, target: Path, revision: str) -> None:
    package_root = str(Path(__file__).parents[3])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")])),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    # -P: do not import a file in the user's folder that has the name of a library
    command = [sys.executable, "-P", "-m", "rag.models.embedders.openvino_export", str(source), str(target), revision]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GraphRefusedError(f"OpenVINO did not convert {source.name} within {_PATIENCE} s.") from error
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise GraphRefusedError(f"OpenVINO could not convert {source.name}: {last[0]}")
