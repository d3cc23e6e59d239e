"""Fitted constants: every data file names the sets and the script of its fit."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

import rag
from rag.models.embedders.calibration import FOLDER, calibration_of
from rag.system.fitted import Fitted, read_fitted
from rag.types import EmbedderIdentity

ROOT = Path(rag.__file__).parent
FILES = ["answers/evidence.json", "retrieval/fusion.json", "grounding/lexical.json", "documents/common/encodings_latin.json"]


def assert_has_an_origin(fitted: Fitted) -> None:
    assert fitted.fitted_on
    assert fitted.how.endswith(".")
    assert (ROOT.parent / fitted.script).is_file()
    assert date.fromisoformat(fitted.date) >= date(2026, 11, 1)
    assert fitted.values


@pytest.mark.parametrize("name", FILES)
def test_each_file_names_its_sets_its_script_and_its_day(name):
    assert_has_an_origin(read_fitted(ROOT / name))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_each_calibration_is_of_the_embedder_of_its_name(path):
    calibration = calibration_of(EmbedderIdentity(path.stem, "1", 384, 256))
    assert calibration
    assert calibration.embedder == path.stem
    assert_has_an_origin(calibration.evidence)
    assert_has_an_origin(calibration.support)


@pytest.mark.parametrize("name", ["bge-small", "../minilm", "", "sentence-transformers/all-MiniLM-L6-v2"])
def test_an_embedder_without_a_file_has_no_calibration(name):
    assert calibration_of(EmbedderIdentity(name, "1", 384, 256)) is None


def test_constants_without_an_origin_are_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"values": {"weight": 1}}), encoding="utf-8")
    with pytest.raises(KeyError):
        read_fitted(tmp_path / "a.json")
