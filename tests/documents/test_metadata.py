"""Metadata in documents and in the side-cars beside them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.documents import load, load_bytes
from rag.documents.common.metadata import LARGEST, MOST_KEYS, flatten
from rag.documents.common.notation import LARGEST_TEXT, parse
from rag.documents.common.sidecar import NOTATIONS, is_sidecar, sidecar_of, with_sidecar
from rag.documents.pdf.about import iso_date
from rag.errors import DOCUMENT_STATUSES, DocumentError
from rag.types import Document


def metadata_of(text: str, name: str = "notes.md") -> dict[str, object]:
    return load_bytes(text.encode(), source=name).metadata


def in_html(head: str, attributes: str = "") -> dict[str, object]:
    return metadata_of(f"<!doctype html><html {attributes}><head>{head}</head><body><p>Words.</p></body></html>", "page.html")


class TestFrontMatter:
    def test_line_by_line_takes_time_in_proportion_to_length(self) -> None:
        started = time.process_time()
        assert metadata_of("---\na: [\nb: x" + " " * 300_000 + "y\n---\n")["a"] == "["
        assert time.process_time() - started < 5

    def test_letters_are_composed_and_what_cannot_be_stored_is_gone(self) -> None:
        text = '---\ntitle: "u\u0308ber"\n"Na\u0308me": "\\ud800x\\0"\n---\n'
        assert metadata_of(text)["title"] == "über"
        assert flatten({"a\0\ud800": "x\0\udfff"}) == ({"a": "x"}, 0)


class TestHtml:
    @pytest.mark.parametrize(
        "head",
        [
            "<meta name=author content='https://example.org/ada'>",
            "<meta name=author content='@ada'>",
            "<meta name=author content=' '>",
            "<meta name=date content='31.5.2024'>",
            "<meta name=date content='0001-01-01T00:00:00Z'>",
            "<meta http-equiv=content-language content='english, mostly'>",
            "<meta name=keywords content=' , '>",
            '<script type=\'application/ld+json\'>[[], 1, {"author": {"name": [1]}, "datePublished": 5}]</script>',
            "<script type='application/ld+json'>" + "[" * 100_000 + "</script>",
        ],
    )
    def test_what_is_none_of_these_is_not_taken_for_it(self, head: str) -> None:
        assert in_html(head) == {}


class TestPdf:
    @pytest.mark.parametrize(
        ("stored", "iso"),
        [
            ("D:20240822125427Z00'00'", "2024-08-22T12:54:27+00:00"),
            ("D:20241101153620+03'30'", "2024-11-01T15:36:20+03:30"),
            ("20240822125427", "2024-08-22T12:54:27"),
            ("D:202408221254", "2024-08-22T12:54:00"),
            ("D:20240822", "2024-08-22"),
            ("D:202408", "2024-08"),
            ("D:2024", "2024"),
            ("D:20241399", "2024"),
            ("D:20240230101010", "2024"),
            ("D:20240822125427+99'99'", "2024"),
            ("D:202413", "2024"),
            ("", ""),
            ("08/22/24", ""),
        ],
    )
    def test_dates_become_iso_8601_as_far_as_they_go(self, stored: str, iso: str) -> None:
        assert iso_date(stored) == iso


class TestSidecars:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "notes.md"
        path.write_text("---\ntitle: Own title\nauthor: Own\ntags: [own]\n---\nText.\n", encoding="utf-8")
        return path

    def write(self, path: Path, ending: str, text: str) -> Path:
        sidecar = path.with_name(path.name + ending)
        sidecar.write_text(text, encoding="utf-8")
        return sidecar

    @pytest.mark.parametrize("ending", NOTATIONS)
    def test_every_notation_is_found_beside_its_document(self, path: Path, ending: str) -> None:
        texts = {
            "json": '{"Author": "Ada", "year": 1999}',
            "yaml": "Author: Ada\nyear: 1999\n",
            "toml": 'Author = "Ada"\nyear = 1999',
        }
        sidecar = self.write(path, ending, texts[NOTATIONS[ending]])
        assert is_sidecar(sidecar)
        assert sidecar_of(path) == sidecar
        assert load(path).metadata == {"title": "Own title", "author": "Ada", "tags": ["own"], "year": 1999}

    def test_one_of_several_is_always_the_same(self, path: Path) -> None:
        self.write(path, ".meta.toml", 'a = "toml"')
        self.write(path, ".meta.yaml", "a: yaml")
        assert load(path).metadata["a"] == "yaml"

    def test_only_a_file_named_after_a_document_is_one(self, path: Path) -> None:
        assert not any(is_sidecar(Path(name)) for name in ("a.json", "meta.json", ".meta.json", "a.meta.md", "a.meta.jsonl"))
        (path.parent / "notes.md.meta.json").mkdir()
        assert sidecar_of(path) is None
        assert sidecar_of(Path("x" * 300)) is None

    def test_its_title_becomes_the_title_as_it_stands(self, path: Path) -> None:
        self.write(path, ".meta.yaml", "title: Document\n  12\n")
        assert load(path).title == "Document 12"
        self.write(path, ".meta.yaml", f"title: {'word ' * 100}")
        assert len(load(path).title) <= 161
        self.write(path, ".meta.yaml", "title: ''")
        assert load(path).title == "Own title"

    def test_an_empty_one_says_nothing(self, path: Path) -> None:
        before = load(path)
        for text in ("", " \n", "# only a remark\n"):
            self.write(path, ".meta.yaml", text)
            assert load(path) == before

    @pytest.mark.parametrize(
        ("ending", "text", "status", "reason"),
        [
            (".meta.json", '{"a": ', "corrupt", "cannot be used as JSON: Expecting value"),
            (".meta.json", "[1]", "corrupt", "holds a list and not names with values"),
            (".meta.json", "[" * 50_000, "corrupt", "nested too deeply"),
            (".meta.json", '{"a": ' + "9" * 5000 + "}", "corrupt", "digits"),
            (".meta.json", json.dumps({"a": {f"b{n}": n for n in range(201)}}), "too-large", "more than there is room for"),
            (".meta.json", json.dumps({"a": ["x" * 1000] * 40}), "too-large", "more than there is room for"),
            (".meta.json", '{"a":' * 30 + "1" + "}" * 30, "too-large", "more than there is room for"),
            (".meta.json", json.dumps({"a": "x" * 70_000}), "too-large", "longer than 64 KB"),
            (".meta.yaml", "a: b: c", "corrupt", r"mapping values are not allowed.*\(line 1\)"),
            (".meta.yaml", "just words", "corrupt", "holds one piece of text"),
            (".meta.yaml", "a: !!python/object/apply:os.getcwd []", "corrupt", "could not determine a constructor"),
            (".meta.yaml", "a: !!int ''", "corrupt", "does not fit"),
            (".meta.yaml", "a: 1\n---\nb: 2", "corrupt", "single document"),
            (".meta.yaml", "a: \x01", "corrupt", "special characters|control characters"),
            (".meta.yaml", "a: &b [*b]", "corrupt", r"alias \*b"),
            (".meta.yaml", "a: *nothing", "corrupt", r"alias \*nothing"),
            (".meta.yaml", "a: " + "[" * 30 + "]" * 30, "corrupt", "levels"),
            (".meta.yaml", "- " * 20_000, "corrupt", "levels"),
            (".meta.toml", "a = ", "corrupt", "cannot be used as TOML: Invalid value"),
            (".meta.toml", "a = " + "[" * 20_000, "corrupt", "nested too deeply"),
            (".meta.toml", "a" + ".a" * 30_000 + " = 1", "corrupt", "more than 500 dots"),
        ],
    )  # fmt: skip
    def test_one_that_cannot_be_used_is_told_and_the_document_kept(
        self, path: Path, ending: str, text: str, status: str, reason: str
    ) -> None:
        document = load(path)
        sidecar = self.write(path, ending, text)
        started = time.process_time()
        described, problem = with_sidecar(document, path)
        assert time.process_time() - started < 5
        assert described == document
        assert problem is not None
        assert problem.status == status
        assert status in DOCUMENT_STATUSES
        assert str(problem).startswith(f"The side-car {sidecar} ")
        assert str(problem).endswith("Its document was read without it; correct the side-car, or remove it.")
        with pytest.warns(UserWarning, match=reason):
            assert load(path) == document

    def test_one_that_cannot_be_read_is_told_too(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.write(path, ".meta.json", "{}")
        document = load(path)

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        described, problem = with_sidecar(document, path)
        assert described == document
        assert isinstance(problem, DocumentError)
        assert problem.status == "unreadable"
        assert "permission denied" in str(problem)

    def test_any_encoding_of_text_will_do(self, path: Path) -> None:
        path.with_name("notes.md.meta.json").write_bytes('{"author": "Ödön"}'.encode("utf-16"))
        assert load(path).metadata["author"] == "Ödön"
        path.with_name("notes.md.meta.json").write_bytes('\ufeff{"author": "Ödön"}'.encode())
        assert load(path).metadata["author"] == "Ödön"


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGE_BOMB = "a0: &a0 {k: x}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12))


class TestBounds:
    @pytest.mark.parametrize("bomb", [BOMB, MERGE_BOMB])
    def test_aliases_cannot_explode(self, bomb: str) -> None:
        started = time.process_time()
        with pytest.raises(ValueError, match="more than 10000 values"):
            parse(bomb, "yaml")
        assert metadata_of(f"---\n{bomb}---\nText.\n")["a11"].startswith("&a11")
        assert time.process_time() - started < 5

    def test_a_few_aliases_are_what_they_stand_for(self) -> None:
        text = "base: &base {kind: report, lang: en}\none: {<<: *base, lang: de}\ntwo: *base\n"
        assert flatten(parse(text, "yaml"))[0] == {
            "base.kind": "report",
            "base.lang": "en",
            "one.kind": "report",
            "one.lang": "de",
            "two.kind": "report",
            "two.lang": "en",
        }

    def test_front_matter_that_says_too_much_keeps_what_comes_first(self) -> None:
        many = metadata_of("---\n" + "".join(f"key{n}: {n}\n" for n in range(500)) + "---\n")
        assert list(many) == [f"key{n}" for n in range(MOST_KEYS)]
        long = metadata_of("---\nfirst: 1\nlong: " + "x" * (LARGEST + 1) + "\nlast: 2\n---\n")
        assert long == {"first": 1}

    def test_a_list_costs_as_much_as_it_holds(self) -> None:
        found, left_out = flatten({"a": [1] * 50_000})
        assert len(found["a"]) == LARGEST // 2
        assert left_out == 50_000 - LARGEST // 2

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63, -(2**80)])
    def test_numbers_too_large_for_json_or_the_catalog_become_text(self, value: float) -> None:
        assert flatten({"a": value}) == ({"a": str(value)}, 0)

    def test_a_number_that_cannot_even_be_written_is_left_out(self) -> None:
        assert flatten({"a": 10**5000}) == ({}, 1)

    def test_names_that_differ_only_in_case_are_one(self) -> None:
        assert flatten({"Tag": "a", "tag": ["b"], " TAG ": "c"}) == ({"tag": ["a", "b", "c"]}, 0)

    def test_a_text_too_long_is_not_parsed(self) -> None:
        with pytest.raises(ValueError, match="64 KB"):
            parse("a: 1\n" * LARGEST_TEXT, "yaml")

    @pytest.mark.slow
    @settings(max_examples=40)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner) | st.sets(st.text()),
        ).filter(lambda value: isinstance(value, dict))
    )
    def test_any_metadata_becomes_flat_bounded_json(self, values: dict[object, object]) -> None:
        found, _ = flatten(values)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        json.dumps(found, ensure_ascii=False).encode("utf-8")
        assert len(found) <= MOST_KEYS
        for name, value in found.items():
            assert name == name.lower()
            assert '"' not in name
            for item in value if isinstance(value, list) else [value]:
                assert isinstance(item, (str, int, float))
                assert item != ""

    @given(st.text(), st.sampled_from(["json", "yaml", "toml"]))
    def test_any_text_is_parsed_or_refused(self, text: str, notation: str) -> None:
        with suppress(ValueError):
            assert isinstance(parse(text, notation), dict)


def test_metadata_survives_the_way_through_the_catalog(tmp_path: Path) -> None:
    from rag.documents.loading.stamps import FileStamp
    from rag.index.catalog.catalog import Catalog

    metadata, _ = flatten({"a": ["ü", 1, 2.5, True], "b.c": "x\u2028y", "n": 2**63 - 1})
    catalog = Catalog(tmp_path / "catalog.sqlite", create=True)
    document = Document("text", "a.md", "T", metadata=metadata)
    catalog.replace_document(document, FileStamp(1, 1), [], [], {}, indexed_at="")
    assert catalog.document("a.md") == document
    catalog.close()
