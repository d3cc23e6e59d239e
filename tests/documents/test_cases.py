"""Every folder of tests/documents/cases: an input, and the text, headings and places that a person expects of it.

`UPDATE_CASES=1 pytest tests/documents/test_cases.py` writes what is read now, and git shows what has changed.
cases/README.md says how to add a case.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import io
import json
import os
import re
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rag.documents import load
from rag.documents.chunking import split_text
from rag.documents.common.sidecar import is_sidecar
from rag.errors import DocumentError
from rag.types import Document

CASES = Path(__file__).parent / "cases"
UPDATE = bool(os.environ.get("UPDATE_CASES"))
HINT = "If the new reading is right, run the test with UPDATE_CASES=1 and look at the difference in git."

READ_WITH = ("about", "skip_if_missing", "passwords", "has", "has_not")
"""Keys of expected.toml that only a person writes."""

ALWAYS, WHERE_GIVEN = ("title", "headings", "metadata"), ("heading_lines", "page_statuses", "media_type", "pages", "places")
"""Keys that are compared in each case (no headings where the key is absent), and those that are compared where they stand."""


@dataclass(frozen=True)
class Case:
    """A folder with an input, expected.toml, and mostly expected.txt."""

    folder: Path
    expected: dict[str, Any]

    @classmethod
    def of(cls, name: str) -> Case:
        folder = CASES / name
        described = folder / "expected.toml"
        return cls(folder, tomllib.loads(described.read_text("utf-8")) if described.exists() else {})

    @property
    def is_new(self) -> bool:
        return not (self.folder / "expected.toml").exists()

    def input(self, tmp_path: Path) -> Path:
        """The input. An archive that the case lists part by part is made in `tmp_path`."""
        ours = {"expected.toml", "expected.txt"}
        (path,) = (path for path in self.folder.iterdir() if path.name not in ours and not is_sidecar(path))
        if path.suffix != ".parts":
            return path
        made = tmp_path / path.stem
        made.write_bytes(archive_of(path.read_text("utf-8")))
        return made

    def document(self, tmp_path: Path) -> Document:
        """Raises DocumentError."""
        path = self.input(tmp_path)
        return load(path, source=path.name, passwords=self.expected.get("passwords", ()))

    def found(self, tmp_path: Path) -> dict[str, str]:
        """The contents that expected.toml and expected.txt should have."""
        asked = {key: value for key, value in self.expected.items() if key in READ_WITH}
        try:
            document = self.document(tmp_path)
        except DocumentError as error:
            return {"expected.toml": toml({**asked, "status": error.status}), "expected.txt": ""}
        if self.is_new:
            lines = [line for line in document.text.split("\n") if line and document.text.count(line) == 1]
            wanted = {"places": dict.fromkeys(lines[:1] + lines[-1:])} if document.places else {}
            wanted |= {"pages": dict.fromkeys(lines[:1] + lines[-1:])} if document.page_starts else {}
        else:
            wanted = self.expected
        asked |= {
            "has": [text for text in asked.get("has", ()) if text in document.text],
            "has_not": [text for text in asked.get("has_not", ()) if text not in document.text],
        }
        facts = {key: FACTS[key](document, wanted.get(key)) for key in (*ALWAYS, *WHERE_GIVEN) if key in (*ALWAYS, *wanted)}
        text = "" if "has" in self.expected else document.text + "\n"
        return {"expected.toml": toml({**asked, **facts}), "expected.txt": text}

    def kept(self) -> dict[str, str]:
        """The contents that they have."""
        text = self.folder / "expected.txt"
        with_line_feeds = text.read_bytes().decode() if text.exists() else ""
        return {"expected.toml": toml(self.expected), "expected.txt": with_line_feeds}

    def write(self, found: dict[str, str]) -> None:
        lost = {key: self.expected[key] for key in ("has", "has_not") if key in self.expected}
        told = toml({**tomllib.loads(found["expected.toml"]), **lost})
        for name, text in {**found, "expected.toml": told}.items():
            if text:
                (self.folder / name).write_bytes(text.encode())
            else:
                (self.folder / name).unlink(missing_ok=True)


def once(document: Document, quote: str) -> tuple[int, int]:
    """The start and end of a quote. Fails unless the quote occurs exactly once."""
    if document.text.count(quote) != 1:
        pytest.fail(f"{quote!r} occurs {document.text.count(quote)} times in the text, not once", pytrace=False)
    start = document.text.index(quote)
    return start, start + len(quote)


FACTS = {
    "title": lambda document, _: document.title,
    "headings": lambda document, _: [f"{'#' * heading.level} {heading.text}" for heading in document.headings],
    "heading_lines": lambda document, _: [document.text[heading.start :].split("\n")[0] for heading in document.headings],
    "media_type": lambda document, _: document.media_type,
    "page_statuses": lambda document, _: list(document.page_statuses),
    "metadata": lambda document, _: document.metadata,
    "pages": lambda document, quotes: {quote: list(document.pages_of(*once(document, quote)) or ()) for quote in quotes},
    "places": lambda document, quotes: {quote: document.place_of(*once(document, quote)) for quote in quotes},
}


def archive_of(parts: str) -> bytes:
    """The archive of an office file or book, whose parts stand below lines such as `=== word/document.xml`."""
    stream = io.BytesIO()
    _, *named = re.split(r"^=== (.+)\n", parts, flags=re.MULTILINE)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in zip(named[::2], named[1::2], strict=True):
            archive.writestr(name, content.removesuffix("\n"))
    return stream.getvalue()


def toml(values: dict[str, Any]) -> str:
    """The values as TOML in one order, without those that are empty."""
    order = (*READ_WITH, "status", *ALWAYS[:2], *WHERE_GIVEN, ALWAYS[2])
    if unknown := values.keys() - set(order):
        raise ValueError(f"expected.toml has no key {unknown}; there are {', '.join(order)}")
    there = [(key, values[key]) for key in order if values.get(key)]
    plain = [f"{key} = {_value(value)}" for key, value in there if not isinstance(value, dict)]
    tables = [[f"\n[{key}]", *(f"{_text(name)} = {_value(inner)}" for name, inner in value.items())]
              for key, value in there if isinstance(value, dict)]  # fmt: skip
    return "\n".join([*plain, *(line for table in tables for line in table)]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], str):
        return "[\n" + "".join(f"    {_text(item)},\n" for item in value) + "]"
    return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def difference(kept: dict[str, str], found: dict[str, str]) -> str:
    return "".join(
        "".join(difflib.unified_diff(_lines(kept[name]), _lines(found[name]), f"{name} (expected)", f"{name} (read)"))
        for name in kept
    )


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")]


def skip_without(extra: str) -> None:
    """Skips the test where a distribution of this extra of ours is not installed."""
    for requirement in importlib.metadata.requires("groundtext") or ():
        if re.search(rf"extra == ['\"]{extra}['\"]", requirement):
            name = re.match(r"[\w.-]+", requirement)
            try:
                importlib.metadata.version(name[0] if name else requirement)
            except importlib.metadata.PackageNotFoundError:
                pytest.skip(f"the extra `{extra}` is not installed")


@pytest.fixture(params=sorted(path.relative_to(CASES).as_posix() for path in CASES.glob("*/*/")))
def case(request: pytest.FixtureRequest) -> Case:
    case = Case.of(request.param)
    if extra := case.expected.get("skip_if_missing"):
        skip_without(extra)
    return case


def test_it_is_read_as_expected(case: Case, tmp_path: Path) -> None:
    found = case.found(tmp_path)
    if UPDATE:
        case.write(found)
        case = Case.of(case.folder.relative_to(CASES).as_posix())
    if case.is_new:
        pytest.fail(f"{case.folder.name} has no expected.toml yet. UPDATE_CASES=1 writes it.", pytrace=False)
    if different := difference(case.kept(), found):
        pytest.fail(f"{different}\n{HINT}", pytrace=False)


def test_its_offsets_are_exact(case: Case, tmp_path: Path) -> None:
    try:
        document = case.document(tmp_path)
    except DocumentError:
        return  # the status is checked above
    starts = [heading.start for heading in document.headings]
    assert starts == sorted(starts)
    assert not document.headings or starts[-1] < len(document.text)
    assert not document.places or list(document.places.starts) == sorted(document.places.starts)
    chunks = split_text(
        document, count_tokens=lambda texts: [len(text.split()) for text in texts], chunk_tokens=12, overlap_tokens=4
    )
    assert chunks
    for chunk in chunks:
        assert document.text[chunk.start : chunk.end] == chunk.text
        assert chunk.pages == document.pages_of(chunk.start, chunk.end)
        assert chunk.place == document.place_of(chunk.start, chunk.end)


# the runner itself


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    (tmp_path / "letter.txt").write_text("Seven carp\nlive here.\n", encoding="utf-8")
    return tmp_path


def test_a_wrong_text_shows_the_difference(letter: Path) -> None:
    Case.of(str(letter)).write(Case.of(str(letter)).found(letter))
    (letter / "expected.txt").write_text("Six carp\nlive here.\n\n", encoding="utf-8")
    case = Case.of(str(letter))
    different = difference(case.kept(), case.found(letter))
    assert "-Six carp\n" in different
    assert "+Seven carp\n" in different
    assert "expected.toml" not in different


def test_a_new_case_has_places_of_its_lines(letter: Path) -> None:
    found = tomllib.loads(Case.of(str(letter)).found(letter)["expected.toml"])
    assert found["places"] == {"Seven carp": "line 1", "live here.": "line 2"}


def test_words_that_are_missing_fail_and_are_not_updated(letter: Path) -> None:
    (letter / "expected.toml").write_text('title = "letter"\nhas = ["Seven carp", "Six carp"]\nhas_not = ["live"]\n', "utf-8")
    case = Case.of(str(letter))
    case.write(case.found(letter))
    case = Case.of(str(letter))
    different = difference(case.kept(), case.found(letter))
    assert '-    "Six carp",' in different
    assert '-    "live",' in different


def test_a_quote_that_stands_twice_has_no_place(letter: Path) -> None:
    (letter / "expected.toml").write_text('[places]\ne = "line 1"\n', "utf-8")
    with pytest.raises(pytest.fail.Exception):
        Case.of(str(letter)).found(letter)


def test_an_unknown_key_is_refused(letter: Path) -> None:
    (letter / "expected.toml").write_text('titel = "letter"\n', "utf-8")
    with pytest.raises(ValueError, match="titel"):
        Case.of(str(letter)).kept()


def test_a_missing_extra_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(pytest.skip.Exception):
        skip_without("ocr")
