"""The packaged example: documents about one place, and three questions. The documents do not answer the last one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import IndexFormatError
from rag.index.stamped import take_away
from rag.specs import open_index
from rag.system.files import cache_folder

if TYPE_CHECKING:
    from rag.index.index import Index

FOLDER = Path(__file__).parent
DOCUMENTS = FOLDER / "documents"


def demo_questions() -> list[str]:
    """The questions, in order."""
    return [str(entry["question"]) for entry in json.loads((FOLDER / "questions.json").read_text(encoding="utf-8"))]


def open_demo_index() -> Index:
    """Open the demo's index in the user's cache folder, where it is kept for further questions.

    An index of another version that cannot be read is replaced.
    """
    path = cache_folder() / "demo-index"
    try:
        return open_index(path, create=True)
    except IndexFormatError:
        take_away(path)
        return open_index(path, create=True)
