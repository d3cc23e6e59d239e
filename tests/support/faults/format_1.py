"""An index of format 1, as the groundtext of that time made it of a few documents.

`format_1.sql` is what `sqlite3 catalog.sqlite .dump` told of it, with FOLDER in place of the folder of the documents. There
had been a document "gone.txt", which is why numbers of chunks are missing.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pdf_writer import pdf

PARAGRAPH = (
    "Paragraph {} of the ledger tells of {} ropes, {} lamps and the {} boats that were painted in the spring of that year."
)
NUMBERS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen")

FILES = {
    "ledger.txt": "\n\n".join(PARAGRAPH.format(n, *NUMBERS[n : n + 3]) for n in range(8)).encode(),
    "garden.md": b"# Garden\n\nRoses grow here.\n\n## Pond\n\nSeven carp live in the pond.\n",
    "copies/garden.md": b"# Garden\n\nRoses grow here.\n\n## Pond\n\nSeven carp live in the pond.\n",
    "plan.pdf": pdf(["The first page shows the harbour.", "The second page shows the tower.", "The third, the quay."]),
    "broken.pdf": b"%PDF-1.7 nothing else",
    "empty.txt": b" \n",
}
TIME = 1_700_000_000


def write_files(folder):
    """The documents, with the times that the index remembers."""
    for name, content in FILES.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (TIME, TIME))


def write_index(index, folder):
    """The index of these documents in this folder: a catalog, and the names of derived files with nothing good in them."""
    index.mkdir()
    dump = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("FOLDER", str(folder))
    with closing(sqlite3.connect(index / "catalog.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(dump)
        connection.execute("PRAGMA user_version = 1")
    (index / "vectors.faiss").write_bytes(b'{"generation": 7, "bytes": 3, "crc32": 1}\nold')
    (index / "keywords").mkdir()
    (index / "keywords" / "meta.json").write_text("{}", encoding="utf-8")
    (index / "keywords.stamp").write_bytes(b"old")
