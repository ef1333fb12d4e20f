"""`simcore leaderboard`: table, document, files and merge."""

import json

import pytest
import typer

from simcore.__main__ import run
from simcore.lab.leaderboard import costs, evaluation


@pytest.fixture(autouse=True)
def instant(monkeypatch):
    monkeypatch.setattr(costs, "measure", lambda *_: None)


def test_table_and_document(tiny, capsys):
    assert run(["leaderboard", tiny, "--models", "hog,vgg16", "--by", "tiny:aR@1"]) == 0
    printed = capsys.readouterr()
    assert "hog, cosine" in printed.out
    assert "vgg16" in printed.out
    assert "weight file" in printed.out
    assert "McNemar" in printed.err
    assert run(["leaderboard", tiny, "--models", "hog", "--post", "none", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["collection"]["name"] == tiny
    assert [backbone["name"] for backbone in document["backbones"]] == ["hog"]
    row = document["result"]["rows"][0]
    assert row["backbone"] == "hog"
    assert row["license"] == "MIT, free to use"
    score = row["scores"]["tiny:recall@1"]
    assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
    assert row["places"]["tiny:recall@1"]["rank"] == 1


def test_export_and_merge(tiny, capsys, tmp_path):
    files = []
    for model in ("hog", "color"):
        files.append(str(tmp_path / f"{model}.json"))
        assert run(["leaderboard", "export", tiny, files[-1], "--models", model]) == 0
    merged, page = tmp_path / "merged.json", tmp_path / "board.html"
    args = ["leaderboard", "merge", *files, "--output", str(merged), "--html", str(page)]
    assert run(args) == 0
    out = capsys.readouterr().out
    assert "hog, cosine" in out
    assert "color, cosine" in out
    assert merged.is_file()
    assert "color, l1" in page.read_text()
    assert run(["leaderboard", "merge", str(merged), str(tmp_path / "none.json")]) == 1
    assert "no file" in capsys.readouterr().err


def test_files_have_all_numbers(tiny, capsys, tmp_path):
    csv, tex = tmp_path / "board.csv", tmp_path / "board.tex"
    args = ["leaderboard", tiny, "--models", "hog,color", "--csv", str(csv), "--latex", str(tex)]
    assert run(args) == 0
    header, *rows = csv.read_text().splitlines()
    assert "tiny:recall@1 rank high" in header
    assert len(rows) == 8  # two descriptors, two metrics, with and without post-processing
    latex = tex.read_text()
    assert "longtable" in latex
    columns = next(line for line in latex.splitlines() if line.startswith("rank &"))
    assert columns.count("&") == 7  # those of the terminal, and all costs: it fits on a page
    assert "dimensions" in columns


def test_misspelled_names(tiny, capsys):
    assert run(["leaderboard", "tinny"]) == 1
    assert "Did you mean tiny?" in capsys.readouterr().err
    assert run(["leaderboard", tiny, "--post", "centre"]) == 1
    assert "Did you mean center?" in capsys.readouterr().err


def test_a_download_is_asked_for_once_and_a_refusal_fetches_nothing(tiny, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    questions = []
    monkeypatch.setattr(typer, "confirm", lambda text, **_: questions.append(text))
    monkeypatch.setattr(
        evaluation, "run", lambda *_args, **_options: pytest.fail("it went on without a consent")
    )
    line = ["leaderboard", tiny, "--models", "hog,mobilenetv2,contours", "--fetch"]
    assert run(line) == 1
    assert questions == ["Download them?"]
    said = capsys.readouterr().err
    assert "2 files to download (68.0 MB), 2 backbones to extract, about" in " ".join(said.split())
    assert "Nothing was downloaded" in said
    assert "Interrupted" not in said
    assert run(["models", "fetch", "mobilenetv2"]) == 1
    assert questions[1] == "1 files, 9.1 MB. Download them?"
    assert "Interrupted" not in capsys.readouterr().err
