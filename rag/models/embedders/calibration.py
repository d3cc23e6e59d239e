"""What the cosines of an embedder mean: constants that hold for that embedder only, from `calibrations/NAME.json`.

Another embedder's cosines lie elsewhere. Where an embedder has no calibration, code goes by words alone.
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
    """Constants of one embedder. Each part has its own origin, for each is fitted by a script of its own."""

    embedder: str
    """The name in `EmbedderIdentity`."""

    evidence: Fitted
    """`weights` (five numbers, in the order of `rag.answers.evidence.measured`), `bias`, and `far`: the cosine to assume for other
    passages where there are none."""

    support: Fitted
    """`far` and `near`: cosines of unrelated and of equal sentences. `weight`: what nearness counts for beside shared words, 0 to 1."""


def calibration_of(identity: EmbedderIdentity | None) -> Calibration | None:
    """The calibration of an embedder, or None where it has none."""
    return _calibration(identity.name) if identity is not None else None


@cache
def _calibration(name: str) -> Calibration | None:
    path = FOLDER / f"{name}.json"
    if not NAME.fullmatch(name) or not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return Calibration(record["embedder"], Fitted.of(record["evidence"]), Fitted.of(record["support"]))
