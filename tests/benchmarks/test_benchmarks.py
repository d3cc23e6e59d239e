"""The driver of the benchmarks: figures of a page, comparison with the kept result, and figures in the README."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from paths import ROOT

from benchmarks import compare, run
from benchmarks.harness import pages
from benchmarks.harness.checks import BETTER, CHECKS, SAME, SPREAD, WORSE, Check
from benchmarks.harness.figures import Figure, Figures, find, from_json, to_json
from benchmarks.harness.measure import figure, spread
from benchmarks.harness.pages import table
from benchmarks.harness.parts import PARTS, Command
from benchmarks.summaries import quality as summaries_quality

KEPT_RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
THROUGH_VLLM = {command.script for part in PARTS.values() for command in part if command.through_vllm}

SPEED = Check("speed.py", "speed beside a peer", "Speed | peer | ours over its")
MEMORY = Check("speed.py", "memory, of the peer's", "Speed | ours | MB", over="Speed | peer | MB", better="lower")
RECALL = Check("recall.py", "recall", "Found | ours | R@10", tolerance=0.003, is_quality=True)
MISTAKES = Check("recall.py", "mistakes", "Found | ours | mistakes", better="lower", tolerance=0, is_quality=True)


def page(ratio=(2.0, 1.9, 2.1), ours_mb=300.0, peer_mb=600.0, **more) -> dict:
    figures = {"Speed | peer | ours over its": list(ratio), "Speed | ours | MB": ours_mb, "Speed | peer | MB": peer_mb}
    return {"command": "speed.py --rounds 3", "figures": {**figures, **more}}


def result(speed=None, recall=0.95, mistakes=0, *, day="2026-01-31", machine="laptop") -> dict:
    found = {"command": "recall.py", "figures": {"Found | ours | R@10": recall, "Found | ours | mistakes": mistakes}}
    return {"form": "quick", "date": day, "machine": machine, "pages": {"speed.py": speed or page(), "recall.py": found}}


def verdicts(kept: dict, new: dict) -> dict[str, str]:
    outcomes = compare.compare(kept, new, (SPEED, MEMORY, RECALL, MISTAKES))
    return {outcome.check.name: outcome.verdict for outcome in outcomes}


def figures_of(one: pages.Table) -> Figures:
    return pages.page(one).figures


class TestFigures:
    def test_a_number_is_named_by_heading_row_and_column(self):
        rows = [("`ours`", spread([1, 2, 4]), 12345), ("**theirs**", figure(45.5, 1, " %"), "17 or so")]
        made = pages.page("# Page", "text | no table", "## Speed", table(("", "seconds", "chunks"), rows))
        assert made.figures == {
            "Speed | ours | seconds": Figure(2, 1, 4),
            "Speed | ours | chunks": Figure(12345, 12345, 12345),
            "Speed | theirs | seconds": Figure(45.5, 45.5, 45.5),
        }

    def test_the_markdown_shows_the_same_numbers(self):
        rows = [
            ("ours", spread([1, 2, 4]), figure(12345)),
            ("theirs", figure(45.5, 1, " %"), ""),
            ("gain", Figure(1, -1, 2), (1, 2)),
        ]
        assert str(table(("", "seconds", "chunks"), rows)).splitlines() == [
            "|  | seconds | chunks |",
            "| --- | ---: | ---: |",
            "| ours | 2.0 [1.0–4.0] | 12,345 |",
            "| theirs | 45.5 % |  |",
            "| gain | 1 [-1 to 2] | 1 / 2 |",
        ]

    def test_the_corner_of_a_table_names_the_numbers_of_a_cell(self):
        found = figures_of(table(("p50 / p95, ms", "10,000"), [("hybrid", (15.8, 27.1)), ("found", 0.99)]))
        assert {name: one.value for name, one in found.items()} == {
            "hybrid | 10,000 | p50": 15.8,
            "hybrid | 10,000 | p95": 27.1,
            "found | 10,000": 0.99,
        }

    def test_several_numbers_without_names_are_an_error(self):
        with pytest.raises(ValueError, match="zip"):
            figures_of(table(("ms", "10,000"), [("hybrid", (15.8, 27.1))]))

    def test_rows_with_one_beginning_are_named_by_more_words(self):
        rows = [("scifact", 300, "dense", 0.6707), ("scifact", 300, "hybrid", 0.7351, Figure(0.0109, -0.0008, 0.023))]
        found = figures_of(table(("collection", "questions", "search", "nDCG@10", "gain"), rows))
        assert found["scifact, dense | nDCG@10"].value == 0.6707
        assert found["scifact, hybrid | gain"] == Figure(0.0109, -0.0008, 0.023)

    def test_columns_of_one_name_are_counted(self):
        found = figures_of(table(("ms", "p50", "p95", "alone, p50", "p95"), [("ours", 1, 2, 3, 4)]))
        assert [one.value for one in (found["ours | p95"], found["ours | p95 (2)"])] == [2, 4]

    def test_a_page_in_a_page_keeps_the_names_of_its_figures(self):
        inner = pages.page("## Speed", table(("", "s"), [("ours", 1), ("theirs", 2)]))
        outer = pages.page("# All", inner, "## Memory", table(("", "MB"), [("ours", 3), ("theirs", 4)]))
        assert list(outer.figures) == ["Speed | ours | s", "Speed | theirs | s", "Memory | ours | MB", "Memory | theirs | MB"]

    def test_published_figures_of_several_pages_are_read_again(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv(pages.FIGURES, str(tmp_path / "figures"))
        for value in (1, 2):
            pages.publish(pages.page("## Speed", table(("", "s"), [("ours", value)])), tmp_path / "page.md")
        assert {name: one.value for name, one in pages.published_figures(tmp_path / "figures").items()} == {
            "Speed | ours | s": 1,
            "Speed | ours | s (2)": 2,
        }
        assert (tmp_path / "page.md").read_text("utf-8") in capsys.readouterr().out

    def test_the_largest_size_is_the_last_column_that_a_pattern_fits(self):
        found = figures_of(table(("", "10,000", "20,003"), [("hybrid", 5, 7), ("hybrid, first", 50, 70)]))
        assert find(found, "hybrid | *") == Figure(7, 7, 7)
        assert find(found, "dense | *") is None

    def test_figures_survive_json(self):
        figures = {"a | b": Figure(2, 1, 4), "c": Figure(3, 3, 3)}
        assert from_json(json.loads(json.dumps(to_json(figures)))) == figures

    def test_a_quotient_has_the_range_of_both_at_odds(self):
        assert Figure(6, 4, 8).over(Figure(2, 1, 4)) == Figure(3, 1, 8)


class TestComparison:
    def test_a_ratio_beyond_its_spread_is_worse_or_better(self):
        kept = result()
        assert verdicts(kept, result(page((1.2, 1.1, 1.3))))[SPEED.name] == WORSE
        assert verdicts(kept, result(page((3.0, 2.9, 3.1))))[SPEED.name] == BETTER
        assert verdicts(kept, result(page((1.9, 1.85, 1.95))))[SPEED.name] == SAME

    def test_a_ratio_with_overlapping_rounds_is_not_worse(self):
        assert verdicts(result(), result(page((1.2, 1.0, 1.95))))[SPEED.name] == SPREAD

    def test_a_ratio_of_memory_is_worse_when_it_grows(self):
        assert verdicts(result(), result(page(ours_mb=400.0)))[MEMORY.name] == WORSE
        assert verdicts(result(), result(page(ours_mb=200.0)))[MEMORY.name] == BETTER

    def test_a_slower_machine_changes_no_verdict(self):
        kept = result(page(**{"Speed | ours | seconds": 10.0, "Speed | peer | seconds": 20.0}))
        slower = page(ours_mb=600.0, peer_mb=1200.0, **{"Speed | ours | seconds": 80.0, "Speed | peer | seconds": 160.0})
        assert set(verdicts(kept, result(slower)).values()) == {SAME}

    def test_quality_has_a_tolerance_of_its_own(self):
        assert verdicts(result(recall=0.95), result(recall=0.948))[RECALL.name] == SAME
        assert verdicts(result(recall=0.95), result(recall=0.94))[RECALL.name] == WORSE
        assert verdicts(result(mistakes=0), result(mistakes=1))[MISTAKES.name] == WORSE

    def test_missing_and_failed_measurements_are_worse(self):
        failed = {"command": "speed.py --rounds 3", "failed": "no memory (exit code 1)"}
        for new in (page(), failed):
            new.get("figures", {}).pop("Speed | peer | ours over its", None)
            outcomes = compare.compare(result(), result(new), (SPEED,))
            assert compare.is_worse(outcomes)
        assert "no memory" in outcomes[0].verdict

    def test_pages_left_out_or_of_another_size_do_not_count(self):
        left_out = {"command": "speed.py --rounds 3", "left out": "there is no vLLM"}
        larger = {**page((1.0, 1.0, 1.0)), "command": "speed.py --rounds 9"}
        for new, why in ((left_out, "there is no vLLM"), (larger, "--rounds 9")):
            outcomes = compare.compare(result(), result(new), (SPEED,))
            assert why in outcomes[0].verdict
            assert not compare.is_worse(outcomes)

    def test_a_regression_is_printed_with_values_and_spread(self):
        kept, new = result(), result(page((1.2, 1.1, 1.3)), machine="server")
        text = compare.told(compare.compare(kept, new, (SPEED, RECALL)), kept, new)
        assert "- speed.py, speed beside a peer: from 2 [1.9–2.1] to 1.2 [1.1–1.3], **worse**" in text
        assert "1 of 2 worse" in text
        assert "-40.0%" in text
        assert "The machines differ" in text

    def test_the_kept_result_is_the_newest_of_the_same_machine(self, tmp_path):
        def keep(name: str, **changes: object) -> Path:
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps({**result(), **changes}), encoding="utf-8")
            return path

        with pytest.raises(SystemExit, match="make bench"):
            compare.last_kept("laptop", tmp_path)
        keep("first")
        second = keep("second", date="2026-02-01")
        other = keep("other", date="2026-03-01", machine="server")
        keep("full", date="2026-04-01", form="full")
        assert compare.last_kept("laptop", tmp_path) == second
        assert compare.last_kept("unknown", tmp_path) == other
        assert compare.last_kept("server", tmp_path, but=other) == second

    @pytest.mark.parametrize(("recall", "code"), [(0.7, 0), (0.5, 1)])
    def test_the_command_ends_with_1_where_something_is_worse(self, recall, code, tmp_path, monkeypatch, capsys):
        name = "Retrieval quality | scifact, hybrid | nDCG@10"
        for file, value in (("kept", 0.7), ("new", recall)):
            pages = {"retrieval/quality.py": {"command": "retrieval/quality.py", "figures": {name: value}}}
            (tmp_path / f"{file}.json").write_text(json.dumps({**result(), "pages": pages}), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["compare.py", str(tmp_path / "new.json"), str(tmp_path / "kept.json")])
        with pytest.raises(SystemExit) as ended:
            compare.main()
        assert ended.value.code == code
        assert ("from 0.7 to 0.5" in capsys.readouterr().out) == bool(code)

    def test_a_file_that_is_no_result_is_named(self, tmp_path):
        (tmp_path / "x.json").write_text("[]", encoding="utf-8")
        with pytest.raises(SystemExit, match=r"x\.json"):
            compare.read_result(tmp_path / "x.json")


class TestChecks:
    def test_every_check_is_of_a_script_that_the_quick_form_runs(self):
        assert {check.script for check in CHECKS} <= {command.script for part in PARTS.values() for command in part}

    def test_every_check_has_a_kept_result(self):
        kept = [compare.read_result(path)["pages"] for path in KEPT_RESULTS]

        def is_kept(check):
            return any(check.of(pages.get(check.script, {}).get("figures", {})) for pages in kept)

        here = [check for check in CHECKS if check.script not in THROUGH_VLLM]
        assert [f"{check.script}: {check.name}" for check in here if not is_kept(check)] == []

    @pytest.mark.parametrize(
        "path", [path for path in KEPT_RESULTS if '"quick"' in path.read_text("utf-8")], ids=lambda path: path.name
    )
    def test_a_kept_result_has_all_that_its_scripts_are_compared_by(self, path):
        pages = compare.read_result(path)["pages"]
        measured = [check for check in CHECKS if "figures" in pages.get(check.script, {})]
        assert [check.name for check in measured if not check.of(pages[check.script]["figures"])] == []

    def test_quality_comes_from_rag_eval_and_is_found_again(self, tmp_path, monkeypatch):
        from benchmarks.retrieval import quality

        told = {"ndcg@10": 0.7, "mrr@10": 0.6, "recall@100": 0.9}
        ways = [{"name": mode, **told, "intervals": {**dict.fromkeys(told), "ndcg@10": [0.65, 0.75]}} for mode in quality.MODES]
        (rag := tmp_path / "rag").write_text(
            f"#!{sys.executable}\nprint({json.dumps({'queries': 3, 'chunks': 5, 'runs': ways})!r})\n", encoding="utf-8"
        )
        rag.chmod(0o755)
        monkeypatch.setattr(quality, "INDEXES", tmp_path / "indexes")
        rows = list(quality.measured(Path("data/scifact"), rag, None))
        header = ("collection, search", "questions", "passages", *quality.MEASURES.values())
        found = to_json(pages.page("## Retrieval quality", table(header, rows)).figures)
        values = [check.of(found) for check in CHECKS if check.script == "retrieval/quality.py" and "scifact" in check.name]
        assert values == [Figure(0.7, 0.65, 0.75), Figure(0.9, 0.9, 0.9)]

    def test_texts_are_kept_unless_they_failed_or_code_changed(self, tmp_path, monkeypatch):
        monkeypatch.setattr(summaries_quality, "KEPT", tmp_path / "kept")
        run = summaries_quality._Run([], 250, None, SimpleNamespace(name="m", window=4096), summaries_quality.Size())
        made = []

        def write(text, *told):
            made.append(text)
            run.told.extend(told)
            return [text]

        (code := tmp_path / "chain.py").write_text("SIZE = 1", encoding="utf-8")
        assert [run.kept([code], "one", lambda: write("a")) for _ in range(2)] == [["a"], ["a"]]
        assert run.kept([code], "another", lambda: write("b")) == ["b"]
        assert [run.kept([code], "third", lambda: write("c", "failed")) for _ in range(2)] == [["c"], ["c"]]
        code.write_text("SIZE = 2", encoding="utf-8")
        assert run.kept([code], "one", lambda: write("d")) == ["d"]
        assert made == ["a", "b", "c", "c", "d"]

    def test_an_index_that_other_code_made_is_not_measured(self, tmp_path, monkeypatch):
        from benchmarks.retrieval import quality

        code = tmp_path / "rag" / "documents" / "chunking.py"
        code.parent.mkdir(parents=True)
        code.write_text("SIZE = 1", encoding="utf-8")
        monkeypatch.setattr(quality, "ROOT", tmp_path)
        monkeypatch.setattr(quality, "INDEXES", tmp_path / "indexes")
        (first := quality.index_of("scifact")).mkdir(parents=True)
        (other := tmp_path / "indexes" / "cranfield-00000000").mkdir()
        assert quality.index_of("scifact") == first
        code.write_text("SIZE = 2", encoding="utf-8")
        assert quality.index_of("scifact") != first
        assert not first.exists()
        assert other.exists()


class TestDriver:
    @pytest.fixture
    def scripts(self, tmp_path, monkeypatch):
        """Three benchmarks: one prints a page, one prints a page and fails, one has no data."""
        (tmp_path / "good.py").write_text(
            "from benchmarks.harness.pages import page, publish, table\n"
            "publish(page('# Good', '## Speed', table(('', 's'), [('ours', 3)])), None)\n",
            encoding="utf-8",
        )
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        (tmp_path / "bad.py").write_text("print('## Bad')\nraise SystemExit('out of luck')", encoding="utf-8")
        commands = (Command("good.py", "DATA/x --plot PLOT"), Command("bad.py"), Command("other.py", "DATA/y", needs=("y",)))
        monkeypatch.setattr(run, "as_module", lambda script: [str(tmp_path / script)])
        monkeypatch.setattr(run, "PARTS", {"speed": commands[:1], "index": commands[1:]})
        return tmp_path

    def test_a_benchmark_that_fails_or_lacks_its_data_stops_no_other(self, scripts):
        results = run.run_quick(["index", "speed"], scripts, "laptop", scripts / "plot.svg")
        told = results.to_dict()["pages"]
        assert told == {
            "bad.py": {"command": "bad.py", "failed": "out of luck (exit code 1)", "figures": {}},
            "other.py": {"command": "other.py DATA/y", "left out": "there is no y in the folder of the collections"},
            "good.py": {"command": "good.py DATA/x --plot PLOT", "figures": {"Speed | ours | s": 3}},
        }
        text = results.text("Title", "Why")
        assert "**`bad.py` failed: out of luck (exit code 1)**" in text
        assert "`other.py DATA/y` was left out: there is no y in the folder of the collections." in text
        assert [line for line in text.splitlines() if line.startswith("#")] == [
            "# Title",
            "## Bad",
            "## other.py",
            "## Good",
            "### Speed",
        ]

    def test_page_and_figures_are_side_by_side(self, scripts, monkeypatch, capsys):
        output = scripts / "results" / "day.md"
        monkeypatch.setattr(sys, "argv", ["run.py", "speed", "--data", str(scripts), "--machine", "m", "--output", str(output)])
        with pytest.raises(SystemExit) as ended:
            run.main()
        assert ended.value.code == 0
        assert output.read_text(encoding="utf-8") in capsys.readouterr().out
        kept = compare.read_result(output.with_suffix(".json"))
        assert (kept["form"], kept["machine"]) == ("quick", "m")
        check = Check("good.py", "speed", "Speed | ours | s")
        assert [one.verdict for one in compare.compare(kept, kept, (check,))] == [SAME]

    def test_an_unknown_part_is_refused_with_those_that_are_known(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["run.py", "sped"])
        with pytest.raises(SystemExit):
            run.main()
        assert "unknown: sped; known: speed" in capsys.readouterr().err

    def test_kept_commands_name_no_place_of_this_machine(self):
        command = Command("x.py", "DATA/xquad/en --plot PLOT")
        assert command.line(Path("/data"), Path("/p.svg")) == ["x.py", "/data/xquad/en", "--plot", "/p.svg"]
        assert command.shown == "x.py DATA/xquad/en --plot PLOT"

    def test_without_vllm_its_benchmarks_are_left_out(self, tmp_path, monkeypatch):
        command = replace(PARTS["answers"][0], needs=())
        monkeypatch.setattr("benchmarks.harness.parts.VLLM_ENVIRONMENT", tmp_path)
        assert "make vllm" in command.obstacle(tmp_path)
        (tmp_path / "models" / "smollm2-135m-instruct").mkdir(parents=True)
        assert command.obstacle(tmp_path) == ""

    def test_every_script_and_peer_of_the_quick_form_is_there(self):
        for command in (command for part in PARTS.values() for command in part):
            assert (ROOT / "benchmarks" / command.script).is_file()
            assert all((ROOT / "benchmarks" / "peers" / f"requirements-{peer}.txt").is_file() for peer in command.peers)

    def test_every_part_has_its_target(self):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in ("bench", "bench-check", "bench-full", *(f"bench-{part}" for part in PARTS)):
            assert re.search(rf"^{target}: ", makefile, re.MULTILINE)
            assert f'"make {target} ' in makefile


class TestReadme:
    NUMBER = re.compile(r"(?<![\w.,@])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
    TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
    ROWS = [
        row.strip("| ").split(" | ")
        for row in TEXT.partition("## Measured")[2].partition("\n## ")[0].splitlines()
        if row.startswith("|")
    ][2:]

    def test_there_are_figures(self):
        assert len(self.ROWS) == 4

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
    def test_every_quoted_figure_is_in_the_named_page(self, row):
        *quoted, made_by = row
        (page,) = re.findall(r"\]\((benchmarks/results/[^)]+\.md)\)", made_by)
        there = set(self.NUMBER.findall((ROOT / page).read_text(encoding="utf-8")))
        numbers = self.NUMBER.findall(" ".join(quoted))
        assert numbers
        assert [number for number in numbers if number not in there] == []

    def test_every_command_that_is_named_exists(self):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for target in re.findall(r"`make ([\w-]+)`", self.TEXT):
            assert re.search(rf"^{target}: ", makefile, re.MULTILINE)
        for script in re.findall(r"`(benchmarks/[\w/]+\.py)`", self.TEXT):
            assert (ROOT / script).is_file()
