"""What `make bench` runs: every benchmark at a size that takes a minute or a few."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.corpus import BENCH, ROOT, corpus_at_hand

DATA, PLOT, VLLM, MODEL = "DATA", "PLOT", "VLLM", "MODEL"
"""In an option: the folder of the collections, the file to draw into, vLLM's Python, and the model that it serves."""

VLLM_ENVIRONMENT = ROOT / ".venv-vllm"
SERVED = "models/smollm2-135m-instruct"


@dataclass(frozen=True, slots=True)
class Command:
    """A script of this folder and its options.

    `needs` are paths under the folder of the collections, `peers` the environments that environments.sh makes.
    """

    script: str
    options: str = ""
    needs: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    through_vllm: bool = False

    @property
    def shown(self) -> str:
        """The same on every machine."""
        return f"{self.script} {self.options}".strip()

    def line(self, data: Path, plot: Path) -> list[str]:
        """The script and its options with this machine's paths."""
        places = {
            DATA: str(data),
            PLOT: str(plot),
            VLLM: str(VLLM_ENVIRONMENT / "bin" / "python"),
            MODEL: str(VLLM_ENVIRONMENT / SERVED),
        }
        return [
            self.script,
            *("/".join(places.get(part, part) for part in option.split("/")) for option in self.options.split()),
        ]

    def obstacle(self, data: Path) -> str:
        """Why it cannot run here; empty where it can."""
        if missing := [name for name in self.needs if not (data / name).exists()]:
            return f"there is no {', '.join(missing)} in the folder of the collections"
        if self.through_vllm and not (VLLM_ENVIRONMENT / SERVED).exists():
            return "there is no vLLM; `make vllm` installs it (Linux on x86-64, 4 GB)"
        return ""


TEXT = f"--corpus {corpus_at_hand()} --megabytes 0.1"
QUESTIONS = ("scifact", "cranfield", "clapnq_dev", "xquad/en")
SCALE = f"--corpus {BENCH.name}/quick-scale"

PARTS = {
    "speed": (
        Command("ingest/speed.py", f"{TEXT} --rounds 2", peers=("llamaindex", "langchain", "txtai")),
        Command("retrieval/cold.py", f"{TEXT} --rounds 5", peers=("langchain",)),
        Command("ingest/no_change.py", "--files 500 --rounds 5"),
    ),
    "index": (
        Command("index/kills.py", "--kills 20"),
        Command("index/real_passages.py", "--only clapnq_dev,xquad-en", needs=QUESTIONS),
        Command("index/scale.py", f"--chunks 20000 {SCALE} --index {BENCH.name}/quick-index --plot PLOT", needs=QUESTIONS),
        Command(
            "index/stores.py",
            f"--chunks 10000 --rounds 2 --every 6 --only groundtext,langchain,chroma {SCALE}",
            needs=QUESTIONS,
            peers=("langchain", "chroma"),
        ),
    ),
    "documents": (
        Command("documents/pdf.py", "DATA --rounds 2 --smallest 3", needs=("financebench/dev", "pdf_gold", "pdf_nasty")),
        Command(
            "documents/office.py", "DATA/office_web/docling", needs=("office_web/docling",), peers=("markitdown", "libraries")
        ),
        Command("documents/html.py", "DATA/html_articles", needs=("html_articles",)),
        Command("documents/mutations.py", "DATA/pdf_nasty DATA/office_web --count 300", needs=("pdf_nasty", "office_web")),
        Command("documents/cores.py", "DATA/financebench/dev/pdfs --rounds 2 --times 1", needs=("financebench/dev/pdfs",)),
    ),
    "quality": (Command("retrieval/quality.py", "DATA/scifact DATA/cranfield", needs=("scifact", "cranfield")),),
    "answers": (
        Command(
            "answers/batch.py",
            "DATA/clapnq_dev --model MODEL --python VLLM --questions 8 --one-by-one 3 --documents 300 --passages 3 --max-tokens 16 "
            "--rounds 2",
            needs=("clapnq_dev",),
            peers=("answers-langchain", "answers-llamaindex"),
            through_vllm=True,
        ),
    ),
    "summaries": (
        Command(
            "summaries/everything.py",
            "speed --quick --data DATA --model MODEL --python VLLM",
            needs=("book_war_and_peace",),
            peers=("summaries-langchain",),
            through_vllm=True,
        ),
    ),
}
