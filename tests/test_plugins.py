"""Another package adds a component of every kind without a change to our code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import ClassVar

import pytest
from fresh_process import ROOT

import rag
from rag.documents import families, is_supported, load_bytes
from rag.errors import ModelError, PluginError, SpecError
from rag.ingest.sync import add_documents
from rag.specs import open_embedder, open_llm, open_verifier
from rag.system import plugins
from rag.testing import HashEmbedder, ScriptedGenerator
from rag.types import Document

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "toy-shelf"
version = "1.0"

[tool.hatch.build.targets.wheel]
packages = ["toy_shelf"]

[project.entry-points."groundtext.loaders"]
toy = "toy_shelf:loader"
[project.entry-points."groundtext.sources"]
toy = "toy_shelf:ToySource"
[project.entry-points."groundtext.embedders"]
toy = "toy_shelf:ToyEmbedder"
[project.entry-points."groundtext.generators"]
toy = "toy_shelf:ToyGenerator"
broken = "toy_shelf:NothingOfThatName"
[project.entry-points."groundtext.rerankers"]
toy = "toy_shelf:ToyReranker"
[project.entry-points."groundtext.verifiers"]
toy = "toy_shelf:ToyVerifier"
[project.entry-points."groundtext.stores"]
toy = "toy_shelf:open_store"
"""

PACKAGE = '''
"""Components without a model. Lines of a .toy file that begin with "= " are headings."""

from rag.errors import DocumentError
from rag.testing import HashEmbedder, MemoryStore
from rag.types import Document, Heading, Sentence, Usage


class ToyLoader:
    suffixes = (".toy",)

    def load(self, content, *, source, name):
        text = content.decode("utf-8", "replace").replace("\\0", " ").strip()
        if not text:
            raise DocumentError(f"{source} holds no text.", status="no-text")
        first = text.splitlines()[0]
        headings = (Heading(0, 1, first),) if first.startswith("= ") else ()
        return Document(text, source, first.removeprefix("= ") or name, headings=headings)


loader = ToyLoader()


class ToySource:
    def __init__(self, address):
        self.files = {"one.toy": b"= One\\n\\nThe tower is 34 metres tall.", "two.toy": b"Soup costs 4 crowns."}

    def items(self):
        return list(self.files)

    def version(self, item):
        return str(hash(self.read(item)))

    def read(self, item):
        if item not in self.files:
            raise DocumentError(f"{item} is not on the shelf.", status="unreadable")
        return self.files[item]


class ToyEmbedder(HashEmbedder):
    def __init__(self, rest):
        super().__init__(name=f"toy:{rest}")


class ToyGenerator:
    """Says the first sentence of the first source."""

    name, window, max_sources, options, parallel = "toy", 4096, None, frozenset({"max_tokens"}), 1

    def __init__(self, rest):
        self.rest = rest

    def count_tokens(self, messages):
        return sum(4 + len(message.content.split()) for message in messages)

    async def stream(self, prompt, sampling):
        from rag.sampling import check_options

        check_options(sampling, model=self.name, able=self.options)
        words = (prompt.passages[0].text.partition(".")[0] + ".").split(" ")[: sampling.max_tokens]
        for word in words:
            yield word + " "
        yield Usage(self.count_tokens(prompt.messages), len(words))

    def close(self):
        pass


class ToyReranker:
    """Longer passages first."""

    def __init__(self, rest):
        pass

    def scores(self, question, passages):
        return [float(len(passage)) for passage in passages]


class ToyVerifier:
    """Supports what a source holds to the letter."""

    def __init__(self, rest):
        pass

    def check(self, sentence, passages):
        spans = [(p, p.text.index(sentence), p.text.index(sentence) + len(sentence)) for p in passages if sentence in p.text][:1]
        return Sentence(sentence, support="full" if spans else "none", score=1.0 if spans else 0.0), spans


def open_store(address):
    name = address.removeprefix("toy://")
    return MemoryStore([Document(f"The tower of {name} is 34 metres tall.", "tower.toy", "Tower")], path=address)
'''

PROVES_ITSELF = """
import pytest
from rag.testing import EmbedderContract, GeneratorContract, LoaderContract, RerankerContract
from rag.testing import SourceContract, StoreContract, VerifierContract
from rag.testing.stores import SHELF
from toy_shelf import MemoryStore, ToyEmbedder, ToyGenerator, ToyReranker, ToySource, ToyVerifier, loader as toy_loader


class TestLoader(LoaderContract):
    @pytest.fixture
    def loader(self):
        return toy_loader

    @pytest.fixture
    def content(self):
        return b"= Tower\\n\\nThe tower is 34 metres tall."


class TestSource(SourceContract):
    @pytest.fixture
    def source(self):
        return ToySource("")


class TestEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self):
        return ToyEmbedder("small")


class TestGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self):
        return ToyGenerator("")


class TestReranker(RerankerContract):
    @pytest.fixture
    def reranker(self):
        return ToyReranker("")


class TestStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore(SHELF)


class TestVerifier(VerifierContract):
    @pytest.fixture
    def verifier(self):
        return ToyVerifier("")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of an installed package. `run` puts it on PYTHONPATH."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "project" / "toy_shelf").mkdir(parents=True)
    (folder / "project" / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "project" / "toy_shelf" / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", folder / "site", folder / "project"], check=True, capture_output=True)
    (folder / "test_toy.py").write_text(PROVES_ITSELF, encoding="utf-8")
    (folder / "docs").mkdir()
    (folder / "docs" / "tower.toy").write_text(
        "= Tower\n\nThe tower is 34 metres tall. It was built in 1872.", encoding="utf-8"
    )
    return folder


def run(installed, *command, code=0):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, installed / "site")))}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=installed, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.mark.slow
class TestInstalledPackage:
    def test_every_component_proves_itself(self, installed):
        done = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_toy.py")
        assert " passed" in done.stdout

    def test_every_kind_is_used_from_the_command_line(self, installed):
        rag = (ROOT / "cli.py",)
        run(installed, *rag, "index", "docs", "--index", "shelf", "--embedder", "toy:small")
        found = run(installed, *rag, "search", "How tall is the tower?", "--index", "shelf", "--reranker", "toy", "--json")
        (hit,) = json.loads(found.stdout)["hits"]
        assert (hit["title"], hit["score"]) == ("Tower", float(len(hit["text"])))
        asked = run(
            installed, *rag, "ask", "How tall is the tower?", "--index", "shelf", "--llm", "toy", "--verifier", "toy", "--json"
        )
        answer = json.loads(asked.stdout)
        assert answer["model"] == "toy"

    def test_a_store_is_used_at_its_address(self, installed):
        rag = (ROOT / "cli.py",)
        found = run(installed, *rag, "search", "How tall is the tower?", "--index", "toy://harbour", "--json")
        assert [hit["text"] for hit in json.loads(found.stdout)["hits"]] == ["The tower of harbour is 34 metres tall."]
        asked = run(
            installed, *rag, "ask", "How tall is the tower?", "--index", "toy://harbour", "--llm", "extractive", "--json"
        )
        assert json.loads(asked.stdout)["citations"][0]["source"] == "tower.toy"
        refused = run(installed, *rag, "index", "docs", "--index", "toy://harbour", code=1)
        assert "toy://harbour" in refused.stderr

    def test_a_source_is_found(self, installed):
        code = "from rag.specs import open_source; print(open_source('toy://shelf').items())"
        assert run(installed, "-c", code).stdout == "['one.toy', 'two.toy']\n"

    def test_a_component_that_cannot_be_imported_names_its_package(self, installed):
        done = run(installed, ROOT / "cli.py", "ask", "x", "--index", "shelf", "--llm", "broken:1", code=1)
        assert re.search(r"package toy-shelf .*'broken'.*groundtext\.generators", done.stderr)


class Entry:
    """An entry point without a package."""

    name, value, module, dist = "toy", "toy:Toy", "toy", None

    def __init__(self, outcome):
        self.outcome = outcome

    def load(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def offer(monkeypatch):
    """Offers an object under the name "toy" in every group, and under names of ours."""

    def offered(thing):
        monkeypatch.setattr(plugins, "_offered", lambda _: dict.fromkeys(("toy", "minilm", "local", "lexical"), Entry(thing)))
        families.other_loaders.cache_clear()

    yield offered
    families.other_loaders.cache_clear()


class Opened(ScriptedGenerator):
    """A generator that keeps what it was opened with."""

    def __init__(self, rest, api_key=None):
        super().__init__([["The tower."]])
        self.rest, self.api_key = rest, api_key


class Embeds(HashEmbedder):
    """An embedder that keeps the key that it was opened with."""

    keys: ClassVar[list[str | None]] = []

    def __init__(self, rest, api_key=None):
        super().__init__(name=f"toy:{rest}")
        self.keys.append(api_key)


def test_a_spec_passes_its_rest_to_the_package(offer):
    offer(Opened)
    assert open_llm("toy:big#1").rest == "big#1"
    assert open_llm("toy").rest == ""


def test_a_package_gets_the_key_if_it_takes_one(offer):
    offer(Opened)
    assert open_llm("toy", api_key="secret").api_key == "secret"
    offer(lambda rest: ScriptedGenerator([[rest]]))
    assert open_llm("toy:big", api_key="secret").answers == [["big"]]


def test_a_foreign_index_gives_no_package_the_key(offer, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    offer(Embeds)
    document = load_bytes(b"The tower is tall.", source="t.txt")
    with rag.open_index(tmp_path / "i", create=True, embedder="toy:far", api_key="secret") as index:
        add_documents([document], index=index)
    shutil.rmtree(tmp_path / "cache")
    Embeds.keys.clear()
    for embedder in (None, "toy:far", None):
        with rag.open_index(tmp_path / "i", embedder=embedder, api_key="secret") as index:
            assert index.embedder.identity.name == "toy:far"
    assert Embeds.keys == [None, "secret", "secret"]


def test_no_package_replaces_a_name_of_ours(offer):
    offer(lambda rest: pytest.fail("it was asked"))
    assert type(open_verifier("lexical")).__name__ == "LexicalVerifier"
    with pytest.raises(SpecError):
        open_verifier("lexical:strict")


@pytest.mark.slow
def test_a_folder_of_a_model_comes_before_a_package(offer, tmp_path, monkeypatch):
    offer(Embeds)
    (tmp_path / "toy").mkdir()
    monkeypatch.chdir(tmp_path)
    assert open_embedder("toy:").identity.name == "toy:"
    with pytest.raises(ModelError):
        open_embedder("toy")


def test_a_misspelled_name_suggests_a_package(offer):
    offer(lambda rest: None)
    with pytest.raises(SpecError, match=r"'toi'.*'toy'"):
        open_llm("toi")


def fails(rest):
    raise OSError("no such weights")


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (ImportError("no module named torch"), "no module named torch"),
        (fails, "'big': no such weights"),
        (lambda rest: object(), "no 'count_tokens'"),
    ],
)
def test_a_package_that_fails_is_named(offer, thing, reason):
    offer(thing)
    with pytest.raises(PluginError, match=rf"package toy .*groundtext\.generators.*{reason}"):
        open_llm("toy:big")


def test_an_error_of_the_model_is_passed_on(offer):
    def refuses(rest):
        raise ModelError("The server is asleep.")

    offer(refuses)
    with pytest.raises(ModelError, match="asleep"):
        open_llm("toy")


def test_a_loader_without_suffixes_is_named(offer):
    offer(object())
    with pytest.raises(PluginError, match=r"groundtext\.loaders.*'suffixes'"):
        is_supported("a.toy")


def test_no_loader_takes_a_suffix_of_ours(offer):
    class Greedy:
        suffixes = (".txt", ".toy")

        def load(self, content, *, source, name):
            return Document("Mine.", source, name)

    offer(Greedy())
    assert load_bytes(b"Ours.", source="a.txt").text == "Ours."
    assert load_bytes(b"Ours.", source="a.toy").text == "Mine."


def test_an_unknown_scheme_says_which_are_known(offer):
    offer(fails)
    with pytest.raises(SpecError, match=r"'tyo'.*'toy'"):
        rag.search("Why?", index="tyo://shelf")
