"""`simcore models` as people use it."""

import json

import pytest

from simcore.models import registry, weights
from simcore.types import Monitor


def run(capsys, *args):
    from simcore.cli.main import run as command

    code = command(["models", *args])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_every_row_of_the_papers_is_listed_with_size_and_state(capsys):
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    found = {row["name"]: row for row in json.loads(out)}
    assert set(found) == set(registry.names())
    named = {(r["paper"], r["row"]) for row in found.values() for r in row["rows"]}
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
    } <= named
    assert sum(paper == "risser-maroux2021" for paper, _ in named) == 37
    for row in found.values():
        assert row["dim"] > 0
        assert row["ready"] or row["reason"]
    assert found["clip_rn101"]["score"] == "risser-maroux2021: 0.3825 aR@1, adapted"
    assert found["densenet121"]["score"] == "rosenfeld2018: 5.8 % @1"
    assert found["pose"]["non_commercial"]


def test_a_group_and_one_backbone_with_its_reason(capsys):
    code, out, _ = run(capsys, "list", "@rosenfeld2019")
    assert code == 0
    assert "ret_w" in out
    assert "mobilenetv2" not in out
    _, _, err = run(capsys, "list", "weaka")
    assert "answered 404" in err
    _, out, _ = run(capsys, "list", "timm:resnet18[layer2+layer3]", "--json")
    assert json.loads(out)[0]["dim"] == 384


@pytest.fixture
def file(tmp_path):
    import torch

    torch.manual_seed(2)
    place = tmp_path / "pl18.pth.tar"
    net = registry.get("pl18").net.build()
    state = {f"module.{key}": value for key, value in net.state_dict().items()}
    torch.save({"state_dict": state}, place)
    return place


def test_a_file_downloaded_by_hand_is_tried_and_taken(capsys, file):
    code, out, _ = run(capsys, "add-weights", "pl18", str(file), "--json")
    assert code == 0
    assert json.loads(out)["ready"]
    assert weights.ready(registry.get("pl18").weights[0])


def test_a_file_of_another_network_is_refused_and_not_kept(capsys, file):
    code, _, err = run(capsys, "add-weights", "pl50", str(file))
    assert code == 1
    assert "expected the weights of this architecture" in err
    assert not weights.ready(registry.get("pl50").weights[0])
    code, _, err = run(capsys, "add-weights", "resnet18", str(file))
    assert code == 1
    assert "expected f37072fd" in err
    code, _, err = run(capsys, "add-weights", "hog", str(file))
    assert code == 1
    assert "needs no weights" in err
    code, _, err = run(capsys, "add-weights", "shp", str(file))
    assert code == 1
    assert "expected a file named as one of" in err
    assert run(capsys, "add-weights", "pl18", str(file) + "x")[0] == 1


def test_one_file_that_cannot_be_had_does_not_keep_the_others_away(capsys, monkeypatch):
    from simcore.errors import MissingWeightsError

    asked = []

    def fetch(one, *, monitor=Monitor(None)):
        asked.append(one.file)
        raise MissingWeightsError(f"no network; {one.file}")

    monkeypatch.setattr(weights, "fetch", fetch)
    code, _, err = run(capsys, "fetch", "@rosenfeld2019")
    assert code == 1
    assert "and " in err
    assert "more files" in err
    assert len(asked) == len(set(asked)) == 11, "ret and ret_w share a file; shp has two"
