"""Fine-tuning: every paradigm learns, a killed run goes on, and what is kept is the best epoch."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from simcore.errors import BadDataError
from simcore.learn.finetune import augmentations, paradigms, training_loop
from simcore.learn.finetune.paradigms import Examples
from simcore.types import Monitor

COUNT, SIZE = 12, 48


def network(seed=0):
    """A small convolutional network with slopes, the same for the same seed."""
    torch.manual_seed(seed)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, stride=3),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(3),
        torch.nn.Flatten(),
    )
    return training_loop.Net(module.eval(), module, (0.5,) * 3, (0.2,) * 3, 144, "cpu")


def made():
    """Twelve drawn pairs: the same picture, the mate turned a little."""
    from tests.conftest import draw

    sides = [[draw(n, 60, 60), draw(n, 60, 60).rotate(5)] for n in range(COUNT)]
    flat = [image.resize((SIZE, SIZE)) for side in zip(*sides, strict=True) for image in side]
    data = torch.from_numpy(np.stack([np.asarray(i) for i in flat])).permute(0, 3, 1, 2) / 255

    def examples(rows):
        rows = np.asarray(rows)
        none = np.empty((len(rows), 0), np.int64)
        return Examples(rows, rows + COUNT, none, np.concatenate([rows, rows + COUNT]))

    return examples(range(8)), examples(range(8, 12)), lambda rows: data[torch.from_numpy(rows)]


@pytest.fixture(scope="module")
def world():
    return made()


def settings(paradigm, **other):
    return training_loop.Settings(paradigm, **{"rate": 3e-3, "epochs": 2, "batch": 4, **other})


def run(world, tmp_path, chosen, *, net=None, **other):
    train, check, pictures = world
    net = net or network()
    told = training_loop.train(
        net,
        network,
        train,
        check,
        pictures,
        settings=chosen,
        checkpoint=tmp_path / "run.ckpt",
        **other,
    )
    return net, told


@pytest.mark.parametrize("paradigm", paradigms.PARADIGMS)
def test_three_steps_lower_the_loss(world, paradigm):
    """The same batch with the same draws, before and after three steps on it."""
    train, check, pictures = world
    chosen = settings(paradigm, batch=8)
    going = training_loop.Run(chosen, network(), network, train, check, pictures)
    rows = np.arange(8)

    def value():
        with torch.no_grad():
            return float(going.loss(train, rows, 0))

    before = value()
    for _ in range(3):
        going.optimizer.zero_grad()
        going.loss(train, rows, 0).backward()
        going.optimizer.step()
    assert value() < before


@pytest.mark.parametrize("paradigm", ["quadruplet", "moco"])
def test_a_stopped_run_goes_on_as_if_it_had_not(world, tmp_path, paradigm):
    chosen = settings(paradigm, epochs=3, patience=9)
    whole, told = run(world, tmp_path / "a", chosen)
    asked = []

    def stop():
        asked.append(0)
        return len(asked) == 4  # in the middle of the second epoch

    _, half = run(world, tmp_path / "b", chosen, monitor=Monitor(stop=stop))
    assert not half.finished
    assert len(half.losses) == 3
    resumed, rest = run(world, tmp_path / "b", chosen)
    assert rest.finished
    assert rest.losses == told.losses
    assert rest.checks == told.checks
    for one, other in zip(whole.module.parameters(), resumed.module.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


KILLED = """
import os, signal, sys
from pathlib import Path
from simcore.types import Monitor
from tests.learn.finetune import test_training_loop as here

def killed(progress):
    if progress.done == 5:  # two epochs of two steps are written down, the fifth step is not
        os.kill(os.getpid(), signal.SIGKILL)

here.run(here.made(), Path(sys.argv[1]), here.settings("quadruplet", epochs=3, patience=9),
         monitor=Monitor(killed))
"""


def test_a_killed_run_goes_on_from_its_last_checkpoint(world, tmp_path):
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "b")],
        cwd=root,
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL
    chosen = settings("quadruplet", epochs=3, patience=9)
    _, whole = run(world, tmp_path / "a", chosen)
    made_again = []
    _, rest = run(
        world, tmp_path / "b", chosen, monitor=Monitor(lambda p: made_again.append(p.done))
    )
    assert made_again == [5, 6]
    assert rest.losses == pytest.approx(whole.losses, abs=1e-6)
    assert rest.checks == pytest.approx(whole.checks, abs=1e-6)


def test_another_runs_checkpoint_is_refused(world, tmp_path):
    run(world, tmp_path, settings("triplet"), monitor=Monitor(stop=lambda: True))
    with pytest.raises(BadDataError, match="another run"):
        run(world, tmp_path, settings("contrastive"))


def test_same_seed_same_losses(world, tmp_path):
    told = [
        run(world, tmp_path / str(n), settings("simclr", seed=s))[1].losses
        for n, s in enumerate((1, 1, 2))
    ]
    assert told[0] == told[1] != told[2]


def test_what_is_kept_is_the_best_epoch(world, tmp_path):
    """A rate that ruins everything: the network as it was is the best."""
    before = [p.detach().clone() for p in network().module.parameters()]
    net, told = run(world, tmp_path, settings("rotation", rate=50.0, patience=1, epochs=5))
    assert told.epoch == 0
    assert len(told.checks) == 2  # ended early
    for one, other in zip(before, net.module.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_recomputing_changes_no_number(world, tmp_path):
    plain, again = (
        run(world, tmp_path / str(n), settings("triplet", recompute=n))[1] for n in (False, True)
    )
    np.testing.assert_allclose(plain.losses, again.losses, rtol=1e-5)


def test_bf16_runs(world, tmp_path):
    _, told = run(world, tmp_path, settings("triplet", bf16=True, epochs=1))
    assert np.isfinite(told.losses).all()


def test_rotations_and_jigsaw_can_be_undone():
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(6, 3, 48, 48, generator=draw)
    turned, turns = augmentations.rotated(images, draw)
    assert len(set(turns.tolist())) > 1
    for image, change, k in zip(images, turned, turns, strict=True):
        torch.testing.assert_close(change.rot90(-int(k), (1, 2)), image)
    mixed, which = augmentations.jigsaw(images, draw)
    for image, change, number in zip(images, mixed, which, strict=True):
        for place, tile in enumerate(augmentations.permutations()[int(number)]):
            (r, c), (a, b) = divmod(place, 3), divmod(int(tile), 3)
            torch.testing.assert_close(
                change[:, r * 16 : r * 16 + 16, c * 16 : c * 16 + 16],
                image[:, a * 16 : a * 16 + 16, b * 16 : b * 16 + 16],
            )


def test_the_jigsaws_orders_are_far_apart():
    orders = augmentations.permutations()
    assert orders.shape == (36, 9)
    assert len({tuple(row) for row in orders}) == 36
    apart = (orders[:, None] != orders[None]).sum(2)[np.triu_indices(36, 1)]
    assert apart.min() >= 6


def test_strangers_are_never_the_mate(world):
    train, _, _ = world
    random = np.random.default_rng(0)
    for _ in range(50):
        query, positive, first, second = train.batch("quadruplet", np.arange(8), random)
        assert not (first == positive).any()
        assert not (second == positive).any()
        np.testing.assert_array_equal(query + COUNT, positive)
