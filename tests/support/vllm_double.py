"""What stands in for vLLM's server: a process with its flags, its key and its ways to fail, up in a tenth of a second.

`FAILURE` in the environment, or in a file of that name beside the package, says how it fails; see `main`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

METRICS = """# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{model_name="m"} 200.0
vllm:prefix_cache_hits_total{model_name="m"} 150.0
vllm:num_requests_running{model_name="m"} 1.0
vllm:num_requests_waiting{model_name="m"} 2.0
"""


def main() -> None:
    """Serve, after the failure that is asked for."""
    parser = ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--served-model-name")
    options, _ = parser.parse_known_args()
    failure = os.environ.get("FAILURE", "")
    print("double: starting", flush=True)
    if failure == "dies":
        print("\x1b[31mValueError:\x1b[0m the weights are no weights", flush=True)
        sys.exit(1)
    if failure == "no gpu":
        sys.exit("RuntimeError: Failed to infer device type, please set the environment variable")
    if failure == "hangs":
        time.sleep(600)
    if failure == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if failure in {"stubborn", "child"}:
        child = subprocess.Popen(["sleep", "600"])
        Path("child").write_text(str(child.pid), encoding="ascii")
    if failure == "slow":
        while not Path("go").exists():
            time.sleep(0.01)
    serve(options.port, options.served_model_name)


def serve(port: int, model: str) -> None:
    """Answer /v1/models for whoever has the key, and /metrics for all."""
    authorization = f"Bearer {os.environ['VLLM_API_KEY']}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self.reply(200, METRICS)
            elif self.headers.get("Authorization") == authorization:
                self.reply(200, json.dumps({"data": [{"id": model, "owned_by": "vllm", "max_model_len": 4096}]}))
            else:
                self.reply(401, json.dumps({"error": "Unauthorized"}))

        def reply(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
