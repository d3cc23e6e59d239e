"""Which failed files are tried again although they have not changed: those that fared badly for want of what is there now."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from rag.documents.loading.workers import DEFAULT_LIMITS, Limits
from rag.errors import UsageError

if TYPE_CHECKING:
    from rag.index.catalog.catalog import Catalog
    from rag.ingest.reports import Failure

_LIMITED = {"timeout": ("seconds",), "too-large": ("memory", "characters")}
"""The limits that a file goes over, by its status."""

_NAMES = {field.name for field in fields(Limits)}


def is_worth_a_retry(failure: Failure, *, had: Limits, limits: Limits, with_passwords: bool) -> bool:
    """Whether a file that failed within the limits that it `had` may fare better now."""
    if failure.status == "encrypted":
        return with_passwords
    return any(getattr(limits, name) > getattr(had, name) for name in _LIMITED.get(failure.status, ()))


def limits_had(catalog: Catalog) -> dict[str, Limits]:
    """What failed files were allowed to take, by source; those that are not there had what is allowed by default."""
    told = {source: _limits(had) for source, had in catalog.setting("limits_had").items()}
    return {source: had for source, had in told.items() if had}


def remember_limits(catalog: Catalog, failure: Failure, limits: Limits) -> None:
    """Keep what a file was allowed to take that took more, and forget that of files that fail no more."""
    before = limits_had(catalog)
    had = limits if failure.status in _LIMITED and limits != DEFAULT_LIMITS else None
    if before.get(failure.source) == had:
        return
    failing = catalog.failures()
    told = {source: asdict(one) for source, one in before.items() if source in failing and source != failure.source}
    catalog.set_setting("limits_had", {**told, **({failure.source: asdict(had)} if had else {})})


def _limits(had: object) -> Limits | None:
    """The limits that an index tells of; None for what makes no sense."""
    if not isinstance(had, dict) or set(had) != _NAMES:
        return None
    try:
        return Limits(**had)
    except UsageError:
        return None
