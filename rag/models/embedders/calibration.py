"""What the cosines of an embedder mean: constants that hold for that embedder only.

Packaged ones are in `calibrations/NAME.json`. Another embedder's are made on an index by `rag eval calibrate`, which writes FILE into
its folder. Where an embedder has no calibration, code goes by words alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import UsageError
from rag.system.fitted import Fitted

if TYPE_CHECKING:
    from rag.types import EmbedderIdentity

FOLDER = Path(__file__).parent / "calibrations"
NAME = re.compile(r"[\w-]+")
FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of one embedder. Each part has its own origin, since its own script fits it."""

    embedder: str
    """The name in `EmbedderIdentity`."""

    evidence: Fitted
    """`weights` (six numbers, in the order of `rag.answers.evidence.measured`) and `bias`; `far`: the cosine to assume for other
    passages where there are none; `tokens_of_a_letter` of texts whose words the embedder knows; `own` and `unrelated`: the
    mean cosine of a sentence to the rest of its passage, and to passages of other documents."""

    support: Fitted
    """A weight for each of `rag.grounding.likeness.FEATURES`, which add up to 1, and the weighted means `full` and `partial` from
    which a sentence has that support."""


def calibration_of(identity: EmbedderIdentity | None) -> Calibration | None:
    """The packaged calibration of an embedder, or None where it has none."""
    return _calibration(identity.name) if identity is not None else None


def evidence_calibration(identity: EmbedderIdentity | None, folder: Path) -> Fitted | None:
    """The constants of evidence in an index folder, if they were made with that embedder; else the packaged ones, or None.

    Raises UsageError for a file that is damaged.
    """
    if identity is None:
        return None
    path = folder / FILE
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0
    own = _in_folder(path, changed) if changed else None
    if own is not None and own[0] == _key(identity):
        return own[1]
    packaged = calibration_of(identity)
    return packaged.evidence if packaged else None


def write_evidence_calibration(identity: EmbedderIdentity, evidence: Fitted, folder: Path) -> Path:
    """Write FILE into an index folder. Raises UsageError where that cannot be done."""
    path = folder / FILE
    record = {"embedder": _key(identity), "evidence": asdict(evidence)}
    try:
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The calibration cannot be written to {path}: {error.strerror or error}.") from error
    return path


def _key(identity: EmbedderIdentity) -> str:
    return f"{identity.name} {identity.revision}"


@lru_cache(maxsize=64)
def _in_folder(path: Path, changed: int) -> tuple[str, Fitted]:
    """Of a file as it was at a time of change."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return str(record["embedder"]), Fitted.of(record["evidence"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is damaged. Make it again: rag eval calibrate --index {path.parent}") from error


@cache
def _calibration(name: str) -> Calibration | None:
    path = FOLDER / f"{name}.json"
    if not NAME.fullmatch(name) or not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return Calibration(record["embedder"], Fitted.of(record["evidence"]), Fitted.of(record["support"]))
