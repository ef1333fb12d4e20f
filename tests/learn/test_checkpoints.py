"""A stopped or killed adaptation goes on where it was, and ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simcore.errors import BadDataError, Stopped
from simcore.learn import checkpoints, splits
from simcore.learn.adapt import adaptation, fusion
from simcore.learn.adapt.inputs import Inputs
from simcore.types import Monitor

PAIRS = 60
WAYS = {
    "honest": (adaptation.train, adaptation.Settings(dims=12, width=16, epochs=12, rate=3e-3)),
    "paper": (adaptation.train, adaptation.Settings("paper", dims=12, width=16, epochs=12)),
    "fusion": (fusion.train_runs, fusion.Settings(dims=8, epochs=8, folds=3)),
}


def made(seed=0):
    random = np.random.default_rng(seed)
    truth = random.normal(size=(PAIRS, 20))
    sides = [(truth + random.normal(size=truth.shape)).astype(np.float32) for _ in range(2)]
    return Inputs(*sides, ("one", "other"), (12, 8))


def run(way, place=None, seed=0, **more):
    train, settings = WAYS[way]
    drawn = [splits.random_split(np.arange(PAIRS), n) for n in range(3)]
    return train(made(seed), drawn, settings, checkpoint=place, **more)


def same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.epoch == b.epoch
        for name in ("losses", "checks", "before", "reduced", "after"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        for mine, theirs in zip(a.adaptation.layers, b.adaptation.layers, strict=True):
            np.testing.assert_array_equal(mine.axes, theirs.axes)
            np.testing.assert_array_equal(mine.weight, theirs.weight)
            assert mine.share == theirs.share


KILLED = """
import os, signal, sys
from pathlib import Path
from simcore.learn import checkpoints
from simcore.types import Monitor
from tests.learn import test_checkpoints as here

checkpoints.SAVE_SECONDS = 0

def killed(progress):
    if progress.stage != "PCA" and progress.done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

here.run(sys.argv[1], Path(sys.argv[2]), monitor=Monitor(killed))
"""


@pytest.mark.parametrize(("way", "again"), [("honest", 5), ("fusion", 6)])
def test_a_killed_run_ends_as_one_that_was_not(tmp_path, way, again):
    """Killed in the fifth epoch, before it is written down; or after the fifth fold."""
    root, place = Path(__file__).parents[2], tmp_path / "run.ckpt"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, way, str(place)],
        cwd=root,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL
    steps = []
    rest = run(way, place, monitor=Monitor(lambda p: p.stage != "PCA" and steps.append(p.done)))
    assert steps[0] == again
    same(rest, run(way))


@pytest.mark.parametrize("way", list(WAYS))
def test_a_stopped_run_ends_as_one_that_was_not(tmp_path, way):
    place, asked = tmp_path / "run.ckpt", []
    curves = []

    def stop():
        asked.append(1)
        return len(asked) == 13

    with pytest.raises(Stopped):
        run(way, place, monitor=Monitor(stop=stop))
    assert place.exists()
    rest = run(way, place, on_curve=lambda losses, _: curves.append(len(losses)))
    whole = run(way)
    same(rest, whole)
    if way != "fusion":  # the curve that is watched goes on too
        assert curves == list(range(11, 13))


def test_a_finished_run_is_not_made_again(tmp_path):
    place = tmp_path / "run.ckpt"
    first = run("honest", place)
    steps = []
    same(run("honest", place, monitor=Monitor(lambda p: steps.append(p.stage))), first)
    assert set(steps) == {"PCA"}


@pytest.mark.parametrize("way", ["honest", "fusion"])
def test_another_runs_checkpoint_is_refused(tmp_path, way):
    place = tmp_path / "run.ckpt"
    run(way, place)
    with pytest.raises(BadDataError, match="another run"):
        run(way, place, seed=1)
    with pytest.raises(BadDataError, match="another run"):
        run("paper", place)
    place.write_bytes(b"<html>")
    with pytest.raises(BadDataError, match="web page"):
        run(way, place)


def test_it_is_written_now_and_then(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    monkeypatch.setattr(checkpoints.Checkpoint, "write", lambda self, state: written.append(state))
    run("honest", tmp_path / "run.ckpt")
    assert [state["epoch"] for state in written] == list(range(1, 13))
