"""How right, how robust and how fast PDFs are read, beside plain pdfium and pypdf. Prints Markdown.

python -m benchmarks.documents.pdf ../shared/data --rounds 5
python -m benchmarks.documents.pdf ../shared/data --rounds 3 --smallest 8     # pypdf needs two minutes a round for all files
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import statistics
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from importlib.metadata import version
from pathlib import Path

from benchmarks.harness.contestants import as_module
from benchmarks.harness.measure import figure, interleave, machine_facts, ratios, run_process, spread
from benchmarks.harness.pages import Table, page, publish, table

OURS, PDFIUM, PYPDF = "groundtext", "pdfium", "pypdf"
Reader = Callable[[bytes], list[str]]


def ours(content: bytes) -> list[str]:
    """The pages' texts as the toolkit loads them."""
    from rag.documents.pdf.read import load

    document = load(content, source="-", name="-")
    ends = [*document.page_starts[1:], len(document.text)]
    return [document.text[start:end] for start, end in zip(document.page_starts, ends, strict=True)]


def plain_pdfium(content: bytes) -> list[str]:
    """`get_text_range` of every page."""
    from pypdfium2 import PdfDocument

    document, texts = PdfDocument(content), []
    for leaf in document:
        letters = leaf.get_textpage()
        texts.append(letters.get_text_range())
        letters.close()
        leaf.close()
    return texts


def pypdf(content: bytes) -> list[str]:
    """`extract_text` of every page."""
    from pypdf import PdfReader

    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


READERS: dict[str, Reader] = {OURS: ours, PDFIUM: plain_pdfium, PYPDF: pypdf}


def without_ocr() -> None:
    """Only text that is in the files counts here, whatever is installed."""
    from rag.documents.pdf import ocr as pdf_ocr

    pdf_ocr.is_installed = lambda: False


def filings(data: Path, smallest: int) -> list[Path]:
    """The files of FinanceBench, the smallest first."""
    return sorted((data / "financebench/dev/pdfs").glob("*.pdf"), key=lambda path: path.stat().st_size)[:smallest]


def time_reader(reader: str, files: Sequence[Path]) -> None:
    """Read all files on one core; print pages and CPU seconds."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    contents = [path.read_bytes() for path in files]
    began = time.process_time()
    pages = sum(len(READERS[reader](content)) for content in contents)
    print(json.dumps({"pages": pages, "seconds": time.process_time() - began}))


def speed(data: Path, rounds: int, smallest: int) -> Table:
    """Pages per second, each reader in a process of its own."""
    command = [sys.executable, *as_module("documents/pdf.py"), data, "--smallest", str(smallest), "--time"]
    runs = interleave({name: lambda name=name: run_process([*command, name]) for name in READERS}, rounds)
    rates = {name: [run.json["pages"] / run.json["seconds"] for run in runs[name]] for name in READERS}
    rows = [
        (
            name,
            runs[name][0].json["pages"],
            spread(rate),
            spread(ratios(rate, rates[PYPDF])),
            spread([r.peak_mb for r in runs[name]], 0),
        )
        for name, rate in rates.items()
    ]
    return table(["reader", "pages", "pages per CPU second", "times pypdf", "peak MB"], rows)


def evidence(data: Path) -> Table:
    """How many of the texts that experts marked are on the page that they named."""
    folder = data / "financebench/dev"
    questions = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    marked = [(q["doc_name"], e["evidence_page_num"], e["evidence_text"]) for q in questions for e in q["evidence"]]
    rows = []
    for name, read in ((OURS, ours), (PDFIUM, plain_pdfium)):
        texts = {document: read((folder / f"pdfs/{document}.pdf").read_bytes()) for document in {name for name, _, _ in marked}}
        found = [
            [fold(text) in fold(texts[document][page]) for fold in (no_space, ascii_only)] for document, page, text in marked
        ]
        rows.append(
            (name, len(marked), *(figure(100 * statistics.mean(column), 1, " %") for column in zip(*found, strict=True)))
        )
    return table(["reader", "texts", "as they are", "in the characters that the data set kept (ASCII)"], rows)


def no_space(text: str) -> str:
    return re.sub(r"\s+", "", text)


def ascii_only(text: str) -> str:
    """The data set's evidence has lost all other characters, such as dashes and curved quotes."""
    return re.sub(r"[^\x21-\x7e]", "", text)


def gold(data: Path) -> Table:
    """How near the text is to the reference: words, runs of four words, and the longest common order."""
    rows, sums = [], []
    for path in sorted((data / "pdf_gold").glob("*.pdf")):
        reference = words(without_markup((path.parent / f"{path.stem}.docling.md").read_text("utf-8")))
        scores = [nearness(words("\n".join(read(path.read_bytes()))), reference) for read in (ours, plain_pdfium)]
        sums.append([*scores[0], *scores[1]])
        rows.append((path.stem, *(figure(score, 3) for score in sums[-1])))
    means = [figure(statistics.mean(column), 3) for column in zip(*sums, strict=True)]
    header = [f"{name}: {measure}" for name in (OURS, PDFIUM) for measure in ("words", "4-grams", "order")]
    return table(["document", *header], [*rows, ("**mean**", *means)])


def words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def without_markup(markdown: str) -> str:
    text = re.sub(r"<!--.*?-->|```\w*", "", markdown, flags=re.DOTALL)
    return text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("\\_", "_")


def nearness(have: Sequence[str], want: Sequence[str]) -> tuple[float, float, float]:
    """Each between 0 and 1, as 2·common / (both lengths)."""
    blocks = SequenceMatcher(None, have, want, autojunk=False).get_matching_blocks()
    order = 2 * sum(block.size for block in blocks) / max(1, len(have) + len(want))
    return f1(Counter(have), Counter(want)), f1(runs_of_four(have), runs_of_four(want)), order


def runs_of_four(tokens: Sequence[str]) -> Counter[object]:
    return Counter(tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3))


def f1(have: Counter[object], want: Counter[object]) -> float:
    return 2 * (have & want).total() / max(1, have.total() + want.total())


def nasty(data: Path) -> Table:
    """What becomes of awkward files, without and with their passwords."""
    from rag.documents.pdf.read import load
    from rag.errors import DocumentError

    with (data / "pdf_nasty/manifest.tsv").open(encoding="utf-8", newline="") as manifest:
        files = list(csv.DictReader(manifest, delimiter="\t"))
    rows = []
    for label, given in (("no password", False), ("passwords given", True)):
        outcomes, wrong, slowest = Counter[str](), [], 0.0
        for row in files:
            content = (data / "pdf_nasty/files" / row["source"] / row["file"]).read_bytes()
            passwords = [row["user_password"]] if given and row["user_password"] else []
            expected = "encrypted" if row["open_error"] and not passwords else "text"
            if not row["open_error"] and row["chars_pypdfium2"] == "0":
                expected = "no-text"
            began = time.perf_counter()
            try:
                load(content, source=row["file"], name=row["file"], passwords=passwords)
                outcome = "text"
            except DocumentError as error:
                outcome = error.status
            slowest = max(slowest, time.perf_counter() - began)
            outcomes[outcome] += 1
            wrong += [row["file"]] if outcome != expected else []
        told = [outcomes[status] for status in ("text", "no-text", "encrypted", "corrupt")]
        rows.append((label, len(files), *told, ", ".join(wrong) or "none", figure(1000 * slowest)))
    return table(["", "files", "text", "no-text", "encrypted", "corrupt", "not as expected", "slowest, ms"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="the folder with financebench, pdf_gold and pdf_nasty")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smallest", type=int, default=1000, help="time only so many of the filings, the smallest first")
    parser.add_argument("--only", nargs="*", default=["evidence", "gold", "nasty", "speed"])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--time", choices=READERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    without_ocr()
    if arguments.time:
        time_reader(arguments.time, filings(arguments.data, arguments.smallest))
        return
    parts: dict[str, tuple[str, Callable[[], Table]]] = {
        "evidence": ("Marked evidence on its page (FinanceBench)", lambda: evidence(arguments.data)),
        "gold": ("Nearness to reference texts", lambda: gold(arguments.data)),
        "nasty": ("Awkward files", lambda: nasty(arguments.data)),
        "speed": ("Speed on one core (FinanceBench)", lambda: speed(arguments.data, arguments.rounds, arguments.smallest)),
    }
    readers = ", ".join(f"{package} {version(package)}" for package in ("pypdfium2", "pypdf"))
    facts = f"{machine_facts({OURS: Path(sys.executable)})}\n- {readers}; text recognition (OCR) left out."
    sections = [page(f"## {title}", part()) for name, (title, part) in parts.items() if name in arguments.only]
    publish(page("# PDF", facts, *sections), arguments.output)


if __name__ == "__main__":
    main()
