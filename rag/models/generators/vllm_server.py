"""The record of the vLLM server in the background, and checks whether the server runs.

The record contains the server's API key, so only this user can read it. A process counts as the server only if it started at
the recorded time, since the system reuses process numbers.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rag.system.files import replacing

LOOPBACK = "127.0.0.1"
SECONDS_TO_ANSWER = 2.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class WarmServer:
    """A server in the background. `name` is its name of the model; `began` identifies its process among reused numbers.

    `options` are the options of its start. `ready` is True after its first answer, `stopping` after the order to stop.
    """

    pid: int
    began: str
    port: int
    model: str
    name: str
    api_key: str = field(repr=False)
    log: str
    since: str
    options: dict[str, float] = field(default_factory=dict)
    ready: bool = False
    stopping: bool = False

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://{LOOPBACK}:{self.port}/v1"

    @property
    def spec(self) -> str:
        """The spec of the server for `--llm` and `rag.open_llm`."""
        return f"{self.url}#{self.name}"

    @property
    def is_alive(self) -> bool:
        """Whether the server's process runs."""
        return bool(self.began) and process_began(self.pid) == self.began

    def answers(self, *, patience: float = SECONDS_TO_ANSWER) -> bool:
        """Whether the server serves its model already."""
        found = self.get("/v1/models", patience=patience)
        try:
            return found is not None and any(entry["id"] == self.name for entry in json.loads(found)["data"])
        except (ValueError, KeyError, TypeError):
            return False

    def get(self, path: str, *, patience: float = SECONDS_TO_ANSWER) -> bytes | None:
        """The body of a successful response; None for an error, or after `patience` seconds."""
        try:
            with closing(HTTPConnection(LOOPBACK, self.port, timeout=patience)) as connection:
                connection.request("GET", path, headers={"Authorization": f"Bearer {self.api_key}"})
                response = connection.getresponse()
                body = response.read()
                return body if response.status == 200 else None
        except (OSError, HTTPException):
            return None


def running_server() -> str | None:
    """The spec of the server of `rag llm start`; None unless it runs and answers."""
    server = recorded_server()
    if server is None or server.stopping or not server.is_alive:
        return None
    if not server.ready:
        if not server.answers():
            return None
        with suppress(OSError):
            record(replace(server, ready=True))
    return server.spec


def key_for(url: str) -> str | None:
    """The key of the warm server if `url` is its address, else None."""
    parts = urlsplit(url)
    if parts.hostname not in {LOOPBACK, "localhost"}:
        return None
    server = recorded_server()
    try:
        port = parts.port
    except ValueError:
        return None
    return server.api_key if server and server.port == port and server.is_alive else None


def state_folder() -> Path:
    """The folder of the server's record and log: `RAG_STATE`, else the user's state folder."""
    if chosen := os.environ.get("RAG_STATE"):
        return Path(os.path.expanduser(chosen))  # noqa: PTH111 (Path.expanduser raises RuntimeError)
    from platformdirs import user_state_path

    return user_state_path("groundtext", appauthor=False)


def recorded_server() -> WarmServer | None:
    """The last server that was started on this machine, whether or not it runs; None after a stop."""
    try:
        content = json.loads(_record_path().read_text(encoding="utf-8"))
        values = {field.name: content[field.name] for field in fields(WarmServer)}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return WarmServer(**values) if _is_valid(values) else None


def record(server: WarmServer) -> None:
    """Write the record atomically, readable by this user only."""
    path = _record_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(path, mode=0o600) as file:
        file.write(json.dumps(asdict(server), indent=1).encode())


def forget_server() -> None:
    """Delete the record."""
    _record_path().unlink(missing_ok=True)


def process_began(pid: int) -> str:
    """The start of a running process, a string that no other process of the same number has; empty if none runs."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if _BOOT.exists() else _began_by_ps(pid)
    fields_after_name = status.rpartition(")")[2].split()
    state, start = fields_after_name[0], fields_after_name[19]
    return "" if state in "ZX" else f"{_BOOT.read_text(encoding='ascii').strip()}:{start}"


def _began_by_ps(pid: int) -> str:
    """The start of a process on systems without /proc, such as macOS."""
    try:
        words = subprocess.run(
            ["ps", "-o", "state=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        ).stdout.split()
    except OSError:
        return ""
    return " ".join(words[1:]) if words and words[0][0] != "Z" else ""


def _record_path() -> Path:
    """The record of this machine, since several machines may share the folder."""
    return state_folder() / f"vllm-{socket.gethostname()}.json"


def _is_valid(values: dict[str, Any]) -> bool:
    texts = ("began", "model", "name", "api_key", "log", "since")
    return (
        all(isinstance(values[name], str) for name in texts)
        and all(type(values[name]) is int and values[name] > 1 for name in ("pid", "port"))
        and values["port"] < 65536
        and isinstance(values["options"], dict)
    )
