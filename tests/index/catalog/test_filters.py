"""Filters choose the passages of their documented meaning, and refuse values without one."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.documents.loading.stamps import FileStamp
from rag.errors import IndexStoreError, UsageError
from rag.index.catalog.catalog import Catalog
from rag.index.catalog.filters import select_chunks
from rag.types import Chunk, Document

NANOSECONDS = 1_000_000_000
DAYS = [(date(2022, 1, 1) + timedelta(days)).isoformat() for days in range(4 * 365 + 1)]


def nanoseconds(day: str) -> int:
    """Late on that day."""
    return int(datetime.fromisoformat(f"{day}T22:30:00").replace(tzinfo=UTC).timestamp()) * NANOSECONDS


def put(
    catalog: Catalog, source: str, *, pages=(None,), title="T", media_type="text/plain", metadata=None, modified="2022-06-01"
):
    """A document with one chunk for each entry of `pages`."""
    text = "".join(f"part {n} " for n, _ in enumerate(pages))
    chunks = [Chunk("part", 7 * n, 7 * n + 4, on) for n, on in enumerate(pages)]
    catalog.replace_document(
        Document(text, source, title, media_type, metadata=metadata or {}),
        FileStamp(1, nanoseconds(modified) if modified else 0, "hash"),
        chunks,
        [b"same"] * len(chunks),
        {b"same": b""},
        indexed_at="2026-01-01",
    )


@pytest.fixture
def catalog(tmp_path):
    made = Catalog(tmp_path / "catalog.sqlite", create=True)
    yield made
    made.close()


def chosen(catalog: Catalog, **where) -> list[str]:
    """The names of the documents whose chunks are chosen, once for each chunk."""
    ids = select_chunks(catalog, where)
    names = dict(catalog.rows("SELECT chunks.id, source FROM chunks JOIN documents ON documents.id = document_id"))
    return [names[chunk].rsplit("/", 1)[-1] for chunk in ids.tolist()]


class TestSources:
    @pytest.fixture(autouse=True)
    def documents(self, catalog):
        for source in ("/home/ada/docs/a.pdf", "/home/ada/docs/Old/b.pdf", "/home/ada/reports/c.txt", "/home/ada/ä [1].txt"):
            put(catalog, source)

    @pytest.mark.parametrize(
        ("pattern", "names"),
        [
            ("*.pdf", ["a.pdf", "b.pdf"]),
            ("a.pdf", ["a.pdf"]),
            ("/home/ada/docs/a.pdf", ["a.pdf"]),
            ("docs/*", ["a.pdf", "b.pdf"]),
            ("docs/a.pdf", ["a.pdf"]),
            ("ocs/*", []),
            ("reports*", []),
            ("*reports*", ["c.txt"]),
            ("?.txt", ["c.txt"]),
            ("[!a].pdf", ["b.pdf"]),
            ("[^a].pdf", ["b.pdf"]),
            ("ä [[]1].txt", ["ä [1].txt"]),
            ("ä [*", ["ä [1].txt"]),
            ("*OLD*", []),
            (["a.pdf", "*.txt"], ["a.pdf", "c.txt", "ä [1].txt"]),
        ],
    )
    def test_a_glob_is_for_the_name_the_end_of_the_path_or_all_of_it(self, catalog, pattern, names):
        assert chosen(catalog, source=pattern) == names

    def test_very_many_sources_can_be_given(self, catalog):
        many = [f"/elsewhere/{n}.pdf" for n in range(40_000)]
        assert chosen(catalog, source=[*many, "/home/ada/docs/a.pdf", "*.txt"]) == ["a.pdf", "c.txt", "ä [1].txt"]


class TestTitlesAndMediaTypes:
    @pytest.mark.parametrize(
        ("pattern", "names"),
        [
            ("annual *", ["a"]),
            ("STRASSE", ["b"]),
            ("straße", ["b"]),
            ("*k", ["c"]),
            ("??? k", ["c"]),
            ("u\u0308ber*", ["d"]),  # decomposed, as some keyboards and file systems write it
            ("annual", []),
        ],
    )
    def test_the_case_of_a_title_does_not_matter(self, catalog, pattern, names):
        for name, title in (("a", "Annual Report"), ("b", "Straße"), ("c", "Min \u212a"), ("d", "Über uns")):
            put(catalog, name, title=title)
        assert chosen(catalog, title=pattern) == names

    def test_media_types_are_chosen_by_glob(self, catalog):
        put(catalog, "a", media_type="text/html")
        put(catalog, "b", media_type="application/pdf")
        assert chosen(catalog, media_type="TEXT/*") == ["a"]


class TestPages:
    @pytest.fixture(autouse=True)
    def documents(self, catalog):
        put(catalog, "long.pdf", pages=[(1, 1), (2, 3), (3, 3), (9, 9)])
        put(catalog, "flat.txt", pages=[None, None])
        put(catalog, "short.pdf", pages=[(1, 2)])

    @pytest.mark.parametrize(
        ("pages", "names"),
        [
            (3, ["long.pdf"] * 2),
            ("2", ["long.pdf", "short.pdf"]),
            ("2..3", ["long.pdf"] * 2 + ["short.pdf"]),
            ("..1", ["long.pdf", "short.pdf"]),
            ("4..", ["long.pdf"]),
            ("4..8", []),
            ([9, "1"], ["long.pdf"] * 2 + ["short.pdf"]),
            ([*range(9, 5000, 2)], ["long.pdf"]),
            ("1..99999999999999999999999999", ["long.pdf"] * 4 + ["short.pdf"]),
        ],
    )
    def test_passages_that_touch_the_pages_are_chosen(self, catalog, pages, names):
        assert chosen(catalog, page=pages) == names

    def test_pages_of_few_among_many_documents(self, catalog):
        for n in range(30):
            put(catalog, f"other-{n}.pdf", pages=[(1, 1), (2, 2)])
        assert chosen(catalog, page=1, source="short.pdf") == ["short.pdf"]
        assert chosen(catalog, page=3, source="short.pdf") == []


class TestDates:
    @pytest.fixture(autouse=True)
    def documents(self, catalog):
        put(catalog, "day", metadata={"date": "2024-05-31T23:00:00-08:00", "created": "2022-01-01"})
        put(catalog, "month", metadata={"published": "2024/5"})
        put(catalog, "year", metadata={"date": "in spring", "created": 2024})
        put(catalog, "file", modified="2023-12-31", metadata={"date": ["2024-05-31"]})
        put(catalog, "memory", modified="")
        put(catalog, "late", metadata={"updated": "2031-07"})

    @pytest.mark.parametrize(
        ("when", "names"),
        [
            ("2024", ["day", "month", "year"]),
            ("2024-05", ["day", "month"]),
            ("2024-5-31", ["day"]),
            (date(2024, 5, 31), ["day"]),
            (datetime(2024, 5, 31, 12), ["day"]),
            ("2023..2024-05", ["day", "month", "file"]),
            ("2023-12-31..2024-05-31", ["day", "month", "file"]),
            ("..2023", ["file"]),
            ("2024-05-02..", ["day", "late"]),
            ("2024-*", ["day", "month"]),
            ("*-31", ["day", "file"]),
            (["2023", "2024-05-31"], ["day", "file"]),
            ("1970", []),
            ("2031", ["late"]),
        ],
    )
    def test_a_document_whose_date_lies_within_is_chosen(self, catalog, when, names):
        assert chosen(catalog, date=when) == names

    def test_times_that_no_calendar_has_are_no_dates(self, catalog):
        catalog.rows("UPDATE documents SET modified_ns = 9223372036854775807, metadata = '{}' WHERE source = 'day'")
        catalog.rows("UPDATE documents SET metadata = '{\"date\": \"2024-02-30\"}' WHERE source = 'month'")
        assert chosen(catalog, date="2024") == ["year"]
        assert chosen(catalog, date="2262") == ["day"]


class TestMetadata:
    @pytest.fixture(autouse=True)
    def documents(self, catalog):
        put(catalog, "a", metadata={"author": "Ada Brandt", "tags": ["Sea", "birds"], "year": 1999, "draft": True, "a.b": "x"})
        put(catalog, "b", metadata={"author": "Öde", "tags": [], "year": 2005, "draft": False, "due": "2024-03-05"})
        put(catalog, "c", metadata={"year": "2005", "rating": 2.5, 'it\'s "odd"': 1, "serial": 12345678901234567})

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            ({"author": "ada*"}, ["a"]),
            ({"AUTHOR": "ÖDE"}, ["b"]),
            ({"tags": "sea"}, ["a"]),
            ({"tags": ["moor", "bird?"]}, ["a"]),
            ({"year": 2005}, ["b", "c"]),
            ({"year": 2005.0}, ["b"]),
            ({"year": "2000..2010"}, ["b", "c"]),
            ({"year": "..2000"}, ["a"]),
            ({"year": "20*"}, ["b", "c"]),
            ({"rating": "2..3"}, ["c"]),
            ({"rating": 2.5}, ["c"]),
            ({"serial": 12345678901234567}, ["c"]),
            ({"serial": 12345678901234568}, []),
            ({"draft": True}, ["a"]),
            ({"draft": "false"}, ["b"]),
            ({"a.b": "X"}, ["a"]),
            ({"due": "2024-03..2024-04"}, ["b"]),
            ({"due": "2024-04.."}, []),
            ({"due": "2024"}, []),
            ({"author": "*", "year": "..2000", "source": "*"}, ["a"]),
            ({"author": "nobody"}, []),
        ],
    )
    def test_values_are_chosen_by_glob_number_and_range(self, catalog, where, names):
        assert chosen(catalog, **where) == names

    def test_a_key_that_no_document_has_is_refused_with_the_nearest(self, catalog):
        message = r"'autor'.* source, title, .*tags.* mean 'author'"
        with pytest.raises(UsageError, match=message):
            select_chunks(catalog, {"autor": "x"})
        with pytest.raises(UsageError, match="mean 'source'"):
            select_chunks(catalog, {"source": "nothing", "sources": "*"})

    def test_the_names_in_a_message_are_the_commonest_and_few(self, catalog):
        put(catalog, "d", metadata={f"z{n:03}": 1 for n in range(150)})
        with pytest.raises(UsageError, match=r"media_type, page, date, year, .*, z\d+ and \d+ more"):
            select_chunks(catalog, {"nothing like it": "x"})

    @pytest.mark.parametrize("key", ["'; DROP TABLE documents; --", '"', "$", "", "a.b.c", "\\"])
    def test_strange_keys_are_only_unknown(self, catalog, key):
        with pytest.raises(UsageError, match="which no document has"):
            select_chunks(catalog, {key: "x"})
        assert catalog.counts() == (3, 3)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"page": "x"}, r"page=x .*3\.\.7"),
        ({"page": "7..3"}, r"page=7\.\.3"),
        ({"page": "0"}, "page=0 .*1"),
        ({"page": ".."}, r"page=\.\."),
        ({"page": 2.5}, "page=2.5"),
        ({"page": True}, "page=true"),
        ({"date": "soon"}, "date=soon .*2024"),
        ({"date": "2024..2023"}, r"date=2024\.\.2023"),
        ({"date": "2024-13"}, "date=2024-13"),
        ({"date": "2024-02-30"}, "date=2024-02-30"),
        ({"date": ".."}, r"date=\.\."),
        ({"date": ""}, "date= "),
        ({"year": "20..10"}, r"year=20\.\.10"),
        ({"year": "2024-05..2024-04"}, r"year=2024-05\.\.2024-04"),
        ({"title": None}, "title=None"),
        ({"title": []}, r"title=\[\]"),
        ({"title": {"a": 1}}, "title=.*a"),
        ({"year": [1, None]}, "year=.*None"),
        ({"Title": "a", "title": "b"}, "'title'"),
        ({"title": "\udcff*"}, "not valid text"),
        ({"ye\0ar": 1}, "not valid text"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(catalog, where, message):
    put(catalog, "a", metadata={"year": 1})
    with pytest.raises(UsageError, match=message):
        select_chunks(catalog, where)


def test_no_filter_chooses_nothing_in_particular(catalog):
    assert select_chunks(catalog, {}) is None


def test_an_empty_choice_is_an_empty_array(catalog):
    assert select_chunks(catalog, {"source": "*"}).dtype == np.int64
    put(catalog, "a")
    assert select_chunks(catalog, {"source": "b"}).tolist() == []


@pytest.mark.parametrize(
    "damage",
    [
        "documents SET chunk_count = 1000000000000",
        "documents SET chunk_count = 9223372036854775807",
        "documents SET chunk_count = -1",
        "documents SET first_chunk = 4",
        "documents SET metadata = '['",
    ],
)
def test_a_damaged_catalog_is_called_damaged(catalog, damage):
    put(catalog, "a", pages=[(1, 1)], metadata={"date": "2024", "author": "x"})
    catalog.rows(f"UPDATE {damage}")
    with pytest.raises(IndexStoreError, match=r"damaged|could not be read"):
        select_chunks(catalog, {"title": "*", "date": "*", "author": "*", "page": 1})


# The same in the simplest way that can be written, against which all of the above is held.


def glob_fits(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob_fits(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and glob_fits(pattern[1:], text[1:])


def days_of(text: str) -> list[str]:
    return [day for day in DAYS if day.startswith(text)]


def date_of(document) -> str:
    stated = [document["metadata"][key] for key in ("date", "published", "created", "updated") if key in document["metadata"]]
    return next(
        (str(value)[:10] for value in stated if isinstance(value, (str, int)) and days_of(str(value)[:10])),
        document["modified"],
    )


def date_is_wanted(wanted: str, text: str) -> bool:
    if "*" in wanted or "?" in wanted:
        return glob_fits(wanted, text)
    low, dots, high = wanted.partition("..")
    first = days_of(low)[0] if low else DAYS[0]
    last = days_of(high if dots else low)[-1] if high or not dots else DAYS[-1]
    return all(first <= day <= last for day in days_of(text))


def value_is_wanted(wanted, value) -> bool:
    if isinstance(value, list):
        return any(value_is_wanted(wanted, item) for item in value)
    text = str(wanted).lower()
    low, dots, high = text.partition("..")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not dots:
        same_number = (
            not isinstance(value, (bool, str)) and isinstance(wanted, int) and not isinstance(wanted, bool) and value == wanted
        )
        return same_number or glob_fits(text, str(value).lower())
    return (not low or int(low) <= value) and (not high or value <= int(high))


def page_is_wanted(wanted, pages) -> bool:
    low, dots, high = str(wanted).partition("..")
    last = int(high or 99) if dots else int(low)
    return pages is not None and any(int(low or 1) <= page <= last for page in range(pages[0], pages[1] + 1))


def is_wanted(key: str, wanted, document, pages) -> bool:
    if isinstance(wanted, list):
        return any(is_wanted(key, one, document, pages) for one in wanted)
    if key == "source":
        path = document["source"]
        ends = (
            [path, path.rsplit("/", 1)[-1]]
            if "/" not in wanted
            else [path[n:] for n in range(len(path)) if n == 0 or path[n - 1] == "/"]
        )
        return any(glob_fits(wanted, end) for end in ends)
    if key in ("title", "media_type"):
        return glob_fits(wanted.casefold(), document[key].casefold())
    if key == "page":
        return page_is_wanted(wanted, pages)
    if key == "date":
        return date_is_wanted(wanted, date_of(document))
    return key in document["metadata"] and value_is_wanted(wanted, document["metadata"][key])


def any_of(values):
    return st.one_of(values, st.lists(values, min_size=1, max_size=3))


WORDS = st.text("abAßé", max_size=3)
GLOBS = st.text("abAß?*", max_size=4)
DATES = st.sampled_from(["2023", "2023-11", "2023-12-31", "2024-02", "2024-02-29T10:00:00Z", "soon", 2024])
SCALARS = st.one_of(WORDS.filter(bool), st.integers(-2, 12), st.booleans())
ONE_VALUE = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
DOCUMENTS = st.fixed_dictionaries(
    {
        "source": st.tuples(st.sampled_from(["/a/", "/a/b/", "/b/"]), st.text("ab", min_size=1, max_size=2)).map("".join),
        "title": WORDS,
        "media_type": st.sampled_from(["text/plain", "application/pdf"]),
        "modified": st.sampled_from(["2023-01-01", "2024-02-29"]),
        "pages": st.lists(st.none() | st.tuples(st.integers(1, 4), st.integers(0, 2)).map(lambda p: (p[0], p[0] + p[1])), max_size=4),
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(("date", "published", "created", "updated"), DATES),
                "author": WORDS.filter(bool),
                "tags": ONE_VALUE,
            },
        ),
    }
)  # fmt: skip
RANGES = st.tuples(st.integers(1, 5), st.integers(0, 3)).map(lambda p: f"{p[0]}..{p[0] + p[1]}")
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "source": any_of(st.text("ab/*?", max_size=5)),
        "title": any_of(GLOBS),
        "media_type": any_of(st.sampled_from(["TEXT/*", "*pdf", "text"])),
        "page": any_of(st.one_of(st.integers(1, 6), RANGES, st.sampled_from(["..2", "3.."]))),
        "date": any_of(st.sampled_from(["2023", "2024-02", "2023..2024", "..2023-11", "2023-12-31..", "2024-02-29", "*-31", "20?3*"])),
        "author": any_of(GLOBS),
        "tags": any_of(st.one_of(GLOBS, st.integers(-2, 12), st.booleans(), RANGES)),
    },
)  # fmt: skip


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(documents=st.lists(DOCUMENTS, max_size=6), where=FILTERS)
def test_a_filter_chooses_what_its_plain_meaning_chooses(documents, where):
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(Path(folder) / "catalog.sqlite", create=True)
        try:
            for document in documents:  # one source may come twice, and is replaced then
                put(catalog, **document)
            kept = {document["source"]: document for document in documents}
            rows = catalog.rows(
                "SELECT chunks.id, source, start FROM chunks JOIN documents ON documents.id = document_id ORDER BY 1"
            )
            expected = [
                chunk
                for chunk, source, start in rows
                if all(is_wanted(key, value, kept[source], kept[source]["pages"][start // 7]) for key, value in where.items())
            ]
            known = {key for document in kept.values() for key in document["metadata"]}
            if any(key in ("author", "tags") and key not in known for key in where):
                with pytest.raises(UsageError, match="which no document has"):
                    select_chunks(catalog, where)
            elif where:
                assert select_chunks(catalog, where).tolist() == expected
        finally:
            catalog.close()


def test_json_of_metadata_is_read_as_it_was_written(catalog):
    metadata = {"name ü": ["ü\u2028", 'q"q', "back\\slash", "tab\t"], "n": 0.1}
    put(catalog, "a", metadata=json.loads(json.dumps(metadata)))
    for value in ("ü\u2028", 'Q"q', "back\\slash", "tab\t"):
        assert chosen(catalog, **{"name ü": value}) == ["a"]
