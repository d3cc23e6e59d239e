"""Fitted constants. A data file has their values, the data sets they were fitted on, and the script that fits them.

The code contains no fitted numbers. A new fit rewrites the data file and changes no code.
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
    """A set of constants with its origin.

    Example:
        >>> from rag.retrieval import fusion
        >>> fusion.FITTED.fitted_on[0]
        'scifact'
    """

    fitted_on: tuple[str, ...]
    """Data sets for the fit, or for the choice of a value by hand."""

    script: str
    """Script that fits or measures the values; its path from the root of the repository."""

    date: str
    """Day of the fit, YYYY-MM-DD."""

    how: str
    """Method of the fit, and values that were changed or chosen by hand."""

    values: Mapping[str, Any]
    """The constants by name."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Fitted:
        """Read a record of a data file. Raises KeyError if the origin is missing."""
        return cls(
            tuple(record["fitted_on"]), str(record["script"]), str(record["date"]), str(record["how"]), dict(record["values"])
        )


def read_fitted(path: Path) -> Fitted:
    """Read the constants of a JSON file."""
    return Fitted.of(json.loads(path.read_text(encoding="utf-8")))
