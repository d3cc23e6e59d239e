"""An index mirrors its folder: what is new, changed, renamed or deleted is taken over, and the rest is not read again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import rag


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "notes")
        folder.mkdir()
        (folder / "pond.txt").write_text("Seven carp live in the pond.", encoding="utf-8")
        (folder / "soup.txt").write_text("Soup is served at noon.", encoding="utf-8")
        (folder / "tower.txt").write_text("The tower is 34 metres tall.", encoding="utf-8")

        with rag.open_index(Path(place, "index"), create=True) as index:
            show("first run", rag.sync([folder], index=index))
            show("nothing happened", rag.sync([folder], index=index))

            (folder / "pond.txt").write_text("Eight carp live in the pond now.", encoding="utf-8")
            (folder / "soup.txt").rename(folder / "kitchen.txt")
            (folder / "tower.txt").unlink()
            show("some changes", rag.sync([folder], index=index))


def show(what: str, report: rag.SyncReport) -> None:
    print(
        f"{what}: {report.added} added, {report.changed} changed, {report.renamed} renamed, "
        f"{report.removed} removed, {report.unchanged} unchanged"
    )


if __name__ == "__main__":
    main()
