"""The better adaptation: starts at the z-sum, learns whom to trust, is silent without evidence."""

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.learn import splits
from simcore.learn.adapt import fusion
from simcore.learn.adapt.inputs import Inputs
from simcore.models import adapter
from simcore.sim.metrics import normalized

PAIRS = 150
DIMS = (24, 24, 16)


@pytest.fixture(scope="module")
def pairs():
    """A backbone that knows, one that does not, and one that knows but is blind on most images."""
    random = np.random.default_rng(0)
    sides = []
    truth = random.normal(size=(PAIRS, 40))
    for _ in range(2):
        knows = truth[:, :24] + 1.2 * random.normal(size=(PAIRS, 24))
        noise = random.normal(size=(PAIRS, 24))
        rare = truth[:, 24:] + 0.3 * random.normal(size=(PAIRS, 16))
        rare[random.random(PAIRS) < 0.4] = np.nan
        blocks = [normalized(block.astype(np.float32)) for block in (knows, noise, rare)]
        sides.append(np.concatenate(blocks, axis=1))
    return Inputs(*sides, ("knows", "noise", "rare"), DIMS)


@pytest.fixture(scope="module")
def learned(pairs):
    split = splits.random_split(np.arange(PAIRS), 0, validation=0.0)
    return fusion.train(pairs, split, fusion.Settings(dims=16, epochs=60))


def test_it_learns_whom_to_trust(learned):
    shares = {
        name: layer.share
        for name, layer in zip(learned.adaptation.backbones, learned.adaptation.layers, strict=True)
    }
    assert shares["noise"] < 0.3 * shares["knows"]
    start, after = (asymmetric_recall.curve(ranks)[0] for ranks in (learned.reduced, learned.after))
    assert after > start


def test_the_file_gives_the_reported_ranks(learned, pairs, tmp_path):
    learned.adaptation.save(tmp_path / "f.npz")
    file = np.load(tmp_path / "f.npz", allow_pickle=False)
    exec(adapter.NUMPY_SNIPPET, told := {})
    test = learned.split.test
    left, right = (told["adapt"](side[test], file) for side in (pairs.left, pairs.right))
    similar = (left @ right.T).astype(np.float32)
    np.testing.assert_array_equal(asymmetric_recall.ranks_of(similar), learned.after)


def test_no_evidence_says_nothing(learned, pairs):
    start, stop = DIMS[0] + DIMS[1], sum(DIMS)
    blind = pairs.left.copy()
    blind[:, start:stop] = np.nan
    out = learned.adaptation(blind)
    assert not out[:, -learned.adaptation.layers[2].weight.shape[1] :].any()
    other = learned.adaptation(pairs.right)
    both = out @ other.T
    wide = out.shape[1] - learned.adaptation.layers[2].weight.shape[1]
    np.testing.assert_allclose(both, out[:, :wide] @ other[:, :wide].T, atol=1e-5)


def test_test_pairs_are_never_looked_at(pairs):
    split = splits.random_split(np.arange(PAIRS), 1, validation=0.0)
    settings = fusion.Settings(dims=8, epochs=25)
    left = pairs.left.copy()
    left[split.test] = left[split.test[::-1]]
    clean = fusion.train(pairs, split, settings).adaptation
    spoiled = fusion.train(Inputs(left, pairs.right, pairs.backbones, DIMS), split, settings)
    np.testing.assert_array_equal(clean(pairs.right), spoiled.adaptation(pairs.right))


def test_same_seed_same_numbers(pairs):
    split = splits.random_split(np.arange(PAIRS), 1, validation=0.0)
    one, again = (fusion.train(pairs, split, fusion.Settings(dims=8, epochs=25)) for _ in range(2))
    np.testing.assert_array_equal(one.adaptation(pairs.left), again.adaptation(pairs.left))


def test_folds_keep_groups_together():
    groups = np.repeat(np.arange(20), 2)
    rows = np.arange(4, 40)
    parts = splits.folds(rows, groups, 4, 0)
    assert sorted(np.concatenate(parts)) == list(rows)
    for part in parts:
        assert len(part) == 2 * len(np.unique(groups[part]))
    with pytest.raises(BadDataError, match="at least 40"):
        splits.folds(rows, groups, 40, 0)


def test_a_saved_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"<html>")
    with pytest.raises(BadDataError, match="no learned adaptation"):
        adapter.load(tmp_path / "x.npz")
