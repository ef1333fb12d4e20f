"""`simcore claims`: verdicts as a table and as one JSON document."""

import json

import pytest

from simcore.__main__ import run
from simcore.lab.claims import claims_evaluation


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(claims_evaluation, "MAIN_DRAWS", 20)
    monkeypatch.setattr(claims_evaluation, "CELL_DRAWS", 20)


def test_document_and_table(tiny, capsys):
    args = ["claims", tiny, "--judgements", "none", "--papers", "rosenfeld2019"]
    assert run([*args, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    ids = [claim["id"] for claim in document["claims"]]
    assert sum(document["counts"].values()) == len(ids)
    claim = document["claims"][ids.index("combining-helps")]
    assert claim["universes"][0]["choices"]["missing"] == "mean"
    assert claim["ci95"][0] <= claim["ci95"][1]
    assert run([*args, "--claim", "combining-helps"]) == 0
    printed = capsys.readouterr()
    assert "combining-helps" in printed.out
    assert claim["sentence"] in " ".join(printed.out.split())
    assert "Holm" in printed.err


def test_misspelled_names(tiny, capsys):
    assert run(["claims", tiny, "--claim", "combining-help"]) == 1
    assert "Did you mean combining-helps?" in capsys.readouterr().err
    assert run(["claims", tiny, "--papers", "rosenfeld"]) == 1
    assert "paper" in capsys.readouterr().err
    assert run(["claims", tiny, "--judgements", "knwon"]) == 1
    assert "known" in capsys.readouterr().err


@pytest.mark.parametrize("models", ["hog", "hog,color"])
def test_few_backbones_leave_claims_undecided(tiny, capsys, models):
    args = ["claims", tiny, "--judgements", "none", "--models", models, "--papers", "rosenfeld2019"]
    assert run([*args, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["result"]
    claims = {claim["id"]: claim for claim in document["claims"]}
    assert "at least 3 backbones" in claims["combining-helps"]["reason"]
