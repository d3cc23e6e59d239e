"""The vLLM server that is kept warm in the background: what is known of it, and whether it is there.

Its record holds the key that guards it, so only this user can read it. A process counts as the server only if it began when
the server did: the system gives the numbers of ended processes to others.
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
    """A server in the background. `name` is what it calls the model; `began` tells its process from later ones of that number.

    `options` are those that it was started with; `ready` says that it has answered once, `stopping` that it was told to end.
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
        """Where its API is."""
        return f"http://{LOOPBACK}:{self.port}/v1"

    @property
    def spec(self) -> str:
        """What names it to `--llm` and `rag.open_llm`."""
        return f"{self.url}#{self.name}"

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return bool(self.began) and process_began(self.pid) == self.began

    def answers(self, *, patience: float = SECONDS_TO_ANSWER) -> bool:
        """Whether it serves its model, which takes a while after it was started."""
        found = self.get("/v1/models", patience=patience)
        try:
            return found is not None and any(entry["id"] == self.name for entry in json.loads(found)["data"])
        except (ValueError, KeyError, TypeError):
            return False

    def get(self, path: str, *, patience: float = SECONDS_TO_ANSWER) -> bytes | None:
        """What it answers; None where it does not, or not within `patience` seconds."""
        try:
            with closing(HTTPConnection(LOOPBACK, self.port, timeout=patience)) as connection:
                connection.request("GET", path, headers={"Authorization": f"Bearer {self.api_key}"})
                response = connection.getresponse()
                body = response.read()
                return body if response.status == 200 else None
        except (OSError, HTTPException):
            return None


def running_server() -> str | None:
    """The spec of the server that `rag llm start` keeps warm, if it is there and answers."""
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
    """The key of the warm server where `url` is its address; None for all others."""
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
    """Where the record and the log of the server lie: `RAG_STATE`, else the user's state folder."""
    if chosen := os.environ.get("RAG_STATE"):
        return Path(os.path.expanduser(chosen))  # noqa: PTH111 (Path.expanduser raises RuntimeError)
    from platformdirs import user_state_path

    return user_state_path("groundtext", appauthor=False)


def recorded_server() -> WarmServer | None:
    """The server that was started last on this machine, whether it still runs or not; None after it was stopped."""
    try:
        told = json.loads(_record_path().read_text(encoding="utf-8"))
        known = {one.name: told[one.name] for one in fields(WarmServer)}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return WarmServer(**known) if _is_sound(known) else None


def record(server: WarmServer) -> None:
    """Write it down so that only this user can read it, and a reader sees the old record or the new one."""
    path = _record_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(path, mode=0o600) as file:
        file.write(json.dumps(asdict(server), indent=1).encode())


def forget_server() -> None:
    """Take the record away."""
    _record_path().unlink(missing_ok=True)


def process_began(pid: int) -> str:
    """When a running process began, in words of the system that no other process of that number shares; empty for none."""
    try:
        after_its_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "" if _BOOT.exists() else _began_told_by_ps(pid)
    return "" if after_its_name[0] in "ZX" else f"{_BOOT.read_text(encoding='ascii').strip()}:{after_its_name[19]}"


def _began_told_by_ps(pid: int) -> str:
    """Systems without /proc, such as macOS."""
    try:
        told = subprocess.run(
            ["ps", "-o", "state=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        ).stdout.split()
    except OSError:
        return ""
    return " ".join(told[1:]) if told and told[0][0] != "Z" else ""


def _record_path() -> Path:
    """One for each machine that shares the folder."""
    return state_folder() / f"vllm-{socket.gethostname()}.json"


def _is_sound(known: dict[str, Any]) -> bool:
    texts = ("began", "model", "name", "api_key", "log", "since")
    return (
        all(isinstance(known[name], str) for name in texts)
        and all(type(known[name]) is int and known[name] > 1 for name in ("pid", "port"))
        and known["port"] < 65536
        and isinstance(known["options"], dict)
    )
