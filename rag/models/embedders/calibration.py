"""The meaning of an embedder's cosines: constants for that embedder only, from `calibrations/NAME.json`.

Other embedders have other ranges of cosines. For an embedder without a calibration, only words count.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.system.fitted import Fitted

if TYPE_CHECKING:
    from rag.types import EmbedderIdentity

FOLDER = Path(__file__).parent / "calibrations"
NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of one embedder. Each part has its own origin, since its own script fits it."""

    embedder: str
    """The name in `EmbedderIdentity`."""

    evidence: Fitted
    """`weights` (five numbers, in the order of `rag.answers.evidence.measured`), `bias`, and `far`: the cosine assumed for
    other passages if there are none."""

    support: Fitted
    """A weight for each of `rag.grounding.likeness.FEATURES`, which add up to 1, and the weighted means `full` and `partial` from
    which a sentence has that support."""


def calibration_of(identity: EmbedderIdentity | None) -> Calibration | None:
    """The calibration of an embedder, or None if it has none."""
    return _calibration(identity.name) if identity is not None else None


@cache
def _calibration(name: str) -> Calibration | None:
    path = FOLDER / f"{name}.json"
    if not NAME.fullmatch(name) or not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return Calibration(record["embedder"], Fitted.of(record["evidence"]), Fitted.of(record["support"]))
