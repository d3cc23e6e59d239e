"""Run whole processes and tell what they cost.

Only the standard library: Linux counts a parent's memory into the peak of a process that it starts, so this one stays small.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any

from benchmarks.harness.figures import Figure

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
PACKAGES = (
    "torch", "sentence-transformers", "transformers", "tokenizers", "faiss-cpu", "numpy", "openvino", "tantivy",
    "llama-index-core", "llama-index-embeddings-huggingface", "llama-index-vector-stores-faiss",
    "chromadb", "langchain-core", "langchain-community", "langchain-huggingface", "langchain-text-splitters", "txtai", "chonkie",
    "lxml", "pypdf", "pypdfium2", "trafilatura", "markitdown", "python-docx", "python-pptx", "openpyxl", "odfpy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One process from its start to its end.

    `cpu` is user and system seconds, children included. `peak_mb` is the largest process's peak; `tree_mb` the most that
    all its processes held together at any look (50 ms apart, shared pages counted in each); `shared_once_mb` the same with
    each shared page counted once.
    """

    wall: float
    cpu: float
    peak_mb: float
    tree_mb: float
    output: str
    shared_once_mb: float = 0.0

    @property
    def json(self) -> Any:
        """The last line of the output, parsed."""
        return json.loads(self.output.strip().splitlines()[-1])


def run_process(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> Run:
    """Run to the end and measure. Raises SystemExit with the end of its error output when it fails."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        variables = {**os.environ, **OFFLINE, **(environment or {})}
        process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=ROOT, env=variables
        )
        watch = MemoryWatch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        tree_mb = watch.stop()
        if process.returncode:
            errors.seek(0)
            told = errors.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{told}")
        output.seek(0)
        peak_mb = usage.ru_maxrss / 1024
        return Run(
            wall, usage.ru_utime + usage.ru_stime, peak_mb, max(peak_mb, tree_mb), output.read().decode(), watch.shared_once_mb
        )


class MemoryWatch:
    """Looks at a process and its descendants until stopped."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak_mb = self.shared_once_mb = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(0.05):
            members = family(self._pid)
            held = sum(map(resident_mb, members))
            if held > 0.9 * self._peak_mb:  # counting shared pages once takes a while, and matters only near the peak
                self.shared_once_mb = max(self.shared_once_mb, sum(map(own_share_mb, members)))
            self._peak_mb = max(self._peak_mb, held)

    def stop(self) -> float:
        self._stopped.set()
        self._thread.join()
        return self._peak_mb


def family(pid: int) -> list[int]:
    """The process and all its descendants, as far as they still live."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return [pid]
    return [pid, *(member for child in children for member in family(child))]


def resident_mb(pid: int) -> float:
    """Memory in use; 0 for a process that has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def own_share_mb(pid: int) -> float:
    """Memory in use, of shared pages the process's share; 0 for a process that has ended."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in told.splitlines() if line.startswith("Pss:")), 0.0)


def interleave(contestants: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Every contestant once a round, each round beginning with another one, so that a drift of the machine meets all alike."""
    names = list(contestants)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            runs[name].append(contestants[name]())
            note(f"round {number + 1} of {rounds}: {name} {runs[name][-1].wall:.2f} s")
    return runs


def note(text: str) -> None:
    """A line of progress on stderr."""
    os.write(2, f"{text}\n".encode())


def spread(values: Iterable[float], digits: int = 1) -> Figure:
    """`median [min–max]`."""
    numbers = sorted(values)
    return Figure(statistics.median(numbers), numbers[0], numbers[-1], f".{digits}f")


def figure(value: float, digits: int = 0, unit: str = "") -> Figure:
    """A single number with so many digits behind the point, thousands set apart, and a unit behind it such as " %"."""
    return Figure(value, value, value, f",.{digits}f", unit)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, so that both sides of each ratio met the same machine."""
    return [a / b for a, b in zip(above, below, strict=True)]


def machine_facts(pythons: Mapping[str, Path]) -> str:
    """What the numbers were measured on: processor, load, and the packages of each environment, as a Markdown list."""
    facts = processor()
    flags = set(facts.get("flags", "").split())
    has = ", ".join(f"{flag} {'yes' if flag in flags else 'no'}" for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        f"Measured {date.today()} on {facts.get('model name', platform.machine())}, {len(os.sched_getaffinity(0))} cores, "
        f"{memory:.0f} GiB; {has}; {platform.system()} {platform.release().split('-')[0]}; "
        f"load before the first run {os.getloadavg()[0]:.1f}.",
        *(f"{name}: {versions(python)}" for name, python in pythons.items()),
    ]
    return "\n".join(f"- {line}" for line in lines)


def processor() -> dict[str, str]:
    """What Linux tells of the last core."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip()}


def machine_name() -> str:
    """The kind of machine, fit for a file's name: processor, cores and the first GPU, such as `amd-epyc-2-cores`."""
    model = re.sub(r"\(\w+\)|\bCPU\b|@.*|\d+-Core Processor", "", processor().get("model name", platform.machine()))
    gpus = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    gpu = re.findall(r"^Model:\s*(.+)$", gpus[0].read_text(), re.MULTILINE) if gpus else []
    return "-".join(re.findall(r"[a-z0-9]+", " ".join([model, f"{len(os.sched_getaffinity(0))} cores", *gpu]).lower()))


def digest_of(files: Iterable[Path], *more: object) -> str:
    """Eight hexadecimal digits that change with what these files hold, and with whatever else is named."""
    content = b"".join(path.read_bytes() for path in sorted(files))
    return blake2b(content + repr(more).encode(), digest_size=4).hexdigest()


def versions(python: Path) -> str:
    """Python's version and that of every known package, as that interpreter sees them."""
    code = (
        "import importlib.metadata as m, platform, sys\n"
        "print('Python ' + platform.python_version(), *(d.name + ' ' + d.version for d in m.distributions()"
        " if d.name.lower() in sys.argv[1:]), sep='\\n')"
    )
    told = subprocess.run([python, "-c", code, *PACKAGES], capture_output=True, text=True, check=True).stdout.splitlines()
    return ", ".join([told[0], *sorted(set(told[1:]))])
