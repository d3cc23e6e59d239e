"""Fitted constants: a data file names the sets they were fitted on, the script that fits them, and their values.

Code has no fitted number of its own. A new fit writes the data file again and changes no code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fitted:
    """One set of constants and its origin.

    Example:
        >>> from rag.retrieval import fusion
        >>> fusion.FITTED.fitted_on[0]
        'scifact'
    """

    fitted_on: tuple[str, ...]
    """Data sets that were fitted on, or looked at when a value was chosen by hand."""

    script: str
    """Path of the script that fits or measures the values, from the root of the repository."""

    date: str
    """Day of the fit, YYYY-MM-DD."""

    how: str
    """The method, and which values were moved or chosen by hand."""

    values: Mapping[str, Any]
    """The constants by name."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Fitted:
        """From a record of a data file. KeyError where it lacks its origin."""
        return cls(
            tuple(record["fitted_on"]), str(record["script"]), str(record["date"]), str(record["how"]), dict(record["values"])
        )


def read_fitted(path: Path) -> Fitted:
    """The constants of a JSON file."""
    return Fitted.of(json.loads(path.read_text(encoding="utf-8")))
