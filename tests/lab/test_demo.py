"""The demo, on a collection that needs no download."""

import pytest

from simcore.__main__ import run
from simcore.lab import demo
from simcore.lab.library import models
from tests.conftest import MODELS


@pytest.fixture
def small(tiny, monkeypatch):
    monkeypatch.setattr(demo, "NAME", tiny)
    monkeypatch.setattr(models, "demo_names", lambda: MODELS)
    return tiny


def test_stages_add_up(small):
    result = demo.prepare()
    names = ["collection", "features of color", "weights", "features of all", "recall"]
    assert [stage.name for stage in result.stages] == names
    rows = result.to_stages_table().rows
    assert rows[-1][0] == "all"
    total = sum(stage.seconds for stage in result.stages)
    assert float(rows[-1][1]) == pytest.approx(total, abs=0.06)
    assert result.to_dict()["stages"][4]["name"] == "recall"


def test_the_command_prints_them_on_request(small, capsys):
    assert run(["demo", "--no-serve"]) == 0
    assert "CPU seconds" not in capsys.readouterr().out
    assert run(["demo", "--no-serve", "--seconds"]) == 0
    assert "CPU seconds" in capsys.readouterr().out
