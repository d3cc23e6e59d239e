"""A package of somebody else's adds a component of every kind, and touches none of our code."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from fresh_process import ROOT

from rag.errors import PluginError, SpecError
from rag.specs import open_llm, open_verifier
from rag.system import plugins

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

import rag
from rag.errors import DocumentError
from rag.testing import HashEmbedder
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
    return rag.open_index(address.removeprefix("toy://"), embedder=ToyEmbedder("small"))
'''

PROVES_ITSELF = """
import pytest
from rag.testing import EmbedderContract, GeneratorContract, LoaderContract, RerankerContract, SourceContract, VerifierContract
from toy_shelf import ToyEmbedder, ToyGenerator, ToyReranker, ToySource, ToyVerifier, loader as toy_loader


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


class TestVerifier(VerifierContract):
    @pytest.fixture
    def verifier(self):
        return ToyVerifier("")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of an installed package, which a process sees with it on PYTHONPATH."""
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

    def test_a_store_is_searched_at_its_address(self, installed):
        run(installed, ROOT / "cli.py", "index", "docs", "--index", "shelf", "--embedder", "toy:small")
        code = "import rag; print(rag.search('How tall is the tower?', index='toy://shelf')[0].title)"
        assert run(installed, "-c", code).stdout == "Tower\n"

    def test_a_source_is_found(self, installed):
        code = "from rag.system.plugins import plugin; print(plugin('sources', 'toy')('').items())"
        assert run(installed, "-c", code).stdout == "['one.toy', 'two.toy']\n"

    def test_a_component_that_cannot_be_imported_names_its_package(self, installed):
        done = run(installed, ROOT / "cli.py", "ask", "x", "--index", "shelf", "--llm", "broken:1", code=1)
        assert "The package toy-shelf offers 'broken' in groundtext.generators" in done.stderr


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
    """Offers a component under the name "toy" in every group, and under "local"."""

    def offered(component):
        monkeypatch.setattr(plugins, "_offered", lambda _: {"toy": Entry(component), "local": Entry(component)})

    return offered


def test_a_spec_hands_the_rest_to_the_package(offer):
    offer(lambda rest: ("opened", rest))
    assert open_llm("toy:big#1") == ("opened", "big#1")
    assert open_verifier("toy") == ("opened", "")


def test_no_package_replaces_a_name_of_ours(offer):
    offer(lambda rest: pytest.fail("it was asked"))
    assert type(open_verifier("lexical")).__name__ == "LexicalVerifier"


def test_a_misspelled_name_is_told_those_of_packages(offer):
    offer(lambda rest: None)
    with pytest.raises(SpecError, match="Did you mean 'toy'"):
        open_llm("toi")


def test_a_package_that_fails_is_named(offer):
    offer(ImportError("no module named torch"))
    with pytest.raises(PluginError, match="no module named torch"):
        open_llm("toy")
