"""What all clients of model servers share."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from rag.errors import ModelError
from rag.models.servers import Server, client_options


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "HTTP://model.example/v1"])
def test_certificates_which_take_long_to_read_are_left_for_a_server_that_shows_none(url, monkeypatch):
    read = []
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: read.append("certificates"))
    with httpx.Client(**client_options(url, api_key=None, timeout=1)):
        assert not read


@pytest.mark.parametrize("url", ["https://model.example/v1", "HTTPS://model.example/v1"])
def test_a_server_that_shows_a_certificate_has_to_show_a_valid_one(url):
    verify = client_options(url, api_key="k", timeout=1)["verify"]
    assert isinstance(verify, ssl.SSLContext)
    assert verify.verify_mode is ssl.CERT_REQUIRED
    assert verify.check_hostname


def test_what_a_server_has_only_to_look_up_is_not_waited_for_as_long_as_an_answer(monkeypatch):
    monkeypatch.setattr("rag.models.servers.LONGEST_LOOK", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as hung:  # connects, and never answers
        server = Server(f"http://127.0.0.1:{hung.getsockname()[1]}/v1", timeout=3600, backoff=0.01)
        with pytest.raises(ModelError, match="took too long to answer"):
            server.get("/models")
        server.close()
