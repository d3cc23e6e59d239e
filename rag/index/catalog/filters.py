"""Filters: the passages that a search may find, chosen by the metadata of their documents and by page."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexFormatError, UsageError, nearest
from rag.index.catalog.database import REMEDY
from rag.index.catalog.patterns import (
    Wanted,
    date_fits,
    folded,
    globs,
    page_range,
    period,
    sources,
    text_of,
    value_fits,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from rag.index.catalog.catalog import Catalog
    from rag.index.catalog.patterns import Period

    Ids = npt.NDArray[np.int64]

Where = Mapping[str, Wanted | Sequence[Wanted]]
"""What to choose by, and the value or values of which one has to fit; every key has to."""

KEYS = ("source", "title", "media_type", "page", "date")
"""What every document can be chosen by, besides the names in its metadata."""

DATES = ("date", "published", "created", "updated")
"""Names under which metadata may hold a document's date. The first that is a date counts, else the time of the file."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NANOSECONDS_A_DAY = 86_400_000_000_000
_FIRST_DAY = date(1970, 1, 1)
_DAYS_TO_REMEMBER = 65_536
_MOST_IN_A_SIEVE = 50
_LONGEST_IN_A_SIEVE = 1000
_SHARE_TO_LOOK_THROUGH_ALL = 0.25
_KEYS_TO_NAME = 20


@dataclass(frozen=True, slots=True)
class _Condition:
    """A test that takes the values of SQL expressions over `documents`, and SQL that holds for all that it fits, if not only."""

    key: str
    columns: tuple[str, ...]
    fits: Callable[..., bool]
    sieve: str = "1"
    sieve_values: tuple[str, ...] = ()


def select_chunks(catalog: Catalog, where: Where) -> Ids | None:
    """The ids of the chunks that fit every key of `where`, ascending; None where it is empty.

    Raises UsageError for a key that is not one of KEYS and that no document's metadata has, and for a bad value.
    """
    if not where:
        return None
    wanted = _wanted(where)
    pages = [page_range(text_of(value)) for value in wanted.pop("page", ())]
    conditions = [_condition(key, values) for key, values in wanted.items()]
    try:
        with catalog.snapshot():
            documents = _documents(catalog, conditions)
            return _chunks_on_pages(catalog, documents, pages) if pages else _ids(documents)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:  # values of kinds that are never written
        raise IndexFormatError(f"The index {catalog.path.parent} is damaged: {error}. {REMEDY}") from error


def _wanted(where: Where) -> dict[str, tuple[Wanted, ...]]:
    """The values for each key, spelled as metadata spells it."""
    wanted: dict[str, tuple[Wanted, ...]] = {}
    for key, value in where.items():
        name = unicodedata.normalize("NFC", " ".join(str(key).split())).lower()
        values = tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else (value,)
        if name in wanted:
            raise UsageError(
                f"'{name}' is given twice, in different letters. Give it once; a list of values means any of them."
            )
        if not values or not all(isinstance(item, Wanted) for item in values):
            raise UsageError(
                f"{name}={value!r} cannot be searched for. Give text, a number, true or false, a date, or a list of these."
            )
        if any(_UNSTORABLE.search(f"{name}{item}") for item in values):
            raise UsageError(f"A filter by {name!r} is not valid text: {value!r}. Write it in UTF-8.")
        wanted[name] = values
    return wanted


def _condition(key: str, values: Sequence[Wanted]) -> _Condition:
    """That any of the values fits."""
    texts = [text_of(value) for value in values]
    if key == "source":
        sieve = _sieve(key, [pattern for text in texts for pattern in (text, f"*/{text}")])
        return _Condition(key, (key,), sources(texts), *sieve)
    if key == "title":
        not_ascii = "length(title) < length(CAST(title AS BLOB))"  # of which SQLite's lower() knows nothing
        sieve = _sieve("lower(title)", [folded(text) for text in texts], besides=not_ascii)
        return _Condition(key, (key,), globs(texts, any_case=True), *sieve)
    if key == "media_type":
        return _Condition(key, (key,), cache(globs(texts, any_case=True)))
    if key == "date":
        columns = (*(f"json_extract(metadata, {_path(name)})" for name in DATES), "modified_ns")
        return _Condition(key, columns, _date_test(_any([date_fits(text) for text in texts])))
    column = f"json_extract(metadata, {_path(key)}, {_path('')})"  # for one path alone it would be no list
    return _Condition(key, (column,), _metadata_test(_any([value_fits(key, value) for value in values])))


def _sieve(column: str, patterns: Sequence[str], *, besides: str = "0") -> tuple[str, tuple[str, ...]]:
    """SQLite's own glob, as far as it is the same: it reads brackets that do not close in another way."""
    if len(patterns) > _MOST_IN_A_SIEVE or any("[" in pattern or len(pattern) > _LONGEST_IN_A_SIEVE for pattern in patterns):
        return "1", ()
    return " OR ".join([besides, *(f"{column} GLOB ?" for _ in patterns)]), tuple(patterns)


def _any(tests: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return tests[0] if len(tests) == 1 else lambda value: any(fits(value) for fits in tests)


def _path(key: str) -> str:
    """The place of a key in metadata, as SQLite's JSON functions take it; no key holds a quote or a backslash."""
    return "'$.\"" + key.replace('"', "").replace("\\", "").replace("'", "''") + "\"'"


def _metadata_test(fits: Callable[[Any], bool]) -> Callable[[str], bool]:
    """A test of a JSON list, for the first value in it; of a list there, one element has to fit."""

    @cache
    def test(column: str) -> bool:
        value = json.loads(column)[0]
        return any(fits(item) for item in (value if isinstance(value, list) else [value]) if item is not None)

    return test


def _date_test(fits: Callable[[Period], bool]) -> Callable[..., bool]:
    """A test of the DATES in the metadata and of the file's time. A document that never was a file may have no date."""

    def test(*columns: Any) -> bool:
        *stated, modified_ns = columns
        for value in stated:
            if isinstance(value, (str, int)) and (when := period(str(value))):
                return fits(when)
        when = _day(modified_ns // _NANOSECONDS_A_DAY) if modified_ns else None
        return when is not None and fits(when)

    return test


@lru_cache(_DAYS_TO_REMEMBER)
def _day(days: int) -> Period | None:
    """The day `days` after 1 January 1970; None beyond the year 9999."""
    try:
        return period((_FIRST_DAY + timedelta(days)).isoformat())
    except OverflowError:
        return None


def _documents(catalog: Catalog, conditions: Sequence[_Condition]) -> Ids:
    """Rows of (document, first chunk, number of chunks) for the documents that fit, int64, shape (documents, 3)."""
    columns = ["id", "first_chunk", "chunk_count", *(column for condition in conditions for column in condition.columns)]
    sieves = " AND ".join(["1", *(f"({condition.sieve})" for condition in conditions)])
    values = [value for condition in conditions for value in condition.sieve_values]
    rows = catalog.rows(f"SELECT {', '.join(columns)} FROM documents WHERE {sieves}", values)
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    spans, rest = np.array(by_column[:3], np.int64).T, iter(by_column[3:])
    fit = np.ones(len(rows), bool)
    for condition in conditions:
        known = list(islice(rest, len(condition.columns)))
        fit &= np.fromiter(map(condition.fits, *known), bool, len(rows))
    if not fit.any():
        _check_keys(catalog, [condition.key for condition in conditions])
    return _checked(catalog, spans[fit])


def _checked(catalog: Catalog, documents: Ids) -> Ids:
    """The rows, if they can be true; a damaged catalog must not make a list of endless length."""
    ((last,),) = catalog.rows("SELECT coalesce(max(id), 0) FROM chunks")
    _, first, count = documents.T
    if len(documents) and ((count < 0).any() or count.max() > last or count.sum() > last or (first + count - 1).max() > last):
        raise IndexFormatError(
            f"The index {catalog.path.parent} is damaged: documents claim chunks that are not there. {REMEDY}"
        )
    return documents


def _check_keys(catalog: Catalog, keys: Sequence[str]) -> None:
    """Raise UsageError for the first key that no document has."""
    for key in keys:
        has = f"json_type(metadata, {_path(key)}) IS NOT NULL"
        if key not in KEYS and not catalog.rows(f"SELECT 1 FROM documents WHERE {has} LIMIT 1"):
            raise _unknown(catalog, key)


def _unknown(catalog: Catalog, key: str) -> UsageError:
    rows = catalog.rows("SELECT key, count(*) FROM documents, json_each(metadata) GROUP BY key ORDER BY count(*) DESC, key")
    known = [*KEYS, *(name for name, _ in rows if name not in KEYS)]
    more = f" and {len(known) - _KEYS_TO_NAME} more" if len(known) > _KEYS_TO_NAME else ""
    return UsageError(
        f"Passages cannot be chosen by '{key}', which no document has; known keys: {', '.join(known[:_KEYS_TO_NAME])}{more}."
        f"{nearest(key, known)}"
    )


def _ids(documents: Ids) -> Ids:
    """The ids of the documents' chunks, ascending; those of one document follow each other, and no two share any."""
    _, first, count = documents[np.argsort(documents[:, 1])].T
    before = np.cumsum(count) - count
    return np.repeat(first - before, count) + np.arange(count.sum())


def _chunks_on_pages(catalog: Catalog, documents: Ids, ranges: Sequence[tuple[int, int]]) -> Ids:
    """The chunks of these documents that lie on a page of any range, if only in part."""
    ids = _ids(documents)
    lowest, highest = min(first for first, _ in ranges), max(last for _, last in ranges)
    query = f"SELECT id, first_page, last_page FROM chunks WHERE first_page <= {highest} AND last_page >= {lowest}"
    ((_, everything),) = catalog.rows("SELECT count(*), coalesce(sum(chunk_count), 0) FROM documents")
    if len(ids) > _SHARE_TO_LOOK_THROUGH_ALL * everything:
        rows = catalog.rows(query)
    else:
        rows = list(catalog.rows_in_groups(f"{query} AND document_id IN ({{}})", documents[:, 0].tolist()))
    found = np.fromiter(chain.from_iterable(rows), np.int64, 3 * len(rows)).reshape(-1, 3)
    fit = np.zeros(len(rows), bool)
    for first, last in ranges:
        fit |= (found[:, 1] <= last) & (found[:, 2] >= first)
    return np.intersect1d(found[fit, 0], ids, assume_unique=True)
