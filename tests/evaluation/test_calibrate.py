"""Evidence fitted to another embedder, on the user's own index."""

from __future__ import annotations

import json

import pytest

import rag
from rag.answers.evidence import evidence_of
from rag.answers.options import AskOptions
from rag.answers.question import retrieve_distinct
from rag.errors import UsageError
from rag.evaluation.calibrate import REFERENCE, Sample, calibrate, fitted_to
from rag.ingest.sync import add_documents
from rag.models.embedders.calibration import FILE, calibration_of, evidence_calibration
from rag.testing.fakes import HashEmbedder
from rag.types import Document

KEEPERS = (
    "Ada",
    "Bo",
    "Cy",
    "Di",
    "Ed",
    "Flo",
    "Gus",
    "Hal",
    "Ida",
    "Jo",
    "Kim",
    "Lou",
    "Max",
    "Nat",
    "Oz",
    "Pam",
    "Quin",
    "Rae",
    "Sue",
    "Tom",
)


def document(number, keeper):
    """Two sentences that share words which no other document has."""
    things = " ".join(f"{keeper.lower()}{thing}" for thing in ("lamp", "rope", "bell", "door"))
    text = f"{keeper} counted every step with {things} in {1800 + number}. Sailors brought {keeper} new {things} on holidays."
    return Document(text, f"{keeper}.txt", "")


@pytest.fixture
def keepers(tmp_path):
    with rag.open_index(tmp_path / "keepers", create=True, embedder=HashEmbedder()) as index:
        add_documents([document(number, keeper) for number, keeper in enumerate(KEEPERS)], index=index)
        yield index


def judged(question, index):
    return evidence_of(question, retrieve_distinct(question, index, AskOptions(k=3)), index)


def test_the_packaged_embedder_keeps_its_constants():
    packaged = calibration_of(REFERENCE).evidence.values
    same = fitted_to(Sample(packaged["own"], packaged["unrelated"], packaged["tokens_of_a_letter"], 200)).values
    assert same["weights"] == pytest.approx(packaged["weights"])
    assert same["bias"] == pytest.approx(packaged["bias"])
    assert same["far"] == pytest.approx(packaged["far"])


def test_moved_and_stretched_cosines_give_the_same_evidence():
    packaged = calibration_of(REFERENCE).evidence.values
    other = fitted_to(Sample(0.7 + 0.3 * packaged["own"], 0.7 + 0.3 * packaged["unrelated"], 0.25, 200)).values
    values = (0.6, 0.2, 0.7, 0.5, 0.4, 0.8)
    moved = (0.7 + 0.3 * 0.6, 0.3 * 0.2, 0.7 + 0.3 * 0.7, 0.5, 0.4, 0.8)
    odds = [
        sum(map(float.__mul__, one["weights"], measured)) + one["bias"]
        for one, measured in ((packaged, values), (other, moved))
    ]
    assert odds[0] == pytest.approx(odds[1])


def test_meaning_counts_once_the_index_is_calibrated(keepers):
    before = judged("Who counted steps with the adalamp?", keepers)
    assert evidence_calibration(keepers.catalog.embedder_identity, keepers.path) is None
    made = calibrate(index=keepers, count=60)
    assert made.path == keepers.path / FILE
    assert made.sample.own > made.sample.unrelated
    fitted = evidence_calibration(keepers.catalog.embedder_identity, keepers.path)
    assert fitted is not None
    assert fitted.fitted_on == ("this index",)
    assert judged("Who counted steps with the adalamp?", keepers) != before
    assert json.loads(json.dumps(made.to_dict()))["sentences"] == made.sample.sentences == len(KEEPERS)


def test_the_constants_of_another_embedder_do_not_count(keepers):
    calibrate(index=keepers, count=60)
    assert evidence_calibration(HashEmbedder(name="other").identity, keepers.path) is None


def test_too_few_sentences_are_refused_with_what_to_do(tmp_path):
    with rag.open_index(tmp_path / "few", create=True, embedder=HashEmbedder()) as index:
        add_documents([document(0, "Ada")], index=index)
        with pytest.raises(UsageError, match=r"has 1 sentences to calibrate with, and 20 are needed\. Index more"):
            calibrate(index=index)
        assert not (index.path / FILE).exists()


def test_a_damaged_file_says_how_to_make_it_again(keepers):
    (keepers.path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"is damaged\. Make it again: rag eval calibrate --index"):
        judged("Who counted the steps?", keepers)
