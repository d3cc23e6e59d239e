"""The packaged example: documents about one place, and three questions, the last of which they do not answer."""

from __future__ import annotations

import json
from pathlib import Path

import rag
from rag.pretrained import cache_folder

FOLDER = Path(rag.__file__).parent / "demo"
DOCUMENTS = FOLDER / "documents"


def demo_questions() -> list[str]:
    """The questions in the order in which the demo asks them."""
    return [str(entry["question"]) for entry in json.loads((FOLDER / "questions.json").read_text(encoding="utf-8"))]


def demo_index_path() -> Path:
    """Where the demo's index is kept, so that it can be asked afterwards: in the user's cache folder."""
    return cache_folder() / "demo-index"
