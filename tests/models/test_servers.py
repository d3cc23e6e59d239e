"""The behaviour that all clients of model servers share."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from rag.errors import ModelError
from rag.models.servers import Server, client_options


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "HTTP://model.example/v1"])
def test_plain_http_reads_no_certificates(url, monkeypatch):
    read = []
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: read.append("certificates"))
    with httpx.Client(**client_options(url, api_key=None, timeout=1)):
        assert not read


@pytest.mark.parametrize("url", ["https://model.example/v1", "HTTPS://model.example/v1"])
def test_https_needs_a_valid_certificate(url):
    verify = client_options(url, api_key="k", timeout=1)["verify"]
    assert isinstance(verify, ssl.SSLContext)
    assert verify.verify_mode is ssl.CERT_REQUIRED
    assert verify.check_hostname


def test_a_lookup_has_a_shorter_timeout_than_an_answer(monkeypatch):
    monkeypatch.setattr("rag.models.servers.LONGEST_LOOK", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as hung:  # connects, and never answers
        server = Server(f"http://127.0.0.1:{hung.getsockname()[1]}/v1", timeout=3600, backoff=0.01)
        with pytest.raises(ModelError, match="took too long to answer"):
            server.get("/models")
        server.close()
