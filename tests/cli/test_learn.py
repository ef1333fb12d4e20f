"""`simcore learn`: its documents fit each other; what is learned, other commands can use."""

import json

import pytest

from simcore.__main__ import run
from tests.conftest import draw

MODELS = "color,layout"


@pytest.fixture
def ask(tmp_path, capsys):
    """`ask("learn", ...)` -> the document; on twenty drawn pairs called "drawn"."""
    for side, turn in (("left", 0), ("right", 8)):
        folder = tmp_path / "pairs" / side
        folder.mkdir(parents=True)
        for number in range(20):
            draw(number, 70, 70).rotate(turn).save(folder / f"{number:02}.png")
    assert run(["collections", "add", "pairs", str(tmp_path / "pairs"), "--name", "drawn"]) == 0
    assert run(["extract", "drawn", "--models", MODELS]) == 0

    def document(*args, code=0):
        capsys.readouterr()
        assert run([*args, "--json"]) == code
        told = capsys.readouterr()
        return json.loads(told.out), told.err

    return document


def test_from_pairs_to_a_backbone_and_away_again(ask, tmp_path):
    file = tmp_path / "w.npz"
    told, _ = ask(
        "learn",
        "adaptation",
        "drawn",
        "--models",
        MODELS,
        "--runs",
        "2",
        "--epochs",
        "5",
        "--save",
        "mine",
        "--export",
        str(file),
    )
    assert told["saved"] == "learned:mine"
    assert told["settings"]["protocol"] == "honest"
    assert file.is_file()
    (row,) = ask("learn", "list")[0]["learned"]
    assert row["name"] == "learned:mine"
    assert row["result"]["after"]["runs_aR1"] == told["after"]["runs_aR1"]
    seen, warning = ask("evaluate", "recall", "drawn", "--models", "learned:mine", "--k", "1")
    assert "unseen:mine" in warning
    unseen, warning = ask(
        "evaluate",
        "recall",
        "drawn",
        "--models",
        "learned:mine",
        "--k",
        "1",
        "--subset",
        "unseen:mine",
    )
    assert "unseen" not in warning
    assert unseen["pairs"] == told["pairs"]["test"] < seen["pairs"]
    assert ask("search", "drawn", "--id", "03", "--models", "learned:mine")[0]
    refused, _ = ask("learn", "adaptation", "drawn", "--save", "mine", code=1)
    assert "already" in refused["error"]
    ask("learn", "remove", "mine")
    assert ask("learn", "list")[0] == {"learned": [], "unfinished": []}
    gone, _ = ask("evaluate", "recall", "drawn", "--models", "learned:mine", code=1)
    assert "No learned backbone" in gone["error"]


def test_fusion_beside_its_rival(ask):
    told, _ = ask(
        "learn",
        "adaptation",
        "drawn",
        "--models",
        MODELS,
        "--runs",
        "2",
        "--method",
        "fusion",
        "--rival",
    )
    assert len(told["rival"]["chosen"]) == 2
    assert told["pairs"] == {"train": 15, "validation": 0, "test": 5}


def test_the_paper_reproduced(ask, tmp_path, monkeypatch):
    from simcore.lab.learning import adaptation

    monkeypatch.setattr(adaptation, "RUNS", 2)
    file = tmp_path / "paper.html"
    told, _ = ask(
        "reproduce", "risser-maroux2021", "drawn", "--models", "color", "--html", str(file)
    )
    (section,) = told["sections"]
    stages = [next(iter(row.values())) for row in section["rows"]]
    assert stages == ["concatenated", "PCA", "sigma 1", "sigma 15"]
    assert len(section["printed"]) == 37
    assert "clip_rm50x4" in file.read_text()
    # The same rows again, and kept: nothing is learned a second time.
    monkeypatch.setattr(adaptation, "adapt", lambda *_, **__: pytest.fail("made twice"))
    told, _ = ask("learn", "annex", "drawn", "--models", "color")
    assert [row["backbone"] for row in told["rows"]] == ["color"]
    cell = section["rows"][3]["@1"]
    assert cell.startswith(f"{told['rows'][0]['stages']['sigma 15']['aR']['1']['mean']:.4f}")
    assert run(["learn", "annex", "drawn", "--models", "color"]) == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["adaptation", "drawn", "--protocol", "oracle"], "protocol"),
        (["adaptation", "drawn", "--method", "magic"], "method"),
        (["adaptation", "drawn", "--sigma", "-1"], "sigma"),
        (["adaptation", "drawn", "--runs", "0"], "runs"),
        (["adaptation", "drawn", "--save", "../x"], "is not a valid name"),
        (["adaptation", "drawn", "--models", "texture"], "simcore extract drawn"),
        (["finetune", "drawn", "--base", "mobilenetv2", "--paradigm", "x", "--save", "a"], "parad"),
        (["finetune", "drawn", "--base", "hog", "--paradigm", "moco", "--save", "a"], "no weights"),
        (["remove", "nothing"], "No learned backbone"),
    ],
)
def test_bad_input_is_one_sentence(ask, args, said):
    told, _ = ask("learn", *args, code=1)
    assert said in told["error"]


def test_a_stopped_run_goes_on_with_the_same_command(ask, monkeypatch):
    from contextlib import contextmanager

    from simcore.lab import jobs

    answers = iter([*[False] * 4, True, *[False] * 99])

    @contextmanager
    def reporting():
        yield None, answers.__next__

    monkeypatch.setattr(jobs, "reporting", reporting)
    command = (
        "learn",
        "adaptation",
        "drawn",
        "--models",
        MODELS,
        "--runs",
        "2",
        "--epochs",
        "5",
        "--save",
        "mine",
    )
    assert run([*command]) == 143
    assert ask("learn", "list")[0]["unfinished"] == ["mine"]
    told, _ = ask(*command)
    assert len(told["loss"]) == 5
    listed = ask("learn", "list")[0]
    assert listed["unfinished"] == []
    assert [row["name"] for row in listed["learned"]] == ["learned:mine"]
