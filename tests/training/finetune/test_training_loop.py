"""Fine-tuning: every paradigm learns, a killed run resumes, and the best epoch is kept."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from simcore.errors import BadDataError, UnknownNameError
from simcore.training.finetune import augmentations, paradigms, training_loop
from simcore.training.finetune.paradigms import Examples
from simcore.training.finetune.training_loop import (
    Dataset,
    FinetuneRun,
    FinetuneSettings,
    TrainableNetwork,
)
from simcore.types import Monitor

ROOT = Path(__file__).parents[3]
COUNT, SIZE = 12, 48


def make_network(seed=0):
    """A small convolutional network, the same for the same seed."""
    torch.manual_seed(seed)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, stride=3),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(3),
        torch.nn.Flatten(),
    )
    return TrainableNetwork(module.eval(), module, (0.5,) * 3, (0.2,) * 3, 144, "cpu")


def make_data():
    """Twelve drawn pairs: the same image, the mate rotated a little."""
    from tests.conftest import draw

    sides = [[draw(n, 60, 60), draw(n, 60, 60).rotate(5)] for n in range(COUNT)]
    flat = [image.resize((SIZE, SIZE)) for side in zip(*sides, strict=True) for image in side]
    data = torch.from_numpy(np.stack([np.asarray(i) for i in flat])).permute(0, 3, 1, 2) / 255

    def examples(rows):
        rows = np.asarray(rows)
        negatives = np.empty((len(rows), 0), np.int64)
        return Examples(rows, rows + COUNT, negatives, np.concatenate([rows, rows + COUNT]))

    return Dataset(
        examples(range(8)), examples(range(8, 12)), lambda rows: data[torch.from_numpy(rows)]
    )


@pytest.fixture(scope="module")
def data():
    return make_data()


def make_settings(paradigm, **changes):
    defaults = {"learning_rate": 3e-3, "epochs": 2, "batch_size": 4}
    return FinetuneSettings(paradigm, **(defaults | changes))


LONG = make_settings("quadruplet", epochs=3, patience=9)  # interrupted in several tests


def train(data, folder, settings, **options):
    """(network, result); the checkpoint is in `folder`."""
    net = make_network()
    result = training_loop.train(
        net, make_network, data, settings, checkpoint=folder / "run.ckpt", **options
    )
    return net, result


@pytest.fixture(scope="module")
def long_run(data, tmp_path_factory):
    """The run of `LONG` without interruption."""
    return train(data, tmp_path_factory.mktemp("long"), LONG)


def assert_equal_weights(net, other):
    weights = zip(net.module.parameters(), other.module.parameters(), strict=True)
    for values, expected in weights:
        torch.testing.assert_close(values, expected, atol=0, rtol=0)


@pytest.mark.parametrize("paradigm", paradigms.PARADIGMS)
def test_three_steps_lower_the_loss(data, paradigm):
    """The same batch with the same random numbers, before and after three steps on it."""
    settings = make_settings(paradigm, batch_size=8)
    run = FinetuneRun(make_network(), make_network, data, settings)
    rows = np.arange(8)

    def value():
        with torch.no_grad():
            return float(run.loss(data.train, rows, 0))

    before = value()
    for _ in range(3):
        run.descend(run.loss(data.train, rows, 0))
    assert value() < before


@pytest.mark.parametrize("paradigm", ["quadruplet", "moco"])
def test_a_stopped_run_ends_as_without_the_interruption(data, long_run, tmp_path, paradigm):
    settings = make_settings(paradigm, epochs=3, patience=9)
    net, result = long_run if settings == LONG else train(data, tmp_path / "a", settings)
    calls = []

    def stop():
        calls.append(0)
        return len(calls) == 4  # in the middle of the second epoch

    _, half = train(data, tmp_path / "b", settings, monitor=Monitor(stop=stop))
    assert not half.finished
    assert len(half.losses) == 3
    resumed_net, resumed = train(data, tmp_path / "b", settings)
    assert resumed.finished
    assert resumed.losses == result.losses
    assert resumed.validation_losses == result.validation_losses
    assert_equal_weights(resumed_net, net)


KILLED = """
import os, signal, sys
from pathlib import Path
from simcore.types import Monitor
from tests.training.finetune import test_training_loop

def kill(progress):
    if progress.done == 5:  # two epochs of two steps are saved, the fifth step is not
        os.kill(os.getpid(), signal.SIGKILL)

test_training_loop.train(
    test_training_loop.make_data(),
    Path(sys.argv[1]),
    test_training_loop.LONG,
    monitor=Monitor(kill),
)
"""


def test_a_killed_run_resumes_from_its_last_checkpoint(data, long_run, tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == -signal.SIGKILL
    steps = []
    _, resumed = train(data, tmp_path, LONG, monitor=Monitor(lambda p: steps.append(p.done)))
    assert steps == [5, 6]
    _, expected = long_run
    assert resumed.losses == pytest.approx(expected.losses, abs=1e-6)
    assert resumed.validation_losses == pytest.approx(expected.validation_losses, abs=1e-6)


def test_the_checkpoint_of_another_run_is_refused(data, tmp_path):
    train(data, tmp_path, make_settings("triplet"), monitor=Monitor(stop=lambda: True))
    with pytest.raises(BadDataError, match="another run"):
        train(data, tmp_path, make_settings("contrastive"))


def test_same_seed_same_losses(data, tmp_path):
    losses = [
        train(data, tmp_path / str(n), make_settings("simclr", seed=seed, epochs=1))[1].losses
        for n, seed in enumerate((1, 1, 2))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_the_best_epoch_is_kept(data, tmp_path):
    """A learning rate that ruins everything: the network as it was is the best."""
    settings = make_settings("rotation", learning_rate=50.0, patience=1, epochs=5)
    net, result = train(data, tmp_path, settings)
    assert result.epoch == 0
    assert len(result.validation_losses) == 2  # stopped early
    assert_equal_weights(net, make_network())


def test_gradient_checkpointing_changes_no_number(data, tmp_path):
    plain, recomputed = (
        train(data, tmp_path / str(n), make_settings("triplet", recompute=n))[1]
        for n in (False, True)
    )
    np.testing.assert_allclose(plain.losses, recomputed.losses, rtol=1e-5)


@pytest.mark.parametrize("paradigm", ["quadruplet", "rotation", "simclr", "moco"])
def test_batches_in_parts_have_the_same_gradient(data, monkeypatch, paradigm):
    def gradients():
        run = FinetuneRun(make_network(), make_network, data, make_settings(paradigm))
        loss = run.loss(data.train, np.arange(8), 0)
        loss.backward()
        return [loss.detach(), *(weights.grad for weights in run.net.module.parameters())]

    whole = gradients()
    monkeypatch.setattr(training_loop, "CHUNK", 3)
    torch.testing.assert_close(gradients(), whole, rtol=1e-4, atol=1e-6)


def test_gradients_keep_the_activations_of_a_part_only(data, monkeypatch):
    """Counted by the bytes that autograd stores: of inputs, not of hidden layers."""
    run = FinetuneRun(make_network(), make_network, data, make_settings("triplet"))

    def stored_bytes():
        sizes = []
        pack = lambda tensor: (sizes.append(tensor.nbytes), tensor)[1]  # noqa: E731
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            run.loss(data.train, np.arange(8), 0)
        return sum(sizes)

    whole = stored_bytes()
    monkeypatch.setattr(training_loop, "CHUNK", 2)
    assert stored_bytes() < 0.5 * whole


def test_bf16_runs(data, tmp_path):
    _, result = train(data, tmp_path, make_settings("triplet", bf16=True, epochs=1))
    assert np.isfinite(result.losses).all()


def test_bad_settings_are_named():
    with pytest.raises(BadDataError, match="learning_rate must be greater than 0"):
        make_settings("triplet", learning_rate=0)
    with pytest.raises(BadDataError, match="batch_size must be at least 2, got 1"):
        make_settings("triplet", batch_size=1)


def test_rotations_and_jigsaw_can_be_undone():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 3, 48, 48, generator=generator)
    rotated, turns = augmentations.rotate(images, generator)
    assert len(set(turns.tolist())) > 1
    for image, result, k in zip(images, rotated, turns, strict=True):
        torch.testing.assert_close(result.rot90(-int(k), (1, 2)), image)
    mixed, numbers = augmentations.jigsaw(images, generator)
    for image, result, number in zip(images, mixed, numbers, strict=True):
        for position, tile in enumerate(augmentations.permutations()[int(number)]):
            (r, c), (a, b) = divmod(position, 3), divmod(int(tile), 3)
            torch.testing.assert_close(
                result[:, r * 16 : r * 16 + 16, c * 16 : c * 16 + 16],
                image[:, a * 16 : a * 16 + 16, b * 16 : b * 16 + 16],
            )


def test_the_orders_of_the_jigsaw_differ():
    orders = augmentations.permutations()
    assert orders.shape == (36, 9)
    assert len({tuple(row) for row in orders}) == 36
    distances = (orders[:, None] != orders[None]).sum(2)[np.triu_indices(36, 1)]
    assert distances.min() >= 6


def test_negatives_are_never_the_mate(data):
    rng = np.random.default_rng(0)
    for _ in range(50):
        query, positive, first, second = data.train.batch("quadruplet", np.arange(8), rng)
        assert not (first == positive).any()
        assert not (second == positive).any()
        np.testing.assert_array_equal(query + COUNT, positive)


def gradient_steps(optimizer_class, data, settings, terms, **options):
    """The weights after the first batch, by a loop of our own."""
    net = make_network()
    run = FinetuneRun(net, make_network, data, settings)  # for its linear block and its batches
    optimizer = optimizer_class(
        [*net.module.parameters(), *run.block.parameters()], lr=settings.learning_rate, **options
    )
    order = np.random.default_rng([settings.seed, 0]).permutation(8)[: settings.batch_size]
    rng = np.random.default_rng([settings.seed, 0, 1])
    rng.integers(2**31)  # the seed of augmentations is drawn first
    groups = data.train.batch(settings.paradigm, order, rng)
    for term in terms:
        query, positive, negative = (run.block(net(data.load_images(rows))) for rows in groups)
        pull = ((query - positive) ** 2).sum(1) / 2
        push = torch.clamp(1 - ((query - negative) ** 2).sum(1).sqrt(), min=0) ** 2 / 2
        loss = {"both": (pull + push) / 2, "positive": pull, "negative": push}[term].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


@pytest.mark.parametrize(
    ("optimizer", "protocol", "terms"),
    [
        ("adam", "held-out", ["both"]),
        ("adam", "paper", ["positive", "negative"]),
        ("sgd", "paper", ["positive", "negative"]),
    ],
)
def test_contrastive_updates(data, optimizer, protocol, terms):
    """As written in the thesis: an update for (a, p), then one for (a, n)."""
    settings = make_settings("contrastive", optimizer=optimizer, protocol=protocol)
    run = FinetuneRun(make_network(), make_network, data, settings)
    run.train_step()
    expected = (
        gradient_steps(torch.optim.Adam, data, settings, terms)
        if optimizer == "adam"
        else gradient_steps(torch.optim.SGD, data, settings, terms, momentum=0.9)
    )
    pairs = zip(run.net.module.parameters(), expected.module.parameters(), strict=True)
    for values, others in pairs:
        torch.testing.assert_close(values, others, atol=1e-4, rtol=0)  # of 3e-3


def test_the_papers_protocol_trains_all_epochs_and_keeps_the_last(data, tmp_path):
    """A learning rate that ruins everything, with a patience that would stop it."""
    settings = make_settings("rotation", learning_rate=5.0, patience=1, protocol="paper", epochs=3)
    net, result = train(data, tmp_path / "a", settings)
    assert (result.epoch, len(result.losses)) == (3, 3 * result.steps_per_epoch)
    assert result.validation_losses == []
    calls = []
    stop = Monitor(stop=lambda: calls.append(0) or len(calls) == 5)
    assert not train(data, tmp_path / "b", settings, monitor=stop)[1].finished
    resumed, again = train(data, tmp_path / "b", settings)
    assert again.losses == result.losses
    assert_equal_weights(resumed, net)


def test_unknown_options_are_refused():
    with pytest.raises(UnknownNameError, match="optimizer"):
        make_settings("triplet", optimizer="adamw")
    with pytest.raises(UnknownNameError, match="protocol"):
        make_settings("triplet", protocol="honest")
