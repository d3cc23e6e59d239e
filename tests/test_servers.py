"""What all clients of model servers share."""

from __future__ import annotations

import ssl

import httpx
import pytest

from rag.servers import client_options


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
