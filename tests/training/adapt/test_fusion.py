"""Fusion: starts at the z-sum, learns which backbone to trust, ignores missing evidence."""

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.models import adapter
from simcore.sim.metrics import normalized
from simcore.training import splits
from simcore.training.adapt import fusion
from simcore.training.adapt.fold_training import FusionSettings
from simcore.training.adapt.inputs import Inputs

PAIRS = 150
DIMS = (24, 24, 16)
QUICK = FusionSettings(dims=8, epochs=25)


@pytest.fixture(scope="module")
def pairs():
    """Backbones "good", "noise", and "rare", which is good but without evidence in most images."""
    rng = np.random.default_rng(0)
    sides = []
    truth = rng.normal(size=(PAIRS, 40))
    for _ in range(2):
        good = truth[:, :24] + 1.2 * rng.normal(size=(PAIRS, 24))
        noise = rng.normal(size=(PAIRS, 24))
        rare = truth[:, 24:] + 0.3 * rng.normal(size=(PAIRS, 16))
        rare[rng.random(PAIRS) < 0.4] = np.nan
        blocks = [normalized(block.astype(np.float32)) for block in (good, noise, rare)]
        sides.append(np.concatenate(blocks, axis=1))
    return Inputs(*sides, ("good", "noise", "rare"), DIMS)


@pytest.fixture(scope="module")
def trained(pairs):
    split = splits.random_split(np.arange(PAIRS), 0, validation=0.0)
    return fusion.train(pairs, split, FusionSettings(dims=16, epochs=60))


@pytest.fixture(scope="module")
def quick(pairs):
    split = splits.random_split(np.arange(PAIRS), 1, validation=0.0)
    return fusion.train(pairs, split, QUICK)


def test_it_learns_which_backbone_to_trust(trained):
    layers = zip(trained.adapter.backbones, trained.adapter.layers, strict=True)
    shares = {name: layer.share for name, layer in layers}
    assert shares["noise"] < 0.3 * shares["good"]
    start, after = (asymmetric_recall.curve(ranks)[0] for ranks in (trained.reduced, trained.after))
    assert after > start


def test_the_file_gives_the_reported_ranks(trained, pairs, tmp_path):
    trained.adapter.save(tmp_path / "f.npz")
    file = np.load(tmp_path / "f.npz", allow_pickle=False)
    exec(adapter.NUMPY_SNIPPET, namespace := {})
    test = trained.split.test
    left, right = (namespace["adapt"](side[test], file) for side in (pairs.left, pairs.right))
    similarity = (left @ right.T).astype(np.float32)
    np.testing.assert_array_equal(asymmetric_recall.ranks_of(similarity), trained.after)


def test_missing_evidence_adds_nothing(trained, pairs):
    start, stop = DIMS[0] + DIMS[1], sum(DIMS)
    blind = pairs.left.copy()
    blind[:, start:stop] = np.nan
    left, right = trained.adapter(blind), trained.adapter(pairs.right)
    width = left.shape[1] - trained.adapter.layers[2].weight.shape[1]  # of the other backbones
    assert not left[:, width:].any()
    np.testing.assert_allclose(left @ right.T, left[:, :width] @ right[:, :width].T, atol=1e-5)


def test_test_pairs_are_never_looked_at(pairs, quick):
    test = quick.split.test
    left = pairs.left.copy()
    left[test] = left[test[::-1]]
    changed = fusion.train(Inputs(left, pairs.right, pairs.backbones, DIMS), quick.split, QUICK)
    np.testing.assert_array_equal(quick.adapter(pairs.right), changed.adapter(pairs.right))


def test_same_seed_same_numbers(pairs, quick):
    again = fusion.train(pairs, quick.split, QUICK)
    np.testing.assert_array_equal(quick.adapter(pairs.left), again.adapter(pairs.left))


def test_bad_settings_are_named():
    with pytest.raises(BadDataError, match="folds must be at least 2, got 1"):
        FusionSettings(folds=1)
    with pytest.raises(BadDataError, match="whiten must be from 0 to 1"):
        FusionSettings(whiten=2)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"<html>")
    with pytest.raises(BadDataError, match="is not an adapter"):
        adapter.load(tmp_path / "x.npz")
