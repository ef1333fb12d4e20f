"""The command line: documents on stdout, sentences on stderr, exit statuses."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from simcore.__main__ import run
from simcore.models import weights

MODELS = "color,layout,hog"


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Twelve pairs: a colored disc on the left, the same disc a little larger on the right."""
    random, root = np.random.default_rng(0), tmp_path_factory.mktemp("pictures") / "shapes"
    y, x = np.mgrid[:96, :80]
    for number in range(12):
        cx, cy, radius = random.integers(20, 60, 3)
        color, ground = random.integers(0, 256, (2, 3))
        for side, grow in (("left", 1.0), ("right", 1.15)):
            disc = (x - cx) ** 2 + (y - cy) ** 2 < (radius * grow * 0.7) ** 2
            picture = np.where(disc[..., None], color, ground).astype(np.uint8)
            folder = root / side
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / f"{number:02}.png")
    return root


@pytest.fixture(scope="module")
def prepared(shapes, tmp_path_factory):
    """A cache with the shapes as a collection, and its features."""
    folder = tmp_path_factory.mktemp("prepared") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(folder))
        assert run(["collections", "add", "pairs", str(shapes), "--name", "shapes"]) == 0
        assert run(["extract", "shapes", "--models", MODELS]) == 0
    return folder


@pytest.fixture
def ready(prepared, cache, capsys):
    """The shapes as a collection with features, in this test's own cache."""
    shutil.copytree(prepared, cache, dirs_exist_ok=True)
    capsys.readouterr()
    return "shapes"


def document(capsys, *args):
    """Run a command with --json; the one document on stdout."""
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["result"]


def test_from_files_to_recall(shapes, capsys):
    added = document(capsys, "collections", "add", "pairs", str(shapes), "--name", "shapes")
    assert (added["name"], added["pairs"], added["skipped"]) == ("shapes", 12, [])
    first = document(capsys, "extract", "shapes", "--models", MODELS)
    assert first["computed"] == {"color": 24, "layout": 24, "hog": 24}
    second = document(capsys, "extract", "shapes", "--models", MODELS)
    assert second["computed"] == {"color": 0, "layout": 0, "hog": 0}
    assert second["cached"] == {"color": 24, "layout": 24, "hog": 24}

    table = document(
        capsys, "evaluate", "recall", "shapes", "--models", MODELS, "--combine", "zsum"
    )
    assert table["collection"] == "shapes"
    assert table["pairs"] == 12
    assert table["direction"] == "lr"
    assert [row["recipe"] for row in table["rows"]] == [
        ["color"],
        ["layout"],
        ["hog"],
        ["color", "layout", "hog"],
    ]
    assert [row["combine"] for row in table["rows"]] == ["none"] * 3 + ["zsum"]
    for row in table["rows"]:
        assert set(row["recall"]) == set(row["hits"]) == set(row["ci95"]) == {"1", "5", "10"}
        for k, share in row["recall"].items():
            low, high = row["ci95"][k]
            assert 0 <= low <= share <= high <= 1
            assert row["hits"][k] == round(12 * share)
    assert table["rows"][0]["hits"]["1"] >= 10, "the same two colours are on both sides"


def test_search_agrees_with_recall(ready, capsys):
    table = document(capsys, "evaluate", "recall", ready, "--models", "layout", "--k", "1")
    first = 0
    for number in range(12):
        (row,) = document(
            capsys, "search", ready, "--id", f"{number:02}", "--models", "layout", "-k", "3"
        )["rows"]
        scores = [hit["score"] for hit in row["hits"]]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 3
        assert row["mate"]["id"] == f"{number:02}"
        first += row["mate"]["rank"] == 1
    assert first == table["rows"][0]["hits"]["1"]


def test_an_uploaded_file_is_treated_like_a_stored_one(ready, shapes, capsys):
    stored = document(capsys, "search", ready, "--id", "03", "--models", MODELS, "-k", "5")
    upload = document(
        capsys,
        "search",
        ready,
        "--image",
        str(shapes / "left" / "03.png"),
        "--models",
        MODELS,
        "-k",
        "5",
    )
    for row, uploaded in zip(stored["rows"], upload["rows"], strict=True):
        assert [h["id"] for h in row["hits"]] == [h["id"] for h in uploaded["hits"]]
        assert np.allclose(
            [h["score"] for h in row["hits"]], [h["score"] for h in uploaded["hits"]], atol=1e-5
        )
        assert uploaded["mate"] is None


def test_the_other_direction(ready, capsys):
    result = document(
        capsys, "search", ready, "--id", "05", "--models", "color", "--direction", "rl", "-k", "1"
    )
    assert result["direction"] == "rl"
    assert result["rows"][0]["mate"]["id"] == "05"


def test_a_search_uses_what_is_ready_and_says_what_it_leaves_out(
    ready, shapes, capsys, monkeypatch
):
    line = ["search", ready, "--id", "03", "-k", "1", "--json"]
    assert run([*line, "--models", "layout,@offline"]) == 0
    shown = capsys.readouterr()
    rows = json.loads(shown.out)["result"]["rows"]
    assert {row["recipe"][0] for row in rows} == {"color", "layout", "hog"}
    assert "texture (not extracted)" in json.loads(shown.out)["notes"][0]
    assert "texture (not extracted)" in shown.err
    status = weights.status
    monkeypatch.setattr(
        weights, "status", lambda spec: (False, "gone") if spec.name == "layout" else status(spec)
    )
    line = ["search", ready, "--image", str(shapes / "left" / "03.png"), "-k", "1"]
    result = document(capsys, *line)
    assert {row["recipe"][0] for row in result["rows"]} == {"color", "hog"}
    assert run(line) == 0
    assert "Left out: layout (weights missing)." in capsys.readouterr().err
    assert run(["search", ready, "--id", "03", "--models", "texture"]) == 1  # it was asked for
    assert "simcore extract shapes --models texture" in capsys.readouterr().err
    assert run(["search", ready, "--text", "a hat"]) == 1
    assert "No CLIP backbone is ready" in capsys.readouterr().err


def test_weights_of_zero_and_one_are_the_single_backbone(ready, capsys):
    result = document(
        capsys,
        "search",
        ready,
        "--id",
        "01",
        "--models",
        "color,hog",
        "--combine",
        "sum",
        "--weights",
        "1,0",
        "-k",
        "12",
    )
    single, _, both = result["rows"]
    assert single["hits"] == both["hits"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["search", "shapes", "--id", "99", "--models", "hog"], "No image"),
        (["search", "shapes", "--models", "hog"], "needs either"),
        (["search", "shapes", "--id", "01", "--models", "hgo"], "Did you mean hog"),
        (["search", "shapes", "--id", "01", "--models", "hog", "--metric", "cos"], "cosine"),
        (["search", "shapes", "--id", "01", "--models", "hog", "--direction", "up"], "lr"),
        (["search", "shapes", "--id", "01", "--models", "hog", "-k", "0"], "at least 1"),
        (["search", "shapes", "--id", "01", "--models", "texture"], "simcore extract shapes"),
        (["search", "shaps", "--id", "01", "--models", "hog"], "Did you mean shapes"),
        (["search", "shapes", "--image", "nowhere.png", "--models", "hog"], "nowhere.png"),
        (["search", "shapes", "--id", "01", "--models", "hog,color", "--weights", "1"], "weights"),
        (["evaluate", "recall", "shapes", "--models", "hog", "--k", "one"], "numbers"),
        (["evaluate", "recall", "shapes", "--models", "hog", "--k", "0"], "1"),
        (["collections", "add", "pears", "x", "--name", "y"], "Did you mean pairs"),
        (["collections", "add", "pairs", "nowhere", "--name", "y"], "nowhere"),
        (["collections", "remove", "shaps"], "Did you mean shapes"),
        (["models", "fetch", "hgo"], "Did you mean hog"),
        (["jobs", "--stop", "none"], "No job"),
    ],
)
def test_bad_input_gets_one_sentence(ready, capsys, args, words):
    assert run([*args, "--json"]) == 1
    printed = capsys.readouterr()
    sentence = json.loads(printed.out)["error"]
    assert words in sentence
    assert "\n" not in sentence
    assert "Traceback" not in printed.err


def test_a_misspelled_command_has_another_exit_status(capsys):
    assert run(["serach"]) == 2
    assert "serach" in capsys.readouterr().err
    assert run(["evaluate", "recall", "mine", "surplus"]) == 2
    assert "(see simcore evaluate recall --help)" in capsys.readouterr().err


def test_collections_are_listed_and_removed(ready, capsys):
    assert [row["name"] for row in document(capsys, "collections", "list")] == ["shapes"]
    document(capsys, "collections", "remove", "shapes")
    assert document(capsys, "collections", "list") == []


def test_models_are_listed(ready, capsys):
    rows = {row["name"]: row for row in document(capsys, "models", "list")}
    assert {"mobilenetv2", "efficientnet-lite0", "hog", "face"} <= set(rows)
    assert rows["hog"]["ready"]
    assert rows["mobilenetv2"]["dim"] == 1280


def test_doctor_reports_packages_device_and_cache(ready, capsys):
    run(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)["result"]
    assert report["collections"] == {"shapes": 12}
    assert report["packages"]["torch"]
    assert report["device"] in {"cpu", "cuda", "mps"}
    assert report["answers"]["answers"] == 0
    assert report["cache"]["folders"]["features"] > 0


def test_help_loads_nothing_heavy():
    """Slow imports are named here, because a time would depend on the machine."""
    code = (
        "import runpy, sys\n"
        "sys.argv = ['simcore', '--help']\n"
        "try:\n"
        "    runpy.run_module('simcore', run_name='__main__')\n"
        "except SystemExit:\n"
        "    print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    loaded = set(process.stderr.split())
    assert {"typer", "simcore"} <= loaded
    heavy = {
        "torch",
        "torchvision",
        "timm",
        "streamlit",
        "pandas",
        "plotly",
        "lancedb",
        "pyarrow",
        "numba",
        "umap",
        "sklearn",
        "scipy",
        "sqlalchemy",
        "dlib",
        "ray",
    }
    assert not heavy & loaded
