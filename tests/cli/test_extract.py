"""The commands for large collections, on a small collection."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from simcore.__main__ import run
from simcore.data.store import vector_index
from tests.conftest import cache_below

SEARCH = ["search", "many", "--id", "007", "--models", "layout"]


@pytest.fixture(scope="module")
def many_cache(tmp_path_factory):
    """A cache with 200 flat pictures and their features."""
    colors = np.random.default_rng(0).integers(0, 256, (200, 4, 4, 3), dtype=np.uint8)
    root = tmp_path_factory.mktemp("many")
    folder = root / "many"
    folder.mkdir()
    for i, color in enumerate(colors):
        Image.fromarray(color).resize((40, 40)).save(folder / f"{i:03}.png")
    with cache_below(root) as cache:
        assert run(["collections", "add", "images", str(folder), "--name", "many"]) == 0
        assert run(["extract", "many", "--models", "layout"]) == 0
    return cache


@pytest.fixture
def many(many_cache, cache, capsys, monkeypatch):
    """The pictures in this test's own cache, and indexes allowed for so few."""
    monkeypatch.setattr(vector_index, "MIN_ROWS", 100)
    shutil.copytree(many_cache, cache, dirs_exist_ok=True)
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
