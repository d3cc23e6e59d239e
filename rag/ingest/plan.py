"""Compare files with an index, and plan the steps that make the index mirror them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from rag.documents.common.sidecar import NOTATIONS
from rag.documents.loading.find import hash_file, is_under
from rag.errors import UsageError
from rag.reading import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rag.documents.loading.find import Found
    from rag.documents.loading.stamps import FileStamp
    from rag.index.catalog.catalog import Catalog
    from rag.types import Failure


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one run. Every list holds sources in order.

    `former` maps files to load to the vanished name under which the index has their content. `bad_sidecars` maps present
    files to their unusable side-cars.
    """

    load: list[str] = field(default_factory=list)
    former: dict[str, str] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    still_failing: list[str] = field(default_factory=list)
    no_longer_failing: list[str] = field(default_factory=list)
    known: frozenset[str] = frozenset()
    bad_sidecars: dict[str, list[str]] = field(default_factory=dict)

    @property
    def added(self) -> list[str]:
        """Sources to load whose content is new to the index."""
        return [source for source in self.load if source not in self.known and source not in self.former]

    @property
    def changed(self) -> list[str]:
        """Sources to load that the index has with other content or another side-car."""
        return [source for source in self.load if source in self.known]

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON-ready values."""
        steps = {"added": self.added, "changed": self.changed, "renamed": self.renamed, "removed": self.removed}
        return {**steps, "unchanged": len(self.unchanged) + len(self.touched)}

    @property
    def renamed(self) -> list[str]:
        """Sources to load that the index has under a vanished name."""
        return [source for source in self.load if source in self.former and source not in self.known]


def plan_sync(
    found: Found,
    indexed: Mapping[str, FileStamp],
    failed: Mapping[str, FileStamp],
    *,
    retry_failed: bool = False,
) -> Plan:
    """Compare the files on disk with the index. Files of equal size and time are not read; others compare by content.

    Documents in a folder that cannot be listed stay as they are.
    """
    gone = {source: stamp for source, stamp in sorted(indexed.items()) if _is_gone(source, found)}
    names = _FormerNames(gone)
    plan = Plan(known=frozenset(indexed), bad_sidecars=_bad_sidecars(failed, found))
    for source, stamp in sorted(found.files.items()):
        before = indexed.get(source)
        again = retry_failed and (source in failed or source in plan.bad_sidecars)
        if before is None and not again and _same(failed.get(source), stamp):
            plan.still_failing.append(source)
        elif not again and _same(before, stamp):
            plan.unchanged.append(source)
        elif not again and _is_touched(source, before, stamp):
            plan.touched.append(source)
        else:
            plan.load.append(source)
            if former := names.take(source, stamp.size):
                plan.former[source] = former
            continue
        plan.still_failing.extend(plan.bad_sidecars.get(source, []))
    renamed = {plan.former[source] for source in plan.renamed}
    plan.removed.extend(source for source in gone if source not in renamed)
    plan.no_longer_failing.extend(_no_longer_failing(failed, found, gone))
    return plan


class _FormerNames:
    """The names of vanished documents by their content. A file is hashed only if one of them had its size."""

    def __init__(self, gone: Mapping[str, FileStamp]) -> None:
        self._sizes = {stamp.size for stamp in gone.values()}
        self._names: dict[str, list[str]] = {}
        for source, stamp in gone.items():
            self._names.setdefault(stamp.content_hash, []).append(source)

    def take(self, source: str, size: int) -> str | None:
        """A vanished name under which the file's content was indexed, or None. Each name is returned once."""
        names = self._names.get(hash_file(source)) if size in self._sizes else None
        return names.pop(0) if names else None


def _bad_sidecars(failed: Iterable[str], found: Found) -> dict[str, list[str]]:
    """The failed side-cars of each present file."""
    bad: dict[str, list[str]] = {}
    for source in failed:
        if (described := _described_by(source)) in found.files and source not in found.files:
            bad.setdefault(described, []).append(source)
    return bad


def _no_longer_failing(failed: Iterable[str], found: Found, gone: Mapping[str, FileStamp]) -> list[str]:
    """Failed files that vanished, and failed side-cars of files that did."""
    return sorted(
        source
        for source in failed
        if (_is_gone(source, found) and _described_by(source) not in found.files) or _described_by(source) in gone
    )


def _described_by(source: str) -> str:
    """The file that a side-car describes; empty for any other file."""
    return next((source.removesuffix(ending) for ending in NOTATIONS if source.endswith(ending)), "")


def _is_gone(source: str, found: Found) -> bool:
    return source not in found.files and is_under(source, found.roots) and not is_under(source, found.unlisted)


def _is_touched(source: str, before: FileStamp | None, now: FileStamp) -> bool:
    """Whether an indexed file changed only its time."""
    return (
        before is not None
        and (before.size, before.sidecar) == (now.size, now.sidecar)
        and hash_file(source) == before.content_hash
    )


def _same(before: FileStamp | None, now: FileStamp) -> bool:
    return before is not None and (before.size, before.modified_ns, before.sidecar) == (now.size, now.modified_ns, now.sidecar)


_LIMITED = {"timeout": ("seconds",), "too-large": ("memory", "characters")}
"""The limits that a file exceeded, by its status."""

_NAMES = {field.name for field in fields(Limits)}


def is_worth_a_retry(failure: Failure, *, had: Limits, limits: Limits, with_passwords: bool) -> bool:
    """Whether a file that failed within the limits it `had` may succeed within `limits`, or with passwords."""
    if failure.status == "encrypted":
        return with_passwords
    return any(getattr(limits, name) > getattr(had, name) for name in _LIMITED.get(failure.status, ()))


def limits_had(catalog: Catalog) -> dict[str, Limits]:
    """The limits within which files failed, by source. A failed file that is missing here had the default limits."""
    read = {source: _limits(record) for source, record in catalog.setting("limits_had").items()}
    return {source: limits for source, limits in read.items() if limits}


def remember_limits(catalog: Catalog, failure: Failure, limits: Limits) -> None:
    """Keep the limits that a file exceeded, and forget those of files that no longer fail."""
    before = limits_had(catalog)
    exceeded = limits if failure.status in _LIMITED and limits != DEFAULT_LIMITS else None
    if before.get(failure.source) == exceeded:
        return
    failing = catalog.failures()
    records = {source: asdict(had) for source, had in before.items() if source in failing and source != failure.source}
    if exceeded:
        records[failure.source] = asdict(exceeded)
    catalog.set_setting("limits_had", records)


def _limits(record: object) -> Limits | None:
    """The limits in a record of the index; None for an invalid record."""
    if not isinstance(record, dict) or set(record) != _NAMES:
        return None
    try:
        return Limits(**record)
    except UsageError:
        return None
