"""`rag llm`: a vLLM server in the background."""

from __future__ import annotations

from typing import Any

import click

from rag.cli.options import CommandGroup, as_json, debug
from rag.cli.shared import settings_with, show
from rag.text.counts import counted


@click.group("llm", cls=CommandGroup, short_help="Keep a vLLM server warm in the background.")
def llm_group() -> None:
    """Keep a vLLM server warm in the background. `rag ask` finds it without --llm."""


@llm_group.command("start", short_help="Start a server and wait until it answers.")
@click.argument("model")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Port on this machine (default: a free one).")
@click.option(
    "--gpu-memory",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Share of the GPU's memory to use (default: vLLM's own, about 0.9).",
)
@click.option(
    "--max-model-len",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    help="Context window (default: the model's, or as much as fits the memory).",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until the server answers; 0 returns at once.",
)
@click.option("--python", metavar="PATH", help="The Python that has vLLM (RAG_VLLM_PYTHON; default: this one).")
@as_json
@debug
def start_command(model: str, as_json: bool, **options: Any) -> None:
    """Start a vLLM server for MODEL (a hub name or a folder) and wait until it answers."""
    from rag.models.generators.vllm_warm import server_status, start_server

    def tell(server: Any) -> None:
        click.echo(f"Loading {server.model}; its log is {server.log}", err=True)

    server = start_server(model, api_key=settings_with().api_key, on_wait=tell, **options)
    line = f"{server.name} at {server.url}"
    if not server.ready:
        line = f"{server.name} is loading; `rag llm status` shows when it is ready."
    show(server_status() if as_json else {}, [line], as_json)


@llm_group.command("status", short_help="Show whether the server runs, and where.")
@as_json
@debug
def status_command(as_json: bool) -> None:
    """Show whether the server runs, where, and how many prompt tokens came from its cache."""
    from rag.models.generators.vllm_warm import server_status

    status = server_status()
    show(status, _status_lines(status), as_json)


@llm_group.command("stop")
@as_json
@debug
def stop_command(as_json: bool) -> None:
    """Stop the server and all its processes."""
    from rag.models.generators.vllm_warm import stop_server

    server = stop_server()
    line = f"Stopped {server.name} at {server.url}" if server else "No server runs."
    show({"stopped": server.spec if server else None}, [line], as_json)


def _status_lines(status: dict[str, Any]) -> list[str]:
    if status["state"] == "stopped":
        return ["No server runs. Start one with: rag llm start MODEL"]
    lines = [f"{status['model']} is {status['state']} at {status['url']} (process {status['pid']}, since {status['since']})"]
    if status.get("prompt_tokens"):
        share = status["cached_tokens"] / status["prompt_tokens"]
        lines.append(
            f"{counted(status['running'], 'answer')} under way, {status['waiting']} waiting; {share:.0%} of prompt tokens cached"
        )
    return [*lines, f"log: {status['log']}", *status.get("last_words", [])]
