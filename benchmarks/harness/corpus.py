"""Make a folder of plain-text files to index: .bench/corpus-NAME-MEGABYTES/001.txt, 002.txt, …

    python -m benchmarks.harness.corpus book --megabytes 1
    python -m benchmarks.harness.corpus python --megabytes 1

`book` is War and Peace from shared/data beside the checkout; `python` is the documentation of Python's own library, which every
machine has.
A megabyte is 1,000,000 bytes of UTF-8.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.harness.measure import ROOT

BENCH = ROOT / ".bench"
BOOK = ROOT.parent / "shared" / "data" / "book_war_and_peace" / "war_and_peace.txt"
CORPORA = ("book", "python")
FILES = 40
"""Roughly how many files a corpus is spread over; fewer where they would be under `SMALLEST` bytes."""
SMALLEST = 10_000
LEFT_OUT = {"site-packages", "test", "tests", "idlelib", "lib2to3"}
"""Folders of Python's library that document nothing for its users."""


def corpus_at_hand() -> str:
    """The book where it is, else the texts that every machine has."""
    return "book" if BOOK.is_file() else "python"


def make_corpus(name: str, megabytes: float) -> Path:
    """The corpus's folder, made when it is not there yet. Raises SystemExit where its text is not installed."""
    folder = BENCH / f"corpus-{name}-{megabytes:g}"
    if folder.is_dir():
        return folder
    limit = round(megabytes * 1_000_000)
    texts = list(cut(texts_of(name, limit), limit))
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for number, text in enumerate(texts, 1):
        (unfinished / f"{number:03}.txt").write_text(text, encoding="utf-8")
    unfinished.rename(folder)
    return folder


def book_texts(limit: int) -> Iterator[str]:
    """The book in parts of whole paragraphs, so large that `limit` bytes make about `FILES` of them."""
    if not BOOK.is_file():
        raise SystemExit(f"Skipped: the book is not here ({BOOK.parent} is absent). Use the corpus `python`.")
    size = max(limit // FILES, SMALLEST)
    part: list[str] = []
    for paragraph in paragraphs(BOOK.read_text(encoding="utf-8")):
        part.append(paragraph)
        if sum(map(bytes_of, part)) >= size:
            yield "".join(part)
            part = []
    if part:
        yield "".join(part)


def python_texts() -> Iterator[str]:
    """The docstrings of Python's library, a file a module, each below the name that it describes."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        is_left_out = not LEFT_OUT.isdisjoint(path.relative_to(library).parts)
        text = "" if is_left_out else documentation(path)
        if text:
            yield text


def documentation(path: Path) -> str:
    """All docstrings of a module, in the order of its code; empty where it has none, or is no Python of this version."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except SyntaxError:
        return ""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documented = [
        (getattr(node, "name", path.stem), ast.get_docstring(node)) for node in ast.walk(tree) if isinstance(node, kinds)
    ]
    return "".join(f"{name}\n\n{text}\n\n" for name, text in documented if text)


def texts_of(name: str, limit: int) -> Iterator[str]:
    """The texts of a corpus, which may go on after `limit` bytes."""
    return {"book": lambda: book_texts(limit), "python": python_texts}[name]()


def cut(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Whole texts up to `limit` bytes; the last one ends with the paragraph that passes the limit."""
    left = limit
    for text in texts:
        if bytes_of(text) > left:
            text = "".join(leading(paragraphs(text), left))
        if text:
            yield text
        left -= bytes_of(text)
        if left <= 0:
            return


def leading(parts: Iterable[str], limit: int) -> Iterator[str]:
    """The first parts, until they hold `limit` bytes."""
    left = limit
    for part in parts:
        if left <= 0:
            return
        yield part
        left -= bytes_of(part)


def paragraphs(text: str) -> list[str]:
    """The paragraphs with the blank lines after them; joined they are `text`."""
    return re.findall(r".+?(?:\n\s*\n|\Z)", text, flags=re.DOTALL)


def bytes_of(text: str) -> int:
    return len(text.encode())


def text_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.txt"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=CORPORA)
    parser.add_argument("--megabytes", type=float, default=1.0, metavar="X")
    arguments = parser.parse_args()
    folder = make_corpus(arguments.name, arguments.megabytes)
    files = text_files(folder)
    print(f"{folder}: {len(files)} files, {sum(file.stat().st_size for file in files):,} bytes")


if __name__ == "__main__":
    main()
