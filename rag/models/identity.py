"""Which model it is that writes, so that what one wrote is not taken for another's.

Servers call models as they like, and files of different models share a name. What tells them apart is what a server says of
the model's origin (vLLM: `root`, `parent`; llama.cpp: `meta`), and the content of a file. The same model at another port, or
moved to another folder, is the same model; where a server tells nothing but a name, its address counts too.
"""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import RagError

if TYPE_CHECKING:
    from rag.protocols import Generator

ORIGIN = ("root", "parent", "digest", "quantization")
SIZES = ("n_params", "n_vocab", "n_embd", "size")
ENDS = 2**20
"""Bytes at both ends of a file that are hashed: names and shapes of the weights, and the last of them."""

OF_THE_MACHINE = {"max_model_len", "max_num_seqs", "gpu_memory_utilization", "kv_cache_memory_bytes", "tensor_parallel_size"}
"""Options of an engine in the process that change how fast it is, and not what it writes."""


def model_identity(llm: Generator) -> str:
    """What determines what a model writes, besides prompt and options. May read a file, or ask its server once."""
    server = getattr(llm, "_server", None)
    if address := getattr(server, "base_url", ""):
        return f"{llm.name} {_origin_on(server, llm.name) or address}"
    engine = {name: value for name, value in getattr(llm, "_arguments", {}).items() if name not in {*OF_THE_MACHINE, "model"}}
    told = f" {json.dumps(engine, sort_keys=True, default=str)}" if engine else ""
    place = getattr(llm, "_path", None) or getattr(llm, "_model", "")
    return f"{llm.name} {_content(Path(place)) if place else ''}{told}".rstrip()


def _origin_on(server: Any, model: str) -> str:
    """What a server tells of a model's origin; empty where it tells nothing."""
    try:
        listed = server.get("/models")["data"]
        entry = next(entry for entry in listed if entry["id"] == model)
    except (RagError, LookupError, TypeError, StopIteration):
        return ""
    meta = entry.get("meta")
    sizes = {name: meta[name] for name in SIZES if name in meta} if isinstance(meta, dict) else {}
    origin = {name: entry[name] for name in ORIGIN if entry.get(name)}
    return json.dumps({**origin, **sizes}, sort_keys=True) if origin or sizes else ""


def _content(path: Path) -> str:
    """A hash of a file, or of a folder of files; the path itself where nothing is there, as for the name of a hub."""
    digest = blake2b(digest_size=12)
    try:
        for file in [path] if path.is_file() else sorted(one for one in path.glob("*") if one.is_file()):
            digest.update(f"{file.name if path.is_dir() else ''} {file.stat().st_size} ".encode())
            with file.open("rb") as opened:
                digest.update(opened.read(ENDS))
                opened.seek(-min(ENDS, file.stat().st_size), os.SEEK_END)
                digest.update(opened.read())
    except OSError:
        return str(path)
    return digest.hexdigest() if path.exists() else str(path)
