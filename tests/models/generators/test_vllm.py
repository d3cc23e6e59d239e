"""vLLM's engine in the process: the tests that need no vLLM, and a run of the tests that do."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import ClassVar

import pytest
from vllm_server import PYTHON, ROOT, need_vllm

from rag.errors import MissingExtraError, ModelError, UsageError
from rag.models.generators import vllm
from rag.models.generators.vllm import VllmGenerator
from rag.types import Message


class FakeEngine:
    """Counts words as tokens. A test can let it die."""

    built: ClassVar[list[FakeEngine]] = []

    def __init__(self, name: str, options: dict[str, object]) -> None:
        self.built.append(self)
        self.options, self.window, self.is_alive = options, 4096, True
        self.tokenizer = self

    def apply_chat_template(self, messages: list[dict[str, str]], **_: object) -> str:
        return " ".join(message["content"] for message in messages)

    def encode(self, text: str, **_: object) -> list[int]:
        return [len(word) for word in text.split()]

    def stop(self) -> None:
        self.is_alive = False


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> type[FakeEngine]:
    monkeypatch.setattr(vllm, "find_spec", lambda _: find_spec("json"))
    monkeypatch.setattr(vllm, "VllmEngine", FakeEngine)
    monkeypatch.setattr(FakeEngine, "built", [])
    return FakeEngine


class TestWithoutVllm:
    def test_names_the_extra_that_is_missing_and_what_needs_none(self, monkeypatch):
        monkeypatch.setattr(vllm, "find_spec", lambda _: None)
        with pytest.raises(MissingExtraError, match=r"--llm http://HOST:PORT/v1\).*pip install 'groundtext\[vllm\]'$"):
            VllmGenerator("example/model")

    def test_constructing_loads_nothing(self, fake_engine):
        VllmGenerator("example/model").close()
        assert fake_engine.built == []

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"window": 0}, "window .* 0"),
            ({"parallel": -1}, "parallel .* -1"),
            ({"gpu_memory": 1.5}, r"gpu_memory .* 1\.5"),
            ({"engine": {"max_model_len": 1, "dtype": "half"}}, "^max_model_len .*engine"),
        ],
    )
    def test_refuses_options_that_cannot_work(self, fake_engine, options, message):
        with pytest.raises(UsageError, match=message):
            VllmGenerator("example/model", **options)

    @pytest.mark.parametrize("name", ["./model", "~/no-such-model", "/no/model", ""])
    def test_a_path_that_is_no_folder_is_no_hub_name(self, fake_engine, name):
        with pytest.raises(ModelError, match="folder"):
            VllmGenerator(name)

    def test_a_folder_without_a_model_is_refused(self, fake_engine, tmp_path):
        with pytest.raises(ModelError, match=r"config\.json"):
            VllmGenerator(str(tmp_path))

    def test_gguf_files_are_for_llama_cpp(self, fake_engine, tmp_path):
        (tmp_path / "small.gguf").touch()
        for name in (str(tmp_path / "small.gguf"), str(tmp_path)):
            with pytest.raises(ModelError, match=rf"--llm local:{tmp_path}/small\.gguf$"):
                VllmGenerator(name)

    def test_a_folder_is_known_by_its_name_from_anywhere(self, fake_engine, tmp_path, monkeypatch):
        (tmp_path / "models" / "mine").mkdir(parents=True)
        (tmp_path / "models" / "mine" / "config.json").write_text("{}", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        generator = VllmGenerator("models/mine")
        assert generator.name == "mine"
        assert generator.window == 4096
        assert fake_engine.built[0].options["model"] == str(tmp_path / "models" / "mine")


class TestTheModel:
    def test_is_loaded_once_with_what_was_chosen(self, fake_engine):
        generator = VllmGenerator("example/model", window=2048, parallel=8, gpu_memory=0.5, engine={"dtype": "half"})
        assert (generator.window, generator.parallel) == (4096, 8)
        assert generator.count_tokens([Message("user", "how tall is it")]) == 4
        [engine] = fake_engine.built
        assert engine.options == {
            "model": "example/model",
            "max_model_len": 2048,
            "max_num_seqs": 8,
            "gpu_memory_utilization": 0.5,
            "dtype": "half",
        }

    def test_is_loaded_again_after_it_was_closed_or_has_died(self, fake_engine):
        generator = VllmGenerator("example/model")
        assert generator.window == 4096
        generator.close()
        assert not fake_engine.built[0].is_alive
        assert generator.window == 4096
        fake_engine.built[1].is_alive = False
        assert generator.window == 4096
        assert [engine.is_alive for engine in fake_engine.built] == [False, False, True]


@pytest.mark.slow
def test_the_real_engine_keeps_the_contract():
    need_vllm()
    done = subprocess.run(
        [
            PYTHON,
            "-m",
            "pytest",
            "-q",
            "-o",
            "filterwarnings=default",
            "-p",
            "no:cacheprovider",
            "tests/support/vllm_engine_tests.py",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
