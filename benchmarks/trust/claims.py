"""Claims against their evidence: who tells the supported ones from the rest, on sets that the constants were not fitted on.

    python -m benchmarks.trust.claims ../shared/data                # the page, from features kept in .bench/claims.sqlite
    python -m benchmarks.trust.claims ../shared/data --fit          # fit the score on all sets, and write the constants

Each row is a set: AUROC of supported against the rest, for the cosine of the claim and the nearest sentence, for the share of
words that the evidence has, for the check by words alone, for the check with constants that were fitted on all other sets, and
for the check as it ships, whose constants have seen every set. "at 836ced7" is what that commit's check with the packaged
embedder reached on the same items. Claims of several sentences score their mean.

Fitted are the weights of four features (`rag.grounding.likeness`): logistic regression with weights of 0 or more, on features
less their mean in each set, every set and both labels weighing the same. So only what tells claims of one set apart counts. The
two thresholds are places in true sentences (ClapNQ's answers and XQuAD's sentences): beside their own sources, `TRUE_KEPT` of
them are to be full, and beside those of something else, `FALSE_DROPPED` are to have no support.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from benchmarks.grounding.planted import planted
from benchmarks.grounding.verifier import clapnq_answers, xquad_sentences
from benchmarks.harness.figures import Figure
from benchmarks.harness.measure import note
from benchmarks.harness.pages import Table, page, publish, table
from benchmarks.trust.baselines import best_cosine, shared_words
from benchmarks.trust.scores import auroc_figure, leave_one_out
from benchmarks.trust.sets import Claim, claim_sets, drawn
from benchmarks.trust.vectors import Vectors
from rag import specs
from rag.grounding.lexical import LexicalVerifier, Trace, support_of
from rag.grounding.likeness import FEATURES
from rag.models.embedders import calibration
from rag.text.sentences import sentence_spans
from rag.types import Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.grounding.verifier import Gold
    from benchmarks.harness.pages import Cell
    from rag.models.embedders.calibration import Calibration

    Matrix = NDArray[np.float64]

SHRINK = 0.05
"""Strength of the L2 penalty on the weights of standardised features."""

TRUE_KEPT = 0.95
FALSE_DROPPED = 0.95
LEAST_DISTANCE = 0.05
"""Between the two thresholds."""

HOW = (
    "Logistic regression with weights of 0 or more, within each set; the thresholds keep 95 of 100 true sentences, and drop 95 of 100 "
    "beside sources of something else."
)
LIST = re.compile(r"\[\s+([^\[\]]*?)\s+\]")
CONSTANTS = calibration.FOLDER / "minilm.json"
BEFORE = Path(__file__).with_name("claims_836ced7.json")


@dataclass(frozen=True, slots=True)
class Measured:
    """A claim's baselines, and what the check is made of for each of its sentences."""

    is_supported: bool
    origin: str
    cosine: float
    words: float
    traces: tuple[Trace, ...]

    def score(self, calibration: Calibration | None) -> float:
        """The mean of the sentences."""
        return fmean(trace.score(calibration) for trace in self.traces)

    @property
    def by_words(self) -> float:
        """The score without an embedder."""
        return self.score(None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--most", type=int, default=300, help="items of a set")
    parser.add_argument("--kept", type=Path, default=Path(".bench"), help="folder of vectors and features")
    parser.add_argument("--fit", action="store_true", help="write the constants of the packaged embedder")
    parser.add_argument("--output", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    measuring = Measuring(arguments.kept)
    sets = {name: measuring.claims(claims, name) for name, claims in claim_sets(arguments.data, arguments.most).items()}
    golds = dict(
        zip(
            ("ClapNQ answers", "XQuAD sentences"),
            (clapnq_answers(arguments.data), xquad_sentences(arguments.data)),
            strict=True,
        )
    )
    placed = {name: drawn(found, arguments.most) for name, found in golds.items()}
    true, false = measuring.true_and_false(placed)
    planted_sets = {f"planted in {name}": measuring.claims(planted_claims(found), name) for name, found in placed.items()}
    if arguments.fit:
        write_constants(fitted_on(sets, true, false), list(sets))
    looked_up = [one for one in sets.get("tatqa", ()) if "looked-up" in one.origin]
    groups = {"numbers of tables, looked up": looked_up, **planted_sets}
    publish(page(comparison(sets, planted_sets, true, false), supports(groups)), arguments.output)


class Measuring:
    """Measures claims, and keeps what it measured in a folder: delete `claims.sqlite` where the check has changed."""

    def __init__(self, folder: Path) -> None:
        self._embedder = specs.open_embedder()
        self._vectors = Vectors(self._embedder, folder / "vectors.sqlite")
        self._verifier = LexicalVerifier(self._embedder)
        self._kept = sqlite3.connect(folder / "claims.sqlite", timeout=600)
        self._kept.execute("CREATE TABLE IF NOT EXISTS measured (key TEXT PRIMARY KEY, record TEXT)")

    def claims(self, claims: Iterable[Claim], name: str) -> list[Measured]:
        """Every claim that has evidence."""
        found = [self._claim(claim) for claim in claims if any(text.strip() for text in claim.evidence)]
        note(f"{name}: {len(found)}")
        return found

    def true_and_false(self, golds: Mapping[str, Sequence[Gold]]) -> tuple[list[Trace], list[Trace]]:
        """True sentences beside their passages, and the same beside the passages of the sentence that follows by half."""
        true, false = [], []
        for found in golds.values():
            others = [*found[len(found) // 2 :], *found[: len(found) // 2]]
            for gold, other in zip(found, others, strict=True):
                true += self._traces(gold.sentence, gold.passages)
                false += self._traces(gold.sentence, other.passages)
        return true, false

    def _claim(self, claim: Claim) -> Measured:
        passages = [Passage(number, text, f"source {number}") for number, text in enumerate(claim.evidence, 1)]
        cosine = best_cosine(claim.text, claim.evidence, self._vectors)
        words = shared_words(claim.text, claim.evidence)
        return Measured(claim.is_supported, claim.origin, cosine, words, tuple(self._traces(claim.text, passages)))

    def _traces(self, text: str, passages: Sequence[Passage]) -> list[Trace]:
        key = hashlib.sha256("\0".join([text, *(passage.text for passage in passages)]).encode()).hexdigest()
        row = self._kept.execute("SELECT record FROM measured WHERE key = ?", (key,)).fetchone()
        if row is None:
            spans = sentence_spans(text) or [(0, len(text))]
            traces = [self._verifier.traced(text[start:end], passages) for start, end in spans]
            record = [(trace.by_words, trace.features, trace.is_refuted) for trace in traces]
            with self._kept:
                self._kept.execute("INSERT OR REPLACE INTO measured VALUES (?, ?)", (key, json.dumps(record)))
        else:
            record = json.loads(row[0])
        return [
            Trace(by_words, (), tuple(features) if features else None, is_refuted) for by_words, features, is_refuted in record
        ]


def planted_claims(golds: Iterable[Gold]) -> Iterator[Claim]:
    """Each sentence as it is, and one of the errors that can be planted in it."""
    for gold in golds:
        evidence = tuple(passage.text for passage in gold.passages)
        yield Claim(gold.sentence, evidence, "supported")
        false = planted(gold.sentence, evidence[0])
        for kind in sorted(false)[:1]:
            yield Claim(false[kind], evidence, "contradicted", kind)


def fitted_on(sets: Mapping[str, Sequence[Measured]], true: Sequence[Trace], false: Sequence[Trace]) -> Calibration:
    """The constants that tell the claims of these sets apart best."""
    weights = fitted_weights([matrix for found in sets.values() if len((matrix := _matrix(found))[0])])
    values = dict(zip(FEATURES, (float(weight) for weight in weights / weights.sum()), strict=True))
    full = np.quantile([_mean_of(trace, values) for trace in true if trace.features and not trace.is_refuted], 1 - TRUE_KEPT)
    partial = np.quantile([_mean_of(trace, values) for trace in false if trace.features], FALSE_DROPPED)
    values |= {"partial": float(partial), "full": max(float(full), float(partial) + LEAST_DISTANCE)}
    kept = calibration.calibration_of(specs.open_embedder().identity)
    assert kept
    return replace(kept, support=replace(kept.support, values={name: round(value, 4) for name, value in values.items()}))


def _mean_of(trace: Trace, values: Mapping[str, float]) -> float:
    return sum(values[name] * value for name, value in zip(FEATURES, trace.features or (), strict=True))


def _matrix(found: Sequence[Measured]) -> tuple[Matrix, Matrix]:
    """Features of each claim whose sentences all have some, shape (n, 4), and 1 or -1 for its label."""
    usable = [one for one in found if all(trace.features for trace in one.traces)]
    features = np.array([np.mean([trace.features for trace in one.traces], axis=0) for one in usable])
    return features, np.array([1.0 if one.is_supported else -1.0 for one in usable])


def fitted_weights(matrices: Sequence[tuple[Matrix, Matrix]]) -> Matrix:
    """Weights of 0 or more, shape (4,), by logistic regression within each set."""
    spread = np.sqrt(np.mean([features.var(axis=0) for features, _ in matrices], axis=0)) + 1e-6
    rows = np.vstack([(features - features.mean(axis=0)) / spread for features, _ in matrices])
    labels = np.concatenate([labels for _, labels in matrices])
    shares = np.concatenate([0.5 / np.where(own > 0, (own > 0).sum(), (own < 0).sum()) for _, own in matrices])

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        margins = labels * (rows @ weights)
        slopes = -shares * labels / (1 + np.exp(margins))
        value = (shares * np.logaddexp(0, -margins)).sum() + SHRINK * (weights @ weights) / 2
        return float(value), rows.T @ slopes + SHRINK * weights

    found = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", bounds=[(0, None)] * rows.shape[1])
    return np.asarray(found.x / spread)


def comparison(
    sets: Mapping[str, Sequence[Measured]],
    planted_sets: Mapping[str, Sequence[Measured]],
    true: Sequence[Trace],
    false: Sequence[Trace],
) -> Table:
    """AUROC of each set."""
    shipped = calibration.calibration_of(specs.open_embedder().identity)
    of_all = fitted_on(sets, true, false)
    left_out = {name: fitted_on(others, true, false) for name, others in leave_one_out(sets)}
    before = json.loads(BEFORE.read_text(encoding="utf-8")) if BEFORE.is_file() else {}
    rows = []
    for name, found in {**sets, **planted_sets}.items():
        labels = [one.is_supported for one in found]
        columns = [
            [one.cosine for one in found],
            [one.words for one in found],
            [one.by_words for one in found],
            [one.score(left_out.get(name, of_all)) for one in found],
            [one.score(shipped) for one in found],
        ]
        cosine, words, by_words, others, own = (auroc_figure(labels, values) for values in columns)
        known = Figure(before[name], before[name], before[name], ".3f") if name in before else "–"
        rows.append((name, len(found), cosine, words, known, by_words, others, own))
    rows.insert(len(sets), _mean(rows[: len(sets)]))
    return table(HEADER, rows)


HEADER = (
    "claims",
    "items",
    "cosine",
    "shared words",
    "at 836ced7",
    "check by words",
    "check, set left out",
    "check as shipped, seen",
)


def _mean(rows: Sequence[Sequence[Cell]]) -> Sequence[Cell]:
    columns = [[cell.value for cell in column if isinstance(cell, Figure)] for column in zip(*rows, strict=True)]
    means = [fmean(column) if column else 0.0 for column in columns[2:]]
    items = sum(row[1] for row in rows if isinstance(row[1], int))
    return ("**mean of the sets**", items, *(Figure(mean, mean, mean, ".3f") for mean in means))


def supports(groups: Mapping[str, Sequence[Measured]]) -> Table:
    """What the check, as it ships, calls the claims of each group."""
    shipped = calibration.calibration_of(specs.open_embedder().identity)
    rows = []
    for name, found in groups.items():
        for is_supported in (True, False):
            called = Counter(support_of(one.score(shipped)) for one in found if one.is_supported == is_supported)
            shares = [100 * called[word] / max(1, called.total()) for word in ("full", "partial", "none")]
            label = f"{name}, {'true' if is_supported else 'false'}"
            rows.append((label, called.total(), *(Figure(share, share, share, ".1f", " %") for share in shares)))
    return table(("as it ships", "claims", "full", "partial", "none"), rows)


def write_constants(fitted: Calibration, names: Sequence[str]) -> None:
    """The constants, with where they are from, to the packaged embedder's file."""
    record = json.loads(CONSTANTS.read_text(encoding="utf-8"))
    record["support"] = {
        "fitted_on": [*names, "clapnq_dev", "xquad/en"],
        "script": "benchmarks/trust/claims.py",
        "date": date.today().isoformat(),
        "how": HOW,
        "values": dict(fitted.support.values),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    CONSTANTS.write_text(LIST.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
