"""The commands for large collections, on a small collection."""

import json

import numpy as np
import pytest
from PIL import Image

from simcore.__main__ import run
from simcore.data.store import vector_index

SEARCH = ["search", "many", "--id", "007", "--models", "layout"]


@pytest.fixture
def many(tmp_path, capsys, monkeypatch):
    """200 flat pictures with features, and indexes allowed for so few."""
    monkeypatch.setattr(vector_index, "MIN_ROWS", 100)
    colors = np.random.default_rng(0).integers(0, 256, (200, 4, 4, 3), dtype=np.uint8)
    folder = tmp_path / "many"
    folder.mkdir()
    for i, color in enumerate(colors):
        Image.fromarray(color).resize((40, 40)).save(folder / f"{i:03}.png")
    assert run(["collections", "add", "images", str(folder), "--name", "many"]) == 0
    assert run(["extract", "many", "--models", "layout"]) == 0
    capsys.readouterr()


def test_an_index_is_built_listed_and_searched(many, capsys):
    assert run(["index", "many", "--models", "layout", "--json"]) == 0
    index = json.loads(capsys.readouterr().out)["result"]["indexes"]["layout"]
    assert index["rows"] == 200
    assert 0.5 < index["recall"] <= 1
    args = [*SEARCH, "-k", "5"]
    rows = []
    for mode in ("exact", "index"):
        assert run([*args, "--mode", mode, "--json"]) == 0
        rows += json.loads(capsys.readouterr().out)["result"]["rows"]
    assert rows[0]["search"] == "exact"
    assert rows[1]["search"] == {
        "index": index["kind"],
        "recall_at_10": index["recall"],
        "queries": index["queries"],
    }
    assert rows[0]["hits"][0]["id"] == rows[1]["hits"][0]["id"] != "007"
    assert run([*args, "--mode", "index"]) == 0
    assert f"recall@10 {index['recall']:.1%}, measured on" in capsys.readouterr().err
    run(["doctor", "--all"])
    printed = capsys.readouterr().err.replace("\n", " ")
    assert f"Index of layout ({index['kind']}, cosine): 200 rows, recall@10" in printed


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["index", "many", "--models", "hog"], "Run `simcore extract many --models hog` first."),
        ([*SEARCH, "--mode", "fast"], "No search mode"),
        ([*SEARCH, "--mode", "index"], "o index"),
        (["extract", "many", "--engine", "spark"], "No engine named 'spark'"),
    ],
)
def test_unusable_input_is_one_sentence(many, capsys, args, words):
    assert run(args) == 1
    printed = capsys.readouterr().err
    assert words in printed.replace("\n", " ")
    assert "Traceback" not in printed
