"""Rules of the code base: what imports load, which files are how long, what has help."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from functools import cache

import click
import grimp
import pytest
from paths import ROOT

import rag
from rag.cli import main

PACKAGE = ROOT / "rag"
HEAVY = ("torch", "transformers", "sentence_transformers", "faiss", "openvino", "vllm", "openai", "langchain_text_splitters",
         "langchain_core", "tantivy", "numpy", "httpx", "rich", "jinja2", "trafilatura", "pypdfium2")  # fmt: skip

FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@cache
def tree_of(path):
    return ast.parse(path.read_text("utf-8"))


def names_in_strings(path):
    """Strings of a file, except commands of other processes (-m MODULE), which import nothing here."""
    nodes = list(ast.walk(tree_of(path)))
    lists = [
        [child.value for child in node.elts if isinstance(child, ast.Constant)] for node in nodes if isinstance(node, ast.List)
    ]
    of_commands = {value for values in lists if "-m" in values for value in values}
    return {node.value for node in nodes if isinstance(node, ast.Constant)} - of_commands


def test_names_in_strings_close_no_circle():
    """A module that the code loads by name, such as a reader, never leads back to the module that names it."""
    graph = grimp.build_graph("rag")
    for path in FILES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for named in (names_in_strings(path) & graph.modules) - {module}:
            chain = graph.find_shortest_chain(importer=named, imported=module)
            assert chain is None, f"{module} names {named}, which leads back: {chain}"


def loaded_by(*arguments: str) -> set[str]:
    code = "import sys, runpy\ntry:\n exec(sys.argv[1])\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name for name in done.stderr.split() if "." not in name}


@pytest.mark.parametrize(
    "code",
    ["import rag; dir(rag)", "import rag.cli; rag.cli.main(['--help'])", "import rag.cli; rag.cli.main(['ask', '--help'])"],
)
def test_importing_and_help_load_nothing_heavy(code):
    assert loaded_by(code).isdisjoint(HEAVY)


def test_looking_at_an_index_loads_no_model_and_no_search_engine(tmp_path):
    code = (
        "import rag.cli, sys, rag\n"
        f"rag.open_index({str(tmp_path / 'i')!r}, create=True).close()\n"
        f"rag.cli.main(['status', '--index', {str(tmp_path / 'i')!r}])"
    )
    assert loaded_by(code).isdisjoint(
        {"torch", "transformers", "sentence_transformers", "openvino", "langchain_text_splitters"}
    )


def test_every_public_name_is_there_and_documented():
    assert {"load", "split", "open_index", "sync", "search", "open_llm", "ask", "aask", "check"} <= set(rag.__all__)
    for name in rag.__all__:
        assert getattr(rag, name).__doc__ or name == "__version__"
    with pytest.raises(AttributeError, match="nothing"):
        rag.nothing  # noqa: B018


def test_the_former_place_of_the_vllm_generator_warns_and_works():
    code = "import warnings; warnings.simplefilter('error'); import rag.generators.vllm"
    warned = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "DeprecationWarning: rag.generators.vllm has moved" in warned.stderr
    with pytest.warns(DeprecationWarning, match=r"from rag import VllmGenerator"):
        former = importlib.import_module("rag.generators.vllm")
    assert former.VllmGenerator is rag.VllmGenerator


def commands_of(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    found = [(f"{path} {name}", command) for name, command in sorted(group.commands.items())]
    inner = [commands_of(command, name) for name, command in found if isinstance(command, click.Group)]
    return found + [command for commands in inner for command in commands]


@pytest.mark.parametrize(
    ("name", "command"), commands_of(main, "rag"), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_has_help(name, command):
    assert command.help
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_no_module_outgrows_one_reading():
    assert [str(path) for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []


def test_nothing_is_stored_in_pickles():
    for path in FILES:
        assert "pickle" not in {
            alias.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.Import) for alias in node.names
        }
