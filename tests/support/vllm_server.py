"""A real vLLM for tests: the environment that tests/support/vllm_environment.sh makes, and one server in it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
MODEL = ROOT / ".venv-vllm" / "models" / "smollm2-135m-instruct"
SMALL_CACHE = {"VLLM_CPU_KVCACHE_SPACE": "1"}
"""Gigabytes; enough for forty thousand tokens of that model."""

WINDOW = 2048


def need_vllm() -> None:
    """Skip the test where there is no vLLM, saying why; fail it where continuous integration should have made one."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("vLLM's CPU build is for Linux on x86-64")
    if PYTHON.exists() and MODEL.exists():
        return
    if os.environ.get("CI"):
        pytest.fail(".venv-vllm is not there, and tests/support/vllm_environment.sh should have made it")
    pytest.skip("needs .venv-vllm, which `make test` makes (tests/support/vllm_environment.sh)")


@dataclass(frozen=True)
class Command:
    """`rag` in a process of its own, with a state folder of its own."""

    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


@contextmanager
def warm_vllm(folder: Path) -> Iterator[tuple[Command, dict[str, Any]]]:
    """The real server, started and stopped by `rag llm`: the command, and what `start` told. Nothing of it is left running."""
    need_vllm()
    environment = {
        **os.environ,
        **SMALL_CACHE,
        "RAG_STATE": str(folder),
        "RAG_VLLM_PYTHON": str(PYTHON),
        "PYTHONPATH": str(ROOT),
    }
    for name in ("RAG_LLM", "RAG_API_KEY"):
        environment.pop(name, None)
    command = Command(environment)
    started = command.json("llm", "start", str(MODEL), "--max-model-len", str(WINDOW), "--wait", "400")
    try:
        yield command, started
    finally:
        command.run("llm", "stop")
        assert not processes_of_group(started["pid"])


def processes_of_group(group: int) -> list[str]:
    """What still runs of a process group."""
    told = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in told.splitlines()]
    return [line[2] for line in lines if line[0] == str(group) and not line[1].startswith("Z")]
