"""The commands for large collections, on a small one."""

import json

import numpy as np
import pytest
from PIL import Image

from simcore.__main__ import run
from simcore.data.store import vector_index


@pytest.fixture
def many(tmp_path, capsys, monkeypatch):
    """200 flat pictures with features, and indexes allowed for so few."""
    monkeypatch.setattr(vector_index, "NEEDED", 100)
    colours = np.random.default_rng(0).integers(0, 256, (200, 4, 4, 3), dtype=np.uint8)
    folder = tmp_path / "many"
    folder.mkdir()
    for i, colour in enumerate(colours):
        Image.fromarray(colour).resize((40, 40)).save(folder / f"{i:03}.png")
    assert run(["collections", "add", "images", str(folder), "--name", "many"]) == 0
    assert run(["extract", "many", "--models", "layout"]) == 0
    capsys.readouterr()


def test_an_index_is_made_told_and_searched(many, capsys):
    assert run(["index", "many", "--models", "layout", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["indexes"]["layout"]
    assert made["rows"] == 200
    assert 0.5 < made["recall"] <= 1
    asked = ["search", "many", "--id", "007", "--models", "layout", "-k", "5"]
    rows = []
    for way in ("exact", "index"):
        assert run([*asked, "--mode", way, "--json"]) == 0
        rows += json.loads(capsys.readouterr().out)["rows"]
    assert rows[0]["search"] == "exact"
    assert rows[1]["search"] == {
        "index": made["kind"],
        "recall_at_10": made["recall"],
        "queries": made["queries"],
    }
    assert rows[0]["hits"][0]["id"] == rows[1]["hits"][0]["id"] != "007"
    assert run([*asked, "--mode", "index"]) == 0
    assert f"recall@10 {made['recall']:.1%}, measured on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["index", "many", "--models", "hog"], "run `simcore extract many --models hog` first"),
        (["search", "many", "--id", "007", "--models", "layout", "--mode", "fast"], "no way to"),
        (["search", "many", "--id", "007", "--models", "layout", "--mode", "index"], "no index"),
        (["extract", "many", "--engine", "spark"], "no engine named 'spark'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(many, capsys, args, words):
    assert run(args) == 1
    said = capsys.readouterr().err
    assert words in said.replace("\n", " ")
    assert "Traceback" not in said
