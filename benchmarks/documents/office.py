"""The text of office files: groundtext beside markitdown, the formats' own libraries, and docling's stored Markdown.

    python -m benchmarks.documents.office ../shared/data/office_web/docling

Runs in groundtext's own environment. A peer runs in `.bench/NAME` or in the interpreter that `--peer NAME=PYTHON` names, and is left
out with a note where there is none. docling is not run: what it makes of each file lies beside it, as `FILE.docling.md`.

Measures, of words without marks (lower case; Markdown's and LaTeX's commands, comments and underscores taken out):

- *4-gram F1*: runs of four words that text and docling's Markdown have in common, each counted as often as it stands there.
- *docling's words*: the share of docling's words that the text holds.
- *the file's words*: the share of the words in the file's own XML (body, notes, slides, cells) that the text holds. No program's view.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import statistics
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.contestants import as_module
from benchmarks.harness.measure import ROOT, figure, machine_facts, note, run_process
from benchmarks.harness.pages import Cell, Page, Table, page, publish, table

OURS = "groundtext"
PEERS = ("markitdown", "libraries")
REFERENCE = "docling"
FORMATS = {".docx": "docx", ".pptx": "pptx", ".xlsx": "xlsx", ".xlsm": "xlsx", ".odt": "odf", ".ods": "odf", ".odp": "odf"}

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_EQUATION = re.compile(r"\$+[^$\n]+\$+")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"[^\W_]+")
_XML_TEXT = re.compile(r"<(?:[a-z]+:)?t(?: [^>]*)?>([^<]*)</(?:[a-z]+:)?t>")
_PARAGRAPH = re.compile(r"</(?:w:p|a:p|si|text:p|text:h)>|<(?:w:tab|w:br|a:br|text:tab|text:line-break)[ /]")
_TAG = re.compile(r"<[^>]*>")
_UNSEEN = re.compile(r"<mc:Fallback>.*?</mc:Fallback>|<office:annotation .*?</office:annotation>", re.DOTALL)
_PARTS = re.compile(
    r"word/(document|footnotes|endnotes)\.xml|ppt/(slides|notesSlides)/[^/]*\.xml|xl/sharedStrings\.xml|content\.xml"
)


# what is compared


def words(text: str) -> list[str]:
    """The words of a text or of Markdown, without marks."""
    text = _PICTURE.sub(" ", _COMMENT.sub(" ", html.unescape(text))).replace("\\_", "_")
    text = _EQUATION.sub(lambda equation: _COMMAND.sub(" ", equation[0]), text)
    return _WORD.findall(text.casefold())


def runs(found: Sequence[str], length: int = 4) -> Counter[tuple[str, ...]]:
    """How often each run of so many words stands there; a shorter text is one run."""
    length = min(length, len(found)) or 1
    return Counter(tuple(found[start : start + length]) for start in range(len(found) - length + 1))


def f1(found: Sequence[str], wanted: Sequence[str]) -> float:
    """Runs of four words in common; 1 where both say nothing."""
    length = min(4, len(wanted)) or 1
    ours, theirs = runs(found, length), runs(wanted, length)
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 1.0


def recall(found: Sequence[str], wanted: Sequence[str]) -> float:
    """The share of the wanted words that were found, each counted as often as it stands there."""
    return (Counter(found) & Counter(wanted)).total() / len(wanted) if wanted else 1.0


def own_words(file: Path) -> list[str]:
    """The words in the XML of the parts that a reader sees."""
    with zipfile.ZipFile(file) as archive:
        parts = [archive.read(name).decode("utf-8", "replace") for name in archive.namelist() if _PARTS.fullmatch(name)]
    return words(" ".join(_xml_text(part) for part in parts))


def _xml_text(part: str) -> str:
    part = _PARAGRAPH.sub(lambda end: f"<t> </t>{end[0]}", _UNSEEN.sub("", part))
    if "<office:body>" in part:
        return html.unescape(
            _TAG.sub("", part.partition("<office:body>")[2].replace("<text:s/>", " ").replace("<t> </t>", " "))
        )
    return html.unescape("".join(_XML_TEXT.findall(part)))


# the readers, each run in its own environment


def read_with_ours(file: Path) -> str:
    from rag.documents import load_bytes

    text: str = load_bytes(file.read_bytes(), source=str(file)).text
    return text


def read_with_markitdown(file: Path) -> str:
    from markitdown import MarkItDown

    text: str = MarkItDown().convert(str(file)).text_content
    return text


def read_with_libraries(file: Path) -> str:
    """Each library as its documentation shows it first: paragraphs and tables, shapes, rows, paragraphs."""
    return "\n".join(_LIBRARIES[FORMATS[file.suffix]](str(file)))


def _python_docx(path: str) -> Iterable[str]:
    import docx
    from docx.table import Table

    for block in docx.Document(path).iter_inner_content():
        if isinstance(block, Table):
            yield from (" | ".join(cell.text for cell in row.cells) for row in block.rows)
        else:
            yield block.text


def _python_pptx(path: str) -> Iterable[str]:
    from pptx import Presentation

    for slide in Presentation(path).slides:
        for shape in slide.shapes:
            if shape.has_text_frame:
                yield shape.text_frame.text
            if shape.has_table:
                yield from (" | ".join(cell.text for cell in row.cells) for row in shape.table.rows)
        if slide.has_notes_slide:
            yield slide.notes_slide.notes_text_frame.text


def _openpyxl(path: str) -> Iterable[str]:
    import openpyxl

    workbook = openpyxl.load_workbook(path, data_only=True)
    for sheet in workbook.worksheets:
        yield sheet.title
        yield from (" | ".join(str(cell) for cell in row if cell is not None) for row in sheet.iter_rows(values_only=True))


def _odfpy(path: str) -> Iterable[str]:
    from odf import opendocument, teletype, text

    loaded = opendocument.load(path)
    for element in (*loaded.getElementsByType(text.H), *loaded.getElementsByType(text.P)):
        yield teletype.extractText(element)


_LIBRARIES = {"docx": _python_docx, "pptx": _python_pptx, "xlsx": _openpyxl, "odf": _odfpy}
READERS: dict[str, Callable[[Path], str]] = {
    OURS: read_with_ours,
    "markitdown": read_with_markitdown,
    "libraries": read_with_libraries,
}


def read_all(reader: str, files: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Text, error and seconds of each file; what a reader raises is its answer."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        began = time.perf_counter()
        try:
            answer = {"text": READERS[reader](file), "error": ""}
        except Exception as error:  # noqa: BLE001 (peers raise what they like)
            answer = {"text": "", "error": " ".join(f"{type(error).__name__}: {error}".split())[:200]}
        found[str(file)] = {**answer, "seconds": time.perf_counter() - began}
    return found


# the page


def compared(
    contestants: Mapping[str, Mapping[str, Any]], files: Sequence[Path], metric: Callable[[Sequence[str], Path], float]
) -> Table:
    """A table with a row for each format and a column for each contestant: median, mean, and the worst file."""
    kinds = list(dict.fromkeys(FORMATS[file.suffix] for file in files))
    rows = []
    for kind in (*kinds, "all"):
        chosen = [file for file in files if kind in ("all", FORMATS[file.suffix])]
        row: list[Cell] = [f"{kind} ({len(chosen)})"]
        for answers in contestants.values():
            values = [metric(words(answers[str(file)]["text"]), file) for file in chosen]
            row.append((figure(statistics.median(values), 3), figure(statistics.mean(values), 3), figure(min(values), 2)))
        rows.append(row)
    return table(["median / mean / lowest", *contestants], rows)


def tables(contestants: Mapping[str, Mapping[str, Any]], files: Sequence[Path]) -> Page:
    wanted = {file: words(reference_of(file).read_text(encoding="utf-8")) for file in files}
    held = {file: own_words(file) for file in files}
    run = {name: answers for name, answers in contestants.items() if name != REFERENCE}
    costs = [
        [
            name,
            figure(sum(not answer["error"] for answer in answers.values()), 0, f" of {len(files)}"),
            figure(statistics.median(answer["seconds"] for answer in answers.values()) * 1000, 1),
            figure(max(answer["seconds"] for answer in answers.values()) * 1000),
        ]
        for name, answers in run.items()
    ]
    failures = [
        f"- {name}: {Path(file).name}: {a['error']}"
        for name, answers in run.items()
        for file, a in answers.items()
        if a["error"]
    ]
    return page(
        "## 4-gram F1 against docling's Markdown",
        compared(run, files, lambda found, file: f1(found, wanted[file])),
        "## docling's words found",
        compared(run, files, lambda found, file: recall(found, wanted[file])),
        "## The file's words found",
        compared(contestants, files, lambda found, file: recall(found, held[file])),
        "## Cost",
        table(["", "files read", "median ms", "longest ms (the first loads the library)"], costs),
        *(["Not read:", "\n".join(failures)] if failures else []),
    )


def reference_of(file: Path) -> Path:
    return file.with_name(file.name + ".docling.md")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT.parent / "shared" / "data" / "office_web" / "docling")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help=f"one of {', '.join(PEERS)}")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the Markdown here too")
    parser.add_argument("--read-as", choices=READERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    files = sorted(file for file in arguments.folder.rglob("*") if file.suffix in FORMATS and reference_of(file).exists())
    if arguments.read_as:
        print(json.dumps(read_all(arguments.read_as, files)))
        return
    if not files:
        raise SystemExit(f"There are no office files with .docling.md beside them in {arguments.folder}.")
    named = dict(peer.split("=", 1) for peer in arguments.peer)
    pythons = {
        OURS: Path(sys.executable),
        **{peer: Path(named.get(peer, ROOT / ".bench" / peer / "bin" / "python")) for peer in PEERS},
    }
    contestants: dict[str, Mapping[str, Any]] = {}
    for name, python in pythons.items():
        if not python.exists():
            note(f"{name} is left out: there is no {python}")
            continue
        command = [python, *as_module("documents/office.py"), arguments.folder.resolve(), "--read-as", name]
        contestants[name] = run_process(command, environment={"PYTHONPATH": str(ROOT)} if name == OURS else None).json
    contestants[REFERENCE] = {str(file): {"text": reference_of(file).read_text(encoding="utf-8")} for file in files}
    facts = machine_facts({name: python for name, python in pythons.items() if name in contestants})
    publish(page("# Office files", facts, tables(contestants, files)), arguments.output)


if __name__ == "__main__":
    main()
