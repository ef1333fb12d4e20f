"""An adaptation that was stopped or killed resumes, and ends as if it had not been interrupted."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simcore.errors import BadDataError, Stopped
from simcore.training import checkpoints, splits
from simcore.training.adapt import adaptation, fusion
from simcore.training.adapt.adaptation import AdaptationSettings
from simcore.training.adapt.fold_training import FusionSettings
from simcore.training.adapt.inputs import Inputs
from simcore.training.finetune.paradigms import Examples
from simcore.training.finetune.training_loop import (
    Dataset,
    FinetuneRun,
    FinetuneSettings,
    TrainableNetwork,
)
from simcore.types import Monitor

ROOT = Path(__file__).parents[2]
PAIRS = 60
METHODS = {
    "held-out": (
        adaptation.train,
        AdaptationSettings(dims=12, width=16, epochs=12, learning_rate=3e-3),
    ),
    "paper": (adaptation.train, AdaptationSettings("paper", dims=12, width=16, epochs=12)),
    "fusion": (fusion.train_runs, FusionSettings(dims=8, epochs=8, folds=3)),
}


def make_inputs(seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(PAIRS, 20))
    sides = [(truth + rng.normal(size=truth.shape)).astype(np.float32) for _ in range(2)]
    return Inputs(*sides, ("first", "second"), (12, 8))


def run(method, checkpoint=None, seed=0, **options):
    train, settings = METHODS[method]
    drawn = [splits.random_split(np.arange(PAIRS), n) for n in range(3)]
    return train(make_inputs(seed), drawn, settings, checkpoint=checkpoint, **options)


@pytest.fixture(scope="module")
def uninterrupted():
    """{method: the runs}."""
    return {method: run(method) for method in METHODS}


def assert_same(runs, expected):
    for a, b in zip(runs, expected, strict=True):
        assert a.epoch == b.epoch
        for name in ("losses", "validation_losses", "before", "reduced", "after"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        for layer, other in zip(a.adapter.layers, b.adapter.layers, strict=True):
            np.testing.assert_array_equal(layer.axes, other.axes)
            np.testing.assert_array_equal(layer.weight, other.weight)
            assert layer.share == other.share


KILLED = """
import os, signal, sys
from pathlib import Path
from simcore.training import checkpoints
from simcore.types import Monitor
from tests.training import test_checkpoints

checkpoints.SAVE_SECONDS = 0

def kill(progress):
    if progress.stage != "PCA" and progress.done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

for method in ("held-out", "fusion"):
    child = os.fork()
    if child == 0:
        test_checkpoints.run(method, Path(sys.argv[1]) / method, monitor=Monitor(kill))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, method
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder with the checkpoints of two killed runs, named as the methods.

    Killed in the fifth epoch, before it is saved, or after the fifth fold.
    """
    folder = tmp_path_factory.mktemp("killed")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    return folder


@pytest.mark.parametrize(("method", "next_step"), [("held-out", 5), ("fusion", 6)])
def test_a_killed_run_ends_as_without_the_interruption(killed, uninterrupted, method, next_step):
    steps = []
    runs = run(
        method,
        killed / method,
        monitor=Monitor(lambda p: p.stage != "PCA" and steps.append(p.done)),
    )
    assert steps[0] == next_step
    assert_same(runs, uninterrupted[method])


@pytest.mark.parametrize("method", list(METHODS))
def test_a_stopped_run_ends_as_without_the_interruption(tmp_path, uninterrupted, method):
    path, calls, curves = tmp_path / "run.ckpt", [], []

    def stop():
        calls.append(1)
        return len(calls) == 13

    with pytest.raises(Stopped):
        run(method, path, monitor=Monitor(stop=stop))
    assert path.exists()
    runs = run(method, path, on_curve=lambda losses, _: curves.append(len(losses)))
    assert_same(runs, uninterrupted[method])
    if method != "fusion":  # the curve that a page shows continues as well
        assert curves == list(range(11, 13))


def test_a_finished_run_is_not_repeated(tmp_path, uninterrupted):
    path, stages = tmp_path / "run.ckpt", []
    run("held-out", path)
    runs = run("held-out", path, monitor=Monitor(lambda p: stages.append(p.stage)))
    assert_same(runs, uninterrupted["held-out"])
    assert set(stages) == {"PCA"}


@pytest.mark.parametrize("method", ["held-out", "fusion"])
def test_the_checkpoint_of_another_run_is_refused(tmp_path, method):
    path = tmp_path / "run.ckpt"
    run(method, path)
    with pytest.raises(BadDataError, match="another run"):
        run(method, path, seed=1)
    with pytest.raises(BadDataError, match="another run"):
        run("paper", path)
    path.write_bytes(b"<html>")
    with pytest.raises(BadDataError, match="web page"):
        run(method, path)


def test_checkpoints_are_written_while_training(tmp_path, monkeypatch):
    states = []
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    monkeypatch.setattr(checkpoints.Checkpoint, "write", lambda self, state: states.append(state))
    run("held-out", tmp_path / "run.ckpt")
    assert [state["epoch"] for state in states] == list(range(1, 13))


# What older versions wrote: the fingerprints of these runs, and the keys of their checkpoints.
OLD_FINGERPRINTS = {
    "held-out": "de9a7f50762139112d3e9107bbb7954934afd829602cabf7320a44772f869cea",
    "paper": "da5dd2e6c0d45aeaea3a6dfd50cb27700dc7585c5cfe8d6949d390f7ae544f8e",
    "fusion": "e0d0927af0a38b26c67fa994bfe6b8d9562e6880ffb1db7156e5fd8485aa7b7c",
}


def small_inputs():
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    return Inputs(values, values + 1, ("first",), (2,))


@pytest.mark.parametrize("method", list(METHODS))
def test_unfinished_adaptations_of_older_versions_can_be_resumed(method):
    """A renamed field must not change the fingerprint, or they would be refused."""
    split = splits.Split(np.array([0, 1, 2]), np.array([3]), np.array([4, 5]), np.arange(6))
    settings = METHODS[method][1].hashed_fields()
    fingerprint = adaptation.run_fingerprint(small_inputs(), [split], settings)
    assert fingerprint == OLD_FINGERPRINTS[method]


def test_unfinished_fine_tunings_of_older_versions_can_be_resumed():
    import torch

    rows = np.arange(3)
    examples = Examples(rows, rows + 3, np.empty((3, 0), np.int64), np.arange(6))
    net = TrainableNetwork(torch.nn.Linear(2, 4), lambda images: images, (), (), 4, "cpu")
    data = Dataset(examples, examples, lambda rows: rows, "digest backbone weights")
    settings = FinetuneSettings("triplet", 3e-3, epochs=2, batch_size=4)
    run = FinetuneRun(net, lambda: net, data, settings)
    assert (
        run.checkpoint(Path("x")).fingerprint
        == "861880ffc1442fb4379fa843301be54771826361b7f8f152d04c299035221090"
    )
    longer = FinetuneRun(net, lambda: net, data, FinetuneSettings("triplet", 3e-3, 9, 4, 9))
    assert longer.checkpoint(Path("x")).fingerprint == run.checkpoint(Path("x")).fingerprint
    keys = {"step", "epoch", "losses", "checks", "best", "net", "block", "optimizer", "memory"}
    assert run.state().keys() == keys


def test_a_fingerprint_depends_on_settings_and_arrays():
    arrays = [np.arange(3), np.ones(2)]
    expected = hashlib.sha256(b'{"a": 1, "b": 2}' + arrays[0].tobytes() + arrays[1].tobytes())
    assert checkpoints.run_fingerprint({"b": 2, "a": 1}, arrays) == expected.hexdigest()
