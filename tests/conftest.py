from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import kept_workers
import pytest
from hypothesis import HealthCheck, settings
from paths import ROOT

import rag
from rag.documents.loading import workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.index.index import Index
    from rag.testing.fakes import CountingEmbedder

pytest.register_assert_rewrite("rag.testing")

# The time of an example depends on the load of the machine, so it has no deadline.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", patient)
settings.register_profile("ci", patient, derandomize=True)
settings.register_profile("quick", patient, max_examples=20)  # `make check`; `make test` tries five times as many
settings.load_profile("ci" if os.environ.get("CI") else "patient")

os.environ["RAG_STATE"] = mkdtemp(prefix="rag-state-")  # a developer's warm server must not answer tests


def pytest_configure() -> None:
    """Undo the deafness to Ctrl-C of background jobs, which the processes of the tests would inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_worker_outlives_the_tests() -> Iterator[None]:
    yield
    kept_workers.end_all()


@pytest.fixture(autouse=True)
def _keep_workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reuse the processes that read files. Tests of those processes have the mark `own_workers`."""
    if not request.node.get_closest_marker("own_workers"):
        monkeypatch.setattr(workers, "Worker", kept_workers.KeptWorker)


@pytest.fixture
def embedder() -> CountingEmbedder:
    from rag.testing.fakes import CountingEmbedder

    return CountingEmbedder()


@pytest.fixture
def index(tmp_path: Path, embedder: CountingEmbedder) -> Iterator[Index]:
    with rag.open_index(tmp_path / "index", create=True, embedder=embedder) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small documents about different things."""
    path = tmp_path / "documents"
    path.mkdir()
    (path / "tower.txt").write_text("The tower is 34 metres tall. It was built in 1872 by Ada Brandt.", encoding="utf-8")
    (path / "garden.md").write_text("# Garden\n\nRoses grow here.\n\n## Pond\n\nSeven carp live in the pond.", encoding="utf-8")
    (path / "kitchen.txt").write_text("The kitchen opens at noon. Soup costs 4 crowns.", encoding="utf-8")
    return path


@pytest.fixture
def place(tmp_path):
    """A folder with the example documents in `docs`, the recipes and their files, and `bin/rag`."""
    documents = ROOT / "rag" / "demo" / "documents"
    shutil.copytree(documents, tmp_path / "docs")
    shutil.copytree(documents, tmp_path / "rag" / "demo" / "documents")
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    launcher = tmp_path / "bin" / "rag"
    launcher.parent.mkdir()
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "cli.py"}" "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    return tmp_path
