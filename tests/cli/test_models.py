"""`simcore models` on the command line."""

import json

import pytest

from simcore.__main__ import run as run_command
from simcore.models import registry, weights
from simcore.types import Monitor


def run(capsys, *args):
    code = run_command(["models", *args])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_every_row_of_the_papers_is_listed_with_dimension_and_state(capsys):
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    backbones = {backbone["name"]: backbone for backbone in json.loads(out)["result"]}
    assert set(backbones) == set(registry.names())
    rows = {(r["paper"], r["row"]) for b in backbones.values() for r in b["paper_rows"]}
    assert {
        ("rosenfeld2019", row)
        for row in (
            "conv",
            "ret",
            "ret_w",
            "shp",
            "weaka",
            "pl18",
            "pl50",
            "pose",
            "texture",
            "texture_SI",
            "texture_SII",
        )
    } <= rows
    assert sum(paper == "risser-maroux2021" for paper, _ in rows) == 37
    for backbone in backbones.values():
        assert backbone["dim"] > 0
        assert backbone["ready"] or backbone["reason"]
    assert backbones["clip_rn101"]["paper_score"] == "risser-maroux2021: 0.3825 aR@1, adapted"
    assert backbones["densenet121"]["paper_score"] == "rosenfeld2018: 5.8 % @1"
    assert backbones["pose"]["non_commercial"]
    (file,) = backbones["pl18"]["files"]
    assert file["source"].endswith("resnet18_places365.pth.tar")


def test_a_group_and_one_backbone_with_its_reason(capsys):
    code, out, _ = run(capsys, "list", "@rosenfeld2019")
    assert code == 0
    assert "ret_w" in out
    assert "mobilenetv2" not in out
    _, _, err = run(capsys, "list", "weaka")
    assert "answered 404" in err
    _, out, _ = run(capsys, "list", "timm:resnet18[layer2+layer3]", "--json")
    assert json.loads(out)["result"][0]["dim"] == 384


@pytest.fixture
def file(tmp_path):
    import torch

    torch.manual_seed(2)
    path = tmp_path / "pl18.pth.tar"
    net = registry.get("pl18").net.build()
    state = {f"module.{key}": value for key, value in net.state_dict().items()}
    torch.save({"state_dict": state}, path)
    return path


def test_a_manually_downloaded_file_is_verified_and_added(capsys, file):
    code, out, _ = run(capsys, "add-weights", "pl18", str(file), "--json")
    assert code == 0
    assert json.loads(out)["result"]["ready"]
    assert weights.ready(registry.get("pl18").weights[0])


def test_a_file_of_another_network_is_refused_and_removed(capsys, file):
    code, _, err = run(capsys, "add-weights", "pl50", str(file))
    assert code == 1
    assert "does not fit this architecture" in err
    assert not weights.ready(registry.get("pl50").weights[0])
    code, _, err = run(capsys, "add-weights", "resnet18", str(file))
    assert code == 1
    assert "instead of f37072fd" in err
    code, _, err = run(capsys, "add-weights", "hog", str(file))
    assert code == 1
    assert "needs no weights" in err
    code, _, err = run(capsys, "add-weights", "shp", str(file))
    assert code == 1
    assert "Rename it to one of" in err
    assert run(capsys, "add-weights", "pl18", str(file) + "x")[0] == 1


def test_an_unavailable_file_does_not_keep_the_others_from_being_fetched(capsys, monkeypatch):
    from simcore.errors import MissingWeightsError

    fetched = []

    def fetch(file, *, trust=False, monitor=Monitor()):
        fetched.append(file.file)
        raise MissingWeightsError(f"No network for {file.file}.")

    monkeypatch.setattr(weights, "fetch", fetch)
    code, _, err = run(capsys, "fetch", "@rosenfeld2019")
    assert code == 1
    assert "10 more files are missing" in err
    assert len(fetched) == len(set(fetched)) == 11, "ret and ret_w share a file; shp has two"
