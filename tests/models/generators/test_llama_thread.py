"""llama.cpp's server is released after it is ready, and nobody waits for that without end."""

from __future__ import annotations

import threading
import weakref

import pytest

from rag.errors import ModelError
from rag.models.generators.llama_thread import ServerThread


class Server:
    listening_address = "http://127.0.0.1:1"


class Story:
    """The events of a server in order, and the gate that keeps it from getting ready."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.ready, self.ended = threading.Event(), threading.Event()

    def start(self) -> Server:
        server = Server()
        weakref.finalize(server, self.events.append, "released")
        return server

    def wait_until_ready(self, server: Server) -> None:
        self.ready.wait()
        self.events.append("ready")

    def clean_up(self) -> None:
        self.events.append("cleaned up")
        self.ended.set()

    def thread(self) -> ServerThread:
        return ServerThread(self.start, self.wait_until_ready, self.clean_up)


def test_a_server_that_is_ready_is_released_when_it_stops():
    story = Story()
    story.ready.set()
    thread = story.thread()
    assert thread.address() == Server.listening_address
    assert story.events == ["ready"]
    thread.stop()
    assert story.events == ["ready", "released", "cleaned up"]


def test_a_server_stopped_too_early_is_released_when_ready():
    story = Story()
    thread = story.thread()
    with pytest.warns(RuntimeWarning, match="did not stop"):
        thread.stop(timeout=0)
    assert story.events == []
    story.ready.set()
    assert story.ended.wait(60)
    assert story.events == ["ready", "released", "cleaned up"]


def test_a_failed_start_raises_its_error_and_is_cleaned_up():
    story = Story()

    def fail() -> Server:
        raise ModelError("damaged")

    thread = ServerThread(fail, story.wait_until_ready, story.clean_up)
    with pytest.raises(ModelError, match="damaged"):
        thread.address()
    thread.stop()
    assert story.events == ["cleaned up"]


def test_a_server_that_never_gets_ready_is_not_released():
    story = Story()

    def refuse(server: Server) -> None:
        raise ModelError("no answer")

    thread = ServerThread(story.start, refuse, story.clean_up)
    with pytest.raises(ModelError, match="no answer"):
        thread.address()
    thread.stop()
    assert story.events == ["cleaned up"]
