"""The command line with the packaged models, in processes of its own; mistakes are tried in this process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from paths import ROOT
from waiting import wait_until

from rag.cli import main


@pytest.fixture
def rag(tmp_path):
    """Run `rag …` in a folder of its own, as a script does: stdin, stdout and stderr are pipes."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *arguments],
            input=stdin, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, env={**clean_environment(), **environment},
        )  # fmt: skip

    return run


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key == "RAG_CACHE" or not key.startswith("RAG_")}


@pytest.fixture
def indexed(rag, folder):
    assert rag("index", "documents", "--index", "i").returncode == 0
    return rag


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["search", "x"], 1, "indexes/default.*rag index SOURCE…"),
        (["index", "absent"], 1, "absent"),
        (["index", "nothing"], 1, r"nothing.*\.pdf"),
        (["index", "documents", "--embedder", "minlm"], 1, "'minlm'.*'minilm'"),
        (["index", "documents", "--index", "documents"], 1, "documents .*folder"),
        (["index", "documents", "--chunk-tokens", "900"], 1, "900.*minilm"),
        (["index"], 2, "SOURCE…"),
        (["serach", "x"], 2, "'serach'"),
        (["search", "x", "--mode", "danse"], 2, "'danse'.*'hybrid', 'dense', 'keyword'"),
        (["search", "x", "--where", "source"], 2, "KEY=GLOB"),
        (["remove", "documents/tower.txt"], 1, "indexes/default"),
        (["remove"], 2, "SOURCE…"),
        (["verify"], 1, "indexes/default"),
        (["compact", "--wait", "-1"], 2, "-1.0.*x>=0"),
        (["run", "absent.toml"], 1, r"absent\.toml.*No such file or directory"),
    ],
)  # fmt: skip
def test_a_mistake_shows_no_traceback(monkeypatch, folder, tmp_path, arguments, code, message):
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code
    assert re.search(rf"Error: .*{message}", " ".join(done.stderr.split()))
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_mistake_ends_a_process_with_code_1(rag):
    done = rag("search", "x")
    assert done.returncode == 1
    assert re.match("Error: .*indexes/default", done.stderr)
    assert done.stdout == ""


@pytest.mark.slow
def test_the_whole_path_in_json(rag, folder):
    first = json.loads(rag("index", "documents", "--index", "i", "--json").stdout)
    assert {key: first[key] for key in ("added", "unchanged", "failed", "documents")} == {
        "added": 3,
        "unchanged": 0,
        "failed": [],
        "documents": 3,
    }
    second = json.loads(rag("index", "documents", "--index", "i", "--json").stdout)
    assert (second["added"], second["unchanged"], second["chunks"]) == (0, 3, first["chunks"])

    found = json.loads(rag("search", "-", "-k", "2", "--index", "i", "--json", stdin="how tall is the tower?\n").stdout)
    assert found["question"] == "how tall is the tower?"
    assert set(found["hits"][0]) == {
        "rank", "score", "source", "title", "pages", "heading", "start", "end", "text", "chunk", "place",
    }  # fmt: skip
    assert found["hits"][0]["source"].endswith("tower.txt")

    done = rag("ask", "How tall is the tower?", "--llm", "extractive", "--index", "i", "--json")
    answer = json.loads(done.stdout)
    assert set(answer) == {
        "question",
        "answer",
        "answerable",
        "evidence",
        "sentences",
        "citations",
        "hits",
        "model",
        "usage",
        "seconds",
        "removed_citations",
        "asked",
        "cut",
    }
    text = Path(answer["citations"][0]["source"]).read_text(encoding="utf-8")
    assert text[answer["citations"][0]["start"] : answer["citations"][0]["end"]] == answer["citations"][0]["quote"]

    assert len(json.loads(rag("documents", "--index", "i", "--json").stdout)["documents"]) == 3
    assert json.loads(rag("status", "--index", "i", "--json").stdout)["embedder"] == "minilm"


@pytest.mark.slow
def test_output_for_people(indexed):
    done = indexed("ask", "How tall is the tower?", "--llm", "extractive", "--index", "i")
    assert done.stdout.startswith("The tower is 34 metres tall [1].")
    assert "[1] documents/tower.txt" in done.stdout
    assert "“The tower is 34 metres tall.”" in done.stdout
    assert "extractive · evidence" in done.stderr
    lost = indexed("ask", "Who composed the opera about the Flying Dutchman?", "--llm", "extractive", "--index", "i")
    assert lost.stdout.startswith("Not found in these documents.\n\nNearest passages:\n")
    assert "documents/garden.md" in indexed("documents", "--index", "i").stdout
    assert "embedder   minilm" in indexed("status", "--index", "i").stdout
    assert "documents/tower.txt" in indexed("search", "tower", "--index", "i").stdout


@pytest.mark.slow
def test_the_packaged_model_answers(indexed):
    done = indexed("ask", "How tall is the tower?", "--index", "i", "--json")
    answer = json.loads(done.stdout)
    assert "34" in answer["answer"]
    assert answer["model"].startswith("SmolLM2")
    assert answer["usage"]["prompt_tokens"] > 50
    assert answer["citations"][0]["source"].endswith("tower.txt")


@pytest.mark.slow
def test_some_failed_files_are_named_and_the_exit_code_is_3(rag, folder):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    done = rag("index", "documents", "--index", "i", "--json")
    assert done.returncode == 3
    (failed,) = json.loads(done.stdout)["failed"]
    assert (Path(failed["source"]).name, failed["status"]) == ("broken.pdf", "corrupt")
    assert "broken.pdf" in rag("status", "--index", "i").stdout
    assert rag("index", "documents", "--index", "i").returncode == 3


@pytest.mark.slow
def test_a_dry_run_prints_the_plan_and_changes_nothing(indexed, folder):
    (folder / "tower.txt").unlink()
    (folder / "new.txt").write_text("New.", encoding="utf-8")
    plan = json.loads(indexed("index", "documents", "--index", "i", "--dry-run", "--json").stdout)
    assert ([Path(p).name for p in plan["added"]], [Path(p).name for p in plan["removed"]], plan["unchanged"]) == (
        ["new.txt"],
        ["tower.txt"],
        2,
    )
    assert json.loads(indexed("status", "--index", "i", "--json").stdout)["documents"] == 3


@pytest.mark.slow
def test_a_dry_run_names_both_ends_of_a_renaming(indexed, folder):
    (folder / "tower.txt").rename(folder / "light.txt")
    assert indexed("index", "documents", "--index", "i", "--dry-run").stdout == (
        "renamed  documents/tower.txt → documents/light.txt\n"
    )


@pytest.mark.slow
def test_hidden_files_and_links_are_taken_when_asked_for(rag, folder, tmp_path):
    (folder / ".draft.txt").write_text("A draft.", encoding="utf-8")
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "away.txt").write_text("Far away.", encoding="utf-8")
    (folder / "link").symlink_to(tmp_path / "far", target_is_directory=True)
    plan = json.loads(rag("index", "documents", "--dry-run", "--json").stdout)
    wider = json.loads(rag("index", "documents", "--dry-run", "--json", "--hidden", "--follow-links").stdout)
    assert [Path(name).name for name in wider["added"] if name not in plan["added"]] == [".draft.txt", "away.txt"]


@pytest.mark.slow
def test_removing_names_documents_and_warns_of_their_return(indexed):
    done = indexed("remove", "documents/tower.txt", "--index", "i")
    assert done.stdout.startswith("removed  documents/tower.txt\n1 removed · 2 documents, ")
    assert "come back with the next `rag index`" in done.stdout
    again = indexed("remove", "documents/tower.txt", "--index", "i")
    assert (again.returncode, again.stdout) == (1, "")
    assert "Nothing was removed" in again.stderr
    removed = json.loads(indexed("remove", "*.md", "--index", "i", "--json").stdout)
    assert set(removed) == {"index", "removed", "documents", "chunks", "seconds"}
    assert ([Path(name).name for name in removed["removed"]], removed["documents"]) == (["garden.md"], 1)


@pytest.mark.slow
def test_verify_lists_problems_and_repair_fixes_them(indexed, tmp_path):
    sound = indexed("verify", "--index", "i")
    assert (sound.returncode, sound.stdout.startswith("sound: 3 documents, 4 chunks")) == (0, True)
    harm(next((tmp_path / "i" / "vectors").glob("*.seg")))
    repaired = json.loads(indexed("verify", "--repair", "--index", "i", "--json").stdout)
    assert set(repaired) == {"index", "sound", "problems", "repaired", "documents", "chunks", "seconds"}
    assert (repaired["sound"], repaired["repaired"], len(repaired["problems"])) == (True, True, 1)
    assert json.loads(indexed("verify", "--index", "i", "--json").stdout)["problems"] == []
    harm(next((tmp_path / "i" / "vectors").glob("*.seg")))
    found = indexed("verify", "--index", "i")
    assert (found.returncode, found.stderr) == (1, "")
    assert "1 problem. `rag verify --repair`" in found.stdout


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--repair"]])
def test_verifying_a_broken_index_is_a_result_not_a_crash(indexed, tmp_path, options):
    (tmp_path / "i" / "catalog.sqlite").write_bytes(b"no database " * 1000)
    done = indexed("verify", "--index", "i", "--json", *options)
    found = json.loads(done.stdout)
    assert (done.returncode, found["sound"], found["repaired"]) == (1, False, False)
    assert "catalog.sqlite cannot be read" in found["problems"][0]
    assert "remove the folder and index its sources again" in indexed("verify", "--index", "i", *options).stdout


def harm(path: Path) -> None:
    """Turn one bit."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.slow
def test_compact_and_status_print_sizes(indexed, tmp_path):
    status = json.loads(indexed("status", "--index", "i", "--json").stdout)
    assert set(status["sizes"]) == {"catalog", "vectors", "keywords"}
    assert status["format"] == 2
    assert "size       " in indexed("status", "--index", "i").stdout
    done = json.loads(indexed("compact", "--index", "i", "--json").stdout)
    assert set(done) == {"index", "bytes_before", "bytes", "seconds"}
    assert done["bytes"] == sum(path.stat().st_size for path in (tmp_path / "i").rglob("*") if path.is_file())


@pytest.mark.slow
def test_settings_come_from_flags_then_environment_then_rag_toml(indexed, tmp_path):
    (tmp_path / "rag.toml").write_text('index = "nowhere"\nllm = "extractive"\n', encoding="utf-8")
    assert "nowhere" in indexed("status").stderr
    assert indexed("status", RAG_INDEX="i").returncode == 0
    assert "elsewhere" in indexed("status", "--index", "elsewhere", RAG_INDEX="i").stderr
    assert json.loads(indexed("ask", "How tall is the tower?", "--json", RAG_INDEX="i").stdout)["model"] == "extractive"
    assert "'local'" in indexed("ask", "x", RAG_INDEX="i", RAG_LLM="locl").stderr
    (tmp_path / "rag.toml").write_text('indexx = "i"\n', encoding="utf-8")
    assert re.search("rag.toml.*'indexx'.*'index'", indexed("status").stderr)


@pytest.mark.slow
def test_ctrl_c_leaves_a_sound_index_no_traceback_and_no_orphans(rag, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for n in range(300):
        (many / f"{n}.txt").write_text(f"Note {n}. " + "The keeper trims the wick and writes it down. " * 120, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "index", "many", "--index", "i"],
        cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # whoever runs the tests may ignore it
    )  # fmt: skip
    wait_until(lambda: _children(process.pid), seconds=120)
    children = _children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted; finished work is kept." in errors
    assert "Traceback" not in errors
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert rag("status", "--index", "i").returncode == 0


def _children(pid: int) -> list[int]:
    """Processes that any thread of `pid` started."""
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


@pytest.mark.slow
def test_output_that_nobody_reads_to_the_end_is_no_error(indexed, tmp_path):
    command = f"{sys.executable} {ROOT / 'cli.py'} search tower --index i | head -1"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True)
    assert "tower.txt" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_the_demo_answers_two_questions_and_refuses_one(rag, tmp_path):
    done = rag("demo", RAG_CACHE=os.environ.get("RAG_CACHE", ""))
    assert done.returncode == 0, done.stderr
    parts = done.stdout.split("Question: ")[1:]
    assert len(parts) == 3
    assert "handbook.pdf, p. 3" in parts[0]
    assert "Bosun [1]" in parts[1]
    assert "Not found in these documents." in parts[2]


def test_debug_shows_the_traceback(rag):
    done = rag("status", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "NoIndexError" in done.stderr
