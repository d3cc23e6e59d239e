"""Constants of evidence for another embedder, made on the user's own index without a question that a person wrote.

Two marks say how to read an embedder's cosines: how near a sentence is to its own passage, with the sentence taken out of it, and how
near to passages of other documents, drawn by chance. The packaged constants were fitted on real questions with another embedder, whose
marks are known. They are moved and stretched from its marks to these.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, zip_longest
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from rag.errors import UsageError
from rag.evaluation.mirror import Silent
from rag.models.embedders.batches import embedded_questions
from rag.models.embedders.calibration import calibration_of, write_evidence_calibration
from rag.specs import using_index
from rag.system.fitted import Fitted
from rag.text.sentences import sentence_spans
from rag.text.words import content_stems
from rag.types import EmbedderIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.index.index import Index
    from rag.protocols import Progress
    from rag.types import Hit

LEAST_WORDS = 5
"""Content words of a sentence that is like a question in length."""

LEAST_SENTENCES = 20
SCRIPT = "rag/evaluation/calibrate.py"
REFERENCE = EmbedderIdentity("minilm", "", 384, 256)
OTHERS = 20
LEAST_APART = 0.02
"""Between the two marks, as cosines."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The marks of an embedder on an index: mean cosines of sentences to their own passages and to others.

    `tokens_of_a_letter` is the median over the sentences.
    """

    own: float
    unrelated: float
    tokens_of_a_letter: float
    sentences: int


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration came to, and the file that holds it."""

    path: Path
    embedder: str
    sample: Sample

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "path": str(self.path),
            "embedder": self.embedder,
            "sentences": self.sample.sentences,
            "own": round(self.sample.own, 4),
            "unrelated": round(self.sample.unrelated, 4),
        }


def calibrate(*, index: Index | str | Path, count: int = 200, seed: int = 0, progress: Progress | None = None) -> Calibrated:
    """Measure `count` sentences of an index, and write the constants of its embedder into its folder.

    From then on `rag ask` reads this embedder's cosines by them. Takes two embeddings a sentence. Raises UsageError for
    an index with fewer than LEAST_SENTENCES sentences that will do, or without vectors, and for an embedder that cannot tell a
    sentence's own passage from others.

        from rag.evaluation.calibrate import calibrate

        calibrate(index="indexes/handbook").sample.own
    """
    told = progress or Silent()
    with using_index(index) as opened:
        identity = opened.catalog.embedder_identity
        drawn = sentences_of(opened, count, seed)
        if identity is None or len(drawn) < LEAST_SENTENCES:
            raise UsageError(
                f"The index {opened.path} has {len(drawn)} sentences to calibrate with, and {LEAST_SENTENCES} are needed. "
                "Index more documents first."
            )
        told.expect("calibrating", len(drawn))
        sample = sample_of(opened, drawn, seed=seed, progress=told)
        if sample.own - sample.unrelated < LEAST_APART:
            raise UsageError(
                f"The embedder {identity.name} does not tell a sentence's own passage from others, so there is nothing to calibrate. "
                "Choose another embedder: rag index --embedder SPEC"
            )
        path = write_evidence_calibration(identity, fitted_to(sample), opened.path)
    return Calibrated(path, identity.name, sample)


def sample_of(index: Index, drawn: Sequence[tuple[str, Hit]], *, seed: int, progress: Progress) -> Sample:
    """The marks that the sentences of `sentences_of` give; each is compared with the passages of OTHERS other sentences."""
    chance = random.Random(seed)
    own: list[float] = []
    unrelated: list[float] = []
    letters: list[float] = []
    for sentence, hit in drawn:
        others = [other.chunk for _, other in chance.sample(drawn, min(OTHERS, len(drawn))) if other.source != hit.source]
        vector = index.embedder.embed_question(sentence)
        rest = hit.text.replace(sentence, " ")
        own.append(float(embedded_questions(index.embedder, [rest])[0] @ vector))
        unrelated += index.cosines(vector, others).values()
        letters.append(index.embedder.count_tokens([sentence])[0] / sum(map(str.isalnum, sentence)))
        progress.advance("calibrating")
    return Sample(fmean(own), fmean(unrelated or [0.0]), median(letters), len(own))


def fitted_to(sample: Sample) -> Fitted:
    """The packaged constants, for an embedder with other marks."""
    packaged = calibration_of(REFERENCE)
    assert packaged
    values = packaged.evidence.values
    stretch = (values["own"] - values["unrelated"]) / (sample.own - sample.unrelated)
    shift = (
        values["unrelated"] - stretch * sample.unrelated
    )  # shift + stretch × a cosine of this embedder is one of the packaged
    best, lead, sentence, *of_words = values["weights"]
    return Fitted(
        ("this index",),
        SCRIPT,
        datetime.now(UTC).date().isoformat(),
        f"The packaged constants of {REFERENCE.name}, moved and stretched by the marks of {sample.sentences} sentences of this index.",
        {
            "weights": [best * stretch, lead * stretch, sentence * stretch, *of_words],
            "bias": values["bias"] + (best + sentence) * shift,
            "far": (values["far"] - shift) / stretch,
            "tokens_of_a_letter": sample.tokens_of_a_letter,
            "own": sample.own,
            "unrelated": sample.unrelated,
        },
    )


def sentences_of(index: Index, count: int, seed: int) -> list[tuple[str, Hit]]:
    """Sentences and their passages, drawn by `seed`, one of each document after the other."""
    numbers = index.catalog.chunks_added_since(0)
    chance = random.Random(seed)
    by_source: dict[str, list[tuple[str, Hit]]] = {}
    for hit in index.hits([(number, 0.0) for number in chance.sample(numbers, min(4 * count, len(numbers)))]):
        sentences = [hit.text[start:end] for start, end in sentence_spans(hit.text)]
        fitting = [sentence for sentence in sentences if len(content_stems(sentence)) >= LEAST_WORDS]
        if len(sentences) > 1 and fitting:
            by_source.setdefault(hit.source, []).append((chance.choice(fitting), hit))
    return [one for one in chain.from_iterable(zip_longest(*by_source.values())) if one is not None][:count]
