"""Make a folder of plain-text files to index: .bench/corpus-NAME-MEGABYTES/001.txt, 002.txt, …

    python benchmarks/corpus.py book --megabytes 1
    python benchmarks/corpus.py perl --megabytes 5

`book` is War and Peace from shared/data beside the checkout; `perl` is Perl's manual, the Debian package perl-doc.
A megabyte is 1,000,000 bytes of UTF-8.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".bench"
BOOK = ROOT.parent / "shared" / "data" / "book_war_and_peace" / "war_and_peace.txt"
CORPORA = ("book", "perl")
FILES = 40
"""Roughly how many files a corpus is spread over; fewer where they would be under `SMALLEST` bytes."""
SMALLEST = 10_000


def make_corpus(name: str, megabytes: float) -> Path:
    """The corpus's folder, made when it is not there yet. Raises SystemExit where its text is not installed."""
    folder = BENCH / f"corpus-{name}-{megabytes:g}"
    if folder.is_dir():
        return folder
    limit = round(megabytes * 1_000_000)
    texts = list(cut(book_texts(limit) if name == "book" else perl_texts(), limit))
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
        raise SystemExit(f"Skipped: the book is not here ({BOOK.parent} is absent). Use the corpus `perl`.")
    size = max(limit // FILES, SMALLEST)
    part: list[str] = []
    for paragraph in paragraphs(BOOK.read_text(encoding="utf-8")):
        part.append(paragraph)
        if sum(map(bytes_of, part)) >= size:
            yield "".join(part)
            part = []
    if part:
        yield "".join(part)


def perl_texts() -> Iterator[str]:
    """Perl's manual, a file a page, as its authors wrote it (POD is plain text with light markup)."""
    pages = sorted(Path("/usr/share/perl").glob("*.*.*/pod/*.pod"))
    if len(pages) < 10:
        raise SystemExit("Skipped: Perl's manual is not here. Install it with: apt-get install perl-doc")
    for page in pages:
        yield page.read_text(encoding="utf-8", errors="replace")


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
