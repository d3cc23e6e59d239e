"""CSV and TSV: one row a line, its cells apart by " | "; rows too long for that as names and values."""

from __future__ import annotations

import csv
import io
import re
from statistics import median
from typing import TYPE_CHECKING

from rag.documents.common.characters import visible
from rag.documents.common.composition import Composition
from rag.documents.common.titles import readable_name
from rag.documents.plain import text as plain_text
from rag.documents.plain.text import read
from rag.errors import DocumentError
from rag.types import Document, Heading

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterable, Iterator, Sequence

    Rows = list[list[str]]

_DELIMITERS = ",;\t|"
_SAMPLE = 64 * 1024
_LONG_ROW = 300
"""Characters from which on a row is stated cell by cell, each with its column's name."""

_LONGEST_HEADER = 150
_MOST_MENDING = 20  # times the length of the file that is read in vain after quotation marks that close nowhere
_TOLD_DELIMITER = re.compile(r"""\ufeff?"?sep=([^\w"'\n\r])"?[^\S\n]*(?:\n|\Z)""", re.IGNORECASE)
_NUMBER = re.compile(r"[-+(]?[\d.,%\s]+\)?")


def load(content: bytes, *, source: str, name: str) -> Document:
    """Rows are counted from 1, the header included, as a spreadsheet counts them. Raises DocumentError when there is no text.

    A header that is short enough is the heading of all rows, so that what is below it is found by the names of its columns.
    """
    text = read(content, source=source)
    stated = _TOLD_DELIMITER.match(text)  # Excel's convention: a first line "sep=;", which is no row
    table = text[stated.end() :] if stated else text
    try:
        rows = _rows(table, stated[1] if stated else _delimiter(table))
    except csv.Error:  # quotation marks gone wrong
        return plain_text.load(content, source=source, name=name)
    written = Composition()
    top = next((number for number, row in enumerate(rows) if any(row)), 0)
    header = _header(rows[top:])
    if header and median(len(" | ".join(row)) for row in rows[top + 1 :]) > _LONG_ROW:
        _write_records(written, rows, header, top=top)
    else:
        _write_table(written, rows)
    if not written.length:
        raise DocumentError(
            f"{source} has only empty cells. Leave it out, or check that it was saved completely.", status="no-text"
        )
    headings = _headings(written.text, header)
    media_type = "text/tab-separated-values" if name.lower().endswith((".tsv", ".tab")) else "text/csv"
    return Document(written.text, source, readable_name(name), media_type, headings=headings, places=written.places("row"))


def _rows(text: str, delimiter: str) -> Rows:
    """Every row, empty ones too, its cells on one line each and without white space around them."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    return [[" ".join(visible(cell).split()) for cell in row] for row in _records(list(io.StringIO(text)), delimiter)]


def _records(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    """The cells of each row. A line that opens a quotation which ends nowhere, or in the middle of a cell, is a row by itself.

    Without that, one stray mark would make a single row of all that follows it.
    """
    start, vain = 0, _MOST_MENDING * len(lines)
    while start < len(lines):
        reader = _reader((lines[place] for place in range(start, len(lines))), delimiter, quoted=vain > 0, strict=True)
        first = start
        try:
            for row in reader:
                start = first + reader.line_num
                yield row
        except csv.Error:
            spanned = first + reader.line_num - start
            vain -= spanned
            yield from _reader([lines[start]], delimiter, quoted=spanned == 1)
            start += 1


def _reader(lines: Iterable[str], delimiter: str, *, quoted: bool = True, strict: bool = False) -> Reader:
    """Python's reader of such rows. `strict` raises csv.Error where a quoted cell is followed by something else than the delimiter."""
    if not quoted:
        return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)


def _delimiter(text: str) -> str:
    """What agrees with the quotation marks and cuts the most rows into the same number of cells, at least two."""
    sample = text[:_SAMPLE]
    lines = (sample.rpartition("\n")[0] if len(text) > _SAMPLE else sample) or sample

    def fit(delimiter: str) -> tuple[bool, float, int]:
        try:
            counts = [len(row) for row in _rows(lines, delimiter) if any(row)]
        except csv.Error:
            return False, 0.0, 0
        cells = max(set(counts), key=counts.count) if counts else 0
        if cells < 2:
            return False, 0.0, 0
        return _agrees_with_quotes(lines, delimiter), round(counts.count(cells) / len(counts), 1), cells

    return max(_DELIMITERS, key=fit)


def _agrees_with_quotes(lines: str, delimiter: str) -> bool:
    try:
        list(_reader(io.StringIO(lines), delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)  # the sample ends within a quoted cell
    return True


def _header(rows: Rows) -> Sequence[str]:
    """The names of the columns: a first row without numbers, gaps and repetitions; empty where it does not look like that."""
    first = rows[0] if len(rows) > 1 else []
    if len(first) < 2 or not all(first) or len(set(first)) < len(first) or any(map(_NUMBER.fullmatch, first)):
        return ()
    return first


def _headings(text: str, header: Sequence[str]) -> tuple[Heading, ...]:
    line = " | ".join(header)
    return (Heading(0, 1, line),) if 0 < len(line) <= _LONGEST_HEADER and text.startswith(line) else ()


def _write_table(written: Composition, rows: Rows) -> None:
    for number, row in enumerate(rows, start=1):
        if any(row):
            written.place(str(number))
            written.write(" | ".join(row).rstrip(" |"))


def _write_records(written: Composition, rows: Rows, header: Sequence[str], *, top: int) -> None:
    """Each row below the header, which is row `top` of them, apart from the next, a column's name before its cell."""
    for number, row in enumerate(rows[top + 1 :], start=top + 2):
        named = [f"{key}: {cell}" for key, cell in zip(header, row, strict=False) if cell]
        more = [cell for cell in row[len(header) :] if cell]
        if named or more:
            written.place(str(number))
            written.write("\n".join(named + more), gap=2)
