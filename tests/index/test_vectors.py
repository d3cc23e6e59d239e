"""The files of vectors in each layout, against exact search over the catalog."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.documents.loading.stamps import FileStamp
from rag.index.catalog.catalog import Catalog
from rag.index.vectors import layout as layouts
from rag.index.vectors import vector_files
from rag.index.vectors.segments import Segment
from rag.index.vectors.vector_files import update_vector_files
from rag.index.vectors.vectors import VectorStore
from rag.testing import VectorStoreContract, vector_stores
from rag.testing.vector_stores import exact_search
from rag.types import Chunk, Document, EmbedderIdentity

DIMENSION = 16
KINDS = {"flat": (10**9, 10**9), "quantised": (10, 10**9), "lists": (10, 20)}


@pytest.fixture(params=list(KINDS))
def kind(request, monkeypatch):
    """Layouts that begin at small numbers, so that a test needs no large index."""
    return use_kind(request.param, monkeypatch)


def use_kind(name, monkeypatch):
    quantised_from, lists_from = KINDS[name]
    monkeypatch.setattr(layouts, "QUANTISED_FROM", quantised_from)
    monkeypatch.setattr(layouts, "LISTS_FROM", lists_from)
    return name


class TestContract(VectorStoreContract):
    @pytest.fixture
    def store(self):
        return VectorStore(vector_stores.DIMENSION, lambda chunks: (np.array(chunks), np.zeros((0, vector_stores.DIMENSION))))


class Library:
    """A catalog of documents with random vectors around a few centres, and its vectors' files."""

    def __init__(self, folder, seed=0):
        self.folder = folder
        self.random = np.random.default_rng(seed)
        self.centres = self.random.standard_normal((12, DIMENSION))
        self.catalog = Catalog(folder / "catalog.sqlite", create=True)
        identity = EmbedderIdentity("random", "1", DIMENSION, 254)
        self.catalog.set_setting("embedder", asdict(identity))

    def put(self, source, chunks):
        text = "x" * chunks
        near = self.centres[self.random.integers(0, 12, chunks)] + 0.7 * self.random.standard_normal((chunks, DIMENSION))
        near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
        hashes = [self.random.bytes(16) for _ in range(chunks)]
        self.catalog.replace_document(
            Document(text, source, source),
            FileStamp(1, 1),
            [Chunk("x", n, n + 1) for n in range(chunks)],
            hashes,
            {h: vector.tobytes() for h, vector in zip(hashes, near, strict=True)},
            indexed_at="now",
        )

    def update(self, **options):
        update_vector_files(self.folder, self.catalog, **options)

    def open(self):
        return VectorStore.open(self.folder, DIMENSION, self.catalog.vectors_present, is_known=self.catalog.knows)

    def question(self):
        question = self.centres[self.random.integers(12)] + 0.7 * self.random.standard_normal(DIMENSION)
        return (question / np.linalg.norm(question)).astype(np.float32)

    def all(self):
        chunks = np.array(self.catalog.chunks_added_since(-1), np.int64)
        return chunks, self.catalog.vectors(chunks.tolist())

    def exact(self, question, n, among=None):
        chunks, vectors = self.all()
        if among is not None:
            kept = np.isin(chunks, among)
            chunks, vectors = chunks[kept], vectors[kept]
        return exact_search(vectors, chunks, question, n)


@pytest.fixture
def library(tmp_path, kind):
    library = Library(tmp_path)
    yield library
    library.catalog.close()


def same(found, expected):
    assert [chunk for chunk, _ in found] == [chunk for chunk, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-5)


def recall(found, expected):
    return len({chunk for chunk, _ in found} & {chunk for chunk, _ in expected}) / len(expected)


def test_each_layout_finds_what_exact_search_finds(library, kind):
    for n in range(30):
        library.put(f"d{n}", 20)
    library.update()
    store = library.open()
    assert store.layout.kind == kind
    assert store.ids() == set(library.all()[0].tolist())
    questions = [library.question() for _ in range(20)]
    if kind == "lists":
        assert np.mean([recall(store.search(q, 10), library.exact(q, 10)) for q in questions]) > 0.95
    else:
        for question in questions:
            same(store.search(question, 10), library.exact(question, 10))


def test_all_of_them_come_back_when_all_are_asked_for(library):
    for n in range(10):
        library.put(f"d{n}", 7)
    library.update()
    assert len(library.open().search(library.question(), 1000)) == 70


def test_filtered_search_equals_filtered_exact_search(library):
    for n in range(40):
        library.put(f"d{n}", 15)
    library.update()
    for n in range(3):
        library.put(f"new{n}", 5)
    store = library.open()
    fresh = library.catalog.chunks_added_since(store.generation)
    store = store.caught_up(fresh, library.catalog.vectors(fresh), [], generation=library.catalog.generation)
    chunks = library.all()[0]
    for share in (0.002, 0.01, 0.1, 0.5, 1.0):
        among = np.sort(library.random.choice(chunks, max(1, int(share * len(chunks))), replace=False))
        question = library.question()
        for n in (1, 10, 100):
            same(store.search(question, n, among=among), library.exact(question, n, among))


def test_changes_cost_small_files_and_the_large_one_stays(library):
    for n in range(20):
        library.put(f"d{n}", 40)
    library.update()
    (large,) = (library.folder / "vectors").glob("*.seg")
    before = large.stat()
    library.put("new", 5)
    library.catalog.remove_document("d3")
    library.update()
    segments = sorted((library.folder / "vectors").glob("*.seg"), key=lambda path: path.stat().st_size)
    assert segments[-1] == large
    assert (large.stat().st_ino, large.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(segments) == 2
    assert library.open().ids() == set(library.all()[0].tolist())


def test_many_small_changes_leave_few_files_and_few_dead_rows(library):
    for n in range(60):
        library.put(f"d{n % 20}", 4)
        library.update()
    store = library.open()
    assert store.ids() == set(library.all()[0].tolist())
    assert len(store.segments) <= 2 * vector_files.MERGED_AT_ONCE
    library.update(merge_all=True)
    store = library.open()
    assert (len(store.segments), len(store.dead)) == (1, 0)
    assert store.ids() == set(library.all()[0].tolist())
    assert len(list((library.folder / "vectors").iterdir())) <= 2


def test_layouts_do_not_alternate_as_an_index_grows_and_shrinks(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "QUANTISED_FROM", 40)
    monkeypatch.setattr(layouts, "LISTS_FROM", 80)
    library = Library(tmp_path)
    kinds = []
    for n in (3, 4, 8, 9, 7, 3, 1):
        while library.catalog.counts()[0] < n:
            library.put(f"d{library.catalog.counts()[0]}", 10)
        while library.catalog.counts()[0] > n:
            library.catalog.remove_document(f"d{library.catalog.counts()[0] - 1}")
        library.update()
        store = library.open()
        kinds.append(store.layout.kind)
        assert store.ids() == set(library.all()[0].tolist())
    assert kinds == ["flat", "quantised", "lists", "lists", "lists", "lists", "flat"]
    library.catalog.close()


def test_lists_are_trained_again_for_a_larger_corpus(library, kind):
    library.put("d0", 100)
    library.update()
    first = library.open().layout
    for n in range(1, 6):
        library.put(f"d{n}", 100)
        library.update()
    assert (library.open().layout.trained_on > first.trained_on) == (kind == "lists")


def test_what_was_forgotten_of_the_past_is_made_anew(library):
    for n in range(6):
        library.put(f"d{n}", 10)
    library.update()
    library.catalog.remove_document("d2")
    library.catalog.forget_removed()
    library.update()
    assert library.open().ids() == set(library.all()[0].tolist())


def test_vectors_outside_of_the_trained_range_are_found(library):
    for n in range(10):
        library.put(f"d{n}", 20)
    library.update()
    library.centres = 4 * np.eye(12, DIMENSION)  # the new ones lie where none of the first did
    library.put("far", 20)
    library.update()
    store, chunks = library.open(), library.all()[0]
    for _ in range(10):
        question = library.question()
        same(store.search(question, 10, among=chunks), library.exact(question, 10))


def test_a_segment_is_refused_when_its_sizes_do_not_fit(library):
    library.put("d", 30)
    library.update()
    (segment,) = library.open().segments
    content = segment.path.read_bytes()
    for wrong in (content[:-1], content[:-4] + b"\xff\xff\xff\x00", b""):
        segment.path.with_name("other.seg").write_bytes(wrong)
        with pytest.raises(Exception, match=r"is not a segment|cannot be read"):
            Segment(segment.path.with_name("other.seg"), segment.info, segment.layout)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "remove", "update", "merge"]), st.integers(0, 7), st.integers(1, 30)), max_size=25
    ),
    name=st.sampled_from(list(KINDS)),
)
def test_after_any_changes_the_files_hold_what_the_catalog_holds(tmp_path_factory, steps, name):
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_kind(name, monkeypatch)
        library = Library(tmp_path_factory.mktemp("library"))
        for step, document, chunks in [*steps, ("update", 0, 0)]:
            if step == "put":
                library.put(f"d{document}", chunks)
            elif step == "remove":
                library.catalog.remove_document(f"d{document}")
            else:
                library.update(merge_all=step == "merge")
        store = library.open()
        chunks, vectors = library.all()
        assert store.ids() == set(chunks.tolist())
        assert store.generation == library.catalog.generation
        question = library.question()
        same(store.search(question, 5, among=chunks), exact_search(vectors, chunks, question, 5))
        library.catalog.close()
