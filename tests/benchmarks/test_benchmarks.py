"""The benchmarks: their shape, their aims, their table, and one of them from end to end."""

import importlib
import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from benchmarks import growth, growth_chart, results_table, runner
from benchmarks.__main__ import bench
from benchmarks.results_table import Aim, Line, skipped
from simcore.__main__ import run as simcore
from simcore.errors import BadDataError, UnknownNameError


@pytest.mark.parametrize("name", runner.names())
def test_each_benchmark_gives_lines(name):
    lines = importlib.import_module(f"benchmarks.{name}").lines
    assert list(inspect.signature(lines).parameters) == ["quick"]


def test_every_part_has_its_benchmark():
    assert {
        "decoding",
        "extraction",
        "gpu",
        "growth",
        "maps",
        "adaptation",
        "map_redraw",
        "peak_memory",
        "similarity_matrices",
        "startup_time",
        "subset_search",
        "thingsvision",
        "top_k",
    } <= set(runner.names())


@pytest.mark.parametrize(
    ("aim", "measured", "ratio", "met"),
    [
        (Aim("at most", 2.0), 1.9, None, True),
        (Aim("at most", 2.0), 2.1, 0.1, False),
        (Aim("at least", 2.0), 2.1, None, True),
        (Aim("at least", 2.0), 1.9, 9.0, False),
        (Aim("at least", 0.95, of="ratio"), 0.1, 0.96, True),
        (Aim("at least", 0.95, of="ratio"), 99.0, 0.94, False),
        (Aim("at least", 0.95, of="ratio"), 99.0, None, None),
        (Aim("at most", 2.0), None, None, None),
        (None, 1.0, 1.0, None),
    ],
)
def test_an_aim_is_met_or_not(aim, measured, ratio, met):
    line = Line("part", measured, "s", ratio=ratio, aim=aim)
    assert line.met is met
    assert line.cells()[5] == {True: "met", False: "NOT MET", None: ""}[met]
    assert line.to_dict()["met"] is met


def test_aims_of_the_real_parts_can_fail():
    from benchmarks import extraction, peak_memory, subset_search, top_k

    assert Line("", 2.5, "s", aim=subset_search.AIM).met is False
    assert Line("", 5.5, "ms", aim=top_k.AIM).met is False
    assert Line("", 3.5, "GB", aim=peak_memory.AIM).met is False
    assert Line("", 40, "images/s", ratio=0.9, aim=extraction.AIM).met is False


def test_the_table_renders(capsys):
    lines = [
        Line("subsets", 0.53, "s", "brute force", 0.02, Aim("at most", 2.0), "a | b"),
        skipped("a GPU", "no CUDA device here"),
    ]
    results_table.show(lines, title="a machine")
    said = capsys.readouterr().out
    assert "0.53 s" in said
    assert "at most 2 s" in said
    head, rule, first, second = results_table.markdown(lines).split("\n")
    assert head.count("|") == rule.count("|") == first.count("|") == second.count("|") == 8
    assert "not measured: no CUDA device here" in second


def test_an_unknown_benchmark_is_one_sentence(capfd):
    with pytest.raises(UnknownNameError, match=r"No benchmark named 'top_kk'. Did you mean top_k"):
        runner.chosen(["top_kk"])
    assert simcore(["bench", "--only", "top_kk"]) == 1
    assert capfd.readouterr().err.count("No benchmark named") == 1


def test_without_the_source_tree_there_is_one_sentence(monkeypatch, tmp_path):
    from simcore.cli import bench

    monkeypatch.setattr(bench, "__file__", str(tmp_path / "simcore" / "cli" / "bench.py"))
    with pytest.raises(BadDataError, match="benchmarks are not part of the package"):
        bench.bench(None)


def test_what_no_time_is_left_for_is_a_line(monkeypatch):
    monkeypatch.setattr(runner, "ALL", 0.0)
    monkeypatch.setattr(runner, "names", lambda: ["subset_search", "top_k"])
    lines = runner.run(quick=True)
    assert [line.measured for line in lines] == [None, None]
    assert lines[1].note == "not measured: no time was left; run it with --only top_k"


def test_what_fails_is_a_line():
    (line,) = runner.apart("benchmarks.results_table", quick=True)  # a module without `lines`
    assert line.measured is None
    assert "AttributeError" in line.note


@pytest.mark.slow
def test_one_that_hangs_is_ended_with_all_that_it_started(monkeypatch, tmp_path):
    (tmp_path / "hangs.py").write_text(
        "import pathlib, subprocess, time\n"
        "def lines(quick=False):\n"
        f"    place = pathlib.Path({str(tmp_path)!r})\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        "    (place / 'child').write_text(str(child.pid))\n"
        "    try:\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        (place / 'cleaned').touch()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (line,) = runner.apart("hangs", quick=True, patience=6.0)
    assert "hangs" in line.part
    assert "longer than 6 s" in line.note
    assert (tmp_path / "cleaned").exists()
    state = Path("/proc", (tmp_path / "child").read_text(), "stat")
    assert not state.exists() or " Z " in state.read_text()


@pytest.mark.slow
def test_one_runs_from_end_to_end(capfd):
    assert simcore(["bench", "--quick", "--only", "top_k", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["command"] == "python -m benchmarks --only top_k --quick"
    assert found["machine"]["cores"] >= 1
    parts = [line["part"] for line in found["lines"]]
    assert len(parts) == 3
    assert all(line["measured"] > 0 for line in found["lines"])
    assert all(line["met"] is None for line in found["lines"]), "small sizes claim no aim"


def test_results_are_appended(tmp_path):
    old = "# Results\n"
    (tmp_path / "RESULTS.md").write_text(old)
    lines = [Line("growth: a", 4.0, "s", points=((100, 1.0), (200, 4.0)))]
    runner.write(lines, "python -m benchmarks", 61.0, 0.1, folder=tmp_path)
    said = (tmp_path / "RESULTS.md").read_text()
    assert said.startswith(old)
    assert "| growth: a | 4 s |" in said
    assert "`python -m benchmarks`, 1.0 minutes" in said
    assert "growth.svg" in said
    with pytest.raises(BadDataError, match=r"RESULTS\.md"):
        runner.write(lines, "", 1.0, 0.1, folder=tmp_path / "elsewhere")


def test_charts_show_what_was_measured_at_several_sizes():
    lines = [
        Line("growth: <b>", 4.0, "s", points=((100, 1.0), (200, 4.0))),
        Line("no curve", 1.0, "s"),
    ]
    drawing = growth_chart.svg(lines)
    assert drawing.count("<circle") == 2
    assert "&lt;b&gt;" in drawing
    assert growth_chart.svg(lines[1:]) == ""
    page = growth_chart.page(lines, "a machine", "python -m benchmarks")
    assert "How each part grows" in page
    assert "<script src" not in page


def test_the_power_of_n_is_the_slope():
    line = growth.grown("a part", [(n, n**1.5 / 1e4, 0.5) for n in (100, 200, 400, 800)])
    assert "N^1.50" in line.note
    assert line.points[1] == (200, 200**1.5 / 1e4)
    assert line.memory[3] == (800, 0.5)
    assert results_table.Line.from_dict(line.to_dict()) == line
    drawing = growth_chart.svg([line])
    assert drawing.count("<circle") == 8, "a panel of seconds and one of memory"


def test_larger_sizes_of_a_part_that_takes_too_long_are_left_out(monkeypatch):
    def slow(part):
        return (9.0, 0.1) if part == "UMAP of pairs" else (0.5, 0.1)

    monkeypatch.setattr(growth, "apart", slow)
    monkeypatch.setattr(growth.synthetic_cache, "collection", lambda *_args, **_options: None)
    points = growth.measure((1_000, 3_000), True, patience=5.0)
    assert [row[0] for row in points["UMAP of pairs"]] == [1_000]
    assert [row[0] for row in points["one query, exact"]] == [1_000, 3_000]
    assert "UMAP of images" not in points


def test_check_prints_what_is_met_and_fails_otherwise(tmp_path, capsys):
    lines = [
        Line("subsets", 0.53, "s", aim=results_table.aim("subset_search.seconds")),
        Line("top-10", 9.0, "ms", aim=results_table.aim("top_k.milliseconds")),
        Line("without an aim", 1.0, "s", points=((1.0, 2.0),)),
    ]
    file = tmp_path / "results.json"
    file.write_text(json.dumps(runner.document(lines, "python -m benchmarks", 1.0, 0.0)))
    assert runner.read(file) == lines
    with pytest.raises(typer.Exit) as stopped:
        bench(check=True, results=file)
    assert stopped.value.exit_code == 1
    assert capsys.readouterr().out.splitlines() == [
        "subsets: 0.53 s, aim: at most 2 s, met",
        "top-10: 9 ms, aim: at most 5 ms, NOT MET",
        "1 met, 1 not met, 0 not measured",
    ]
    file.write_text(json.dumps(runner.document(lines[:1], "python -m benchmarks", 1.0, 0.0)))
    bench(check=True, results=file)
    file.write_text("{}")
    with pytest.raises(BadDataError, match="python -m benchmarks --json"):
        bench(check=True, results=file)


def test_every_aim_of_the_file_is_used():
    sources = "".join(path.read_text("utf-8") for path in runner.HERE.glob("*.py"))
    document = tomllib.loads(results_table.AIMS.read_text("utf-8"))
    names = [f"{section}.{key}" for section, aims in document.items() for key in aims]
    assert names
    for name in names:
        assert results_table.aim(name).value > 0
        assert f'aim("{name}")' in sources


MISSING = (  # on a machine for which benchmarks.gpu is made; all others are optional there as well
    "lancedb lance lance_namespace simplejpeg streamlit open_clip numba typer plotly umap openvino "
    "sqlalchemy cv2 dlib skimage h5py pydantic duckdb"
)
BARE = """
import runpy, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv = ["gpu", *sys.argv[2:]]
runpy.run_module("benchmarks.gpu", run_name="__main__")
"""


@pytest.mark.slow
def test_gpu_benchmark_needs_only_torch_and_timm(tmp_path):
    file = tmp_path / "gpu.json"
    tree = runner.HERE.parent
    command = [sys.executable, "-c", BARE, MISSING, "--device", "cpu", "--quick", "--json", file]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tree)
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text("utf-8"))
    lines = {line["part"]: line for line in document["lines"]}
    unmeasured = {part: line["note"] for part, line in lines.items() if line["measured"] is None}
    assert set(unmeasured.values()) == {"not measured: only on CUDA"}, unmeasured
    for words in ("readers alone", "extraction into memory", "recovery", "ranks", "adaptation"):
        assert any(words in part for part in lines), words
    (fp32,) = (line for part, line in lines.items() if "against cpu fp32" in part)
    assert fp32["measured"] <= 1e-5
