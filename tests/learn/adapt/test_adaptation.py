"""The adaptation function: its slope, its runs together, its file, and that it never peeks."""

import numpy as np
import pytest
import torch

from simcore.errors import BadDataError, UnknownNameError
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.learn import splits
from simcore.learn.adapt import adaptation, contrastive_loss, pca
from simcore.learn.adapt.inputs import Inputs, gather
from simcore.models import adapter
from simcore.types import Features

PAIRS, D = 120, 48
QUICK = {"dims": 24, "width": 64, "epochs": 30, "rate": 3e-3}


@pytest.fixture(scope="module")
def pairs():
    """Mates share a few directions; louder ones say nothing, and are to be unlearned."""
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.normal(size=(D, D)))[0]
    shared, loud = basis[:8], basis[8:20]
    seen = random.normal(size=(PAIRS, 8)) @ shared
    sides = [
        seen + 2.0 * random.normal(size=(PAIRS, 12)) @ loud + 0.1 * random.normal(size=(PAIRS, D))
        for _ in range(2)
    ]
    images = np.arange(PAIRS)
    left, right = (Features("a", images, side.astype(np.float32), PAIRS) for side in sides)
    return gather([left], [right])


@pytest.fixture(scope="module")
def drawn():
    return [splits.random_split(np.arange(PAIRS), seed) for seed in range(4)]


@pytest.mark.parametrize("sigma", [1.0, 15.0])
def test_the_slope_is_that_of_the_papers_loss(sigma):
    """Eq. 1 written with torch's own cross-entropy and autograd."""
    draw = torch.Generator().manual_seed(0)
    z = torch.randn(3, 20, 6, generator=draw, dtype=torch.float64)
    weight = torch.randn(3, 6, 9, generator=draw, dtype=torch.float64, requires_grad=True)
    expected = []
    for run in range(3):
        unit = torch.nn.functional.normalize(torch.relu(z[run] @ weight[run]), dim=1)
        logits = sigma * unit[:10] @ unit[10:].T
        mates = torch.arange(10)
        both = [torch.nn.functional.cross_entropy(s, mates) for s in (logits, logits.T)]
        expected.append(sum(both) / 2)
    slope = torch.autograd.grad(sum(expected), weight)[0]
    loss, found = contrastive_loss.loss_and_gradient(z, weight.detach(), sigma)
    torch.testing.assert_close(loss, torch.stack(expected).detach(), atol=1e-12, rtol=0)
    torch.testing.assert_close(found, slope, atol=1e-10, rtol=0)


@pytest.mark.parametrize("rows", [20, 400])
def test_products_of_any_size_are_products(rows):
    """Small ones as torch has them, large ones through oneDNN: in place, and each run by itself."""
    draw = torch.Generator().manual_seed(0)
    one, other = (torch.randn(2, n, 256, generator=draw) for n in (rows, 300))
    assert (rows * 256 * 300 > contrastive_loss.SMALL) == (rows == 400)
    expected = (one.double() @ other.double().transpose(1, 2)).float()
    found = contrastive_loss.product(one, other)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    place = torch.zeros(2, rows + 5, 300)
    contrastive_loss.product(one, other, out=place[:, 5:])
    torch.testing.assert_close(place[:, 5:], found, atol=0, rtol=0)
    assert not place[:, :5].any()
    alone = torch.cat(
        [contrastive_loss.product(one[n : n + 1], other[n : n + 1]) for n in range(2)]
    )
    torch.testing.assert_close(alone, found, atol=1e-5, rtol=0)


@pytest.mark.parametrize("protocol", ["honest", "paper"])
def test_runs_together_equal_runs_alone(pairs, drawn, protocol):
    settings = adaptation.Settings(protocol, **QUICK)
    together = adaptation.train(pairs, drawn, settings)
    for number, split in enumerate(drawn):
        alone_settings = adaptation.Settings(protocol, seed=number, **QUICK)
        (alone,) = adaptation.train(pairs, [split], alone_settings)
        one = together[number]
        epochs = min(len(one.losses), len(alone.losses))
        np.testing.assert_allclose(one.losses[:epochs], alone.losses[:epochs], atol=1e-4)
        np.testing.assert_allclose(one.checks[:epochs], alone.checks[:epochs], atol=1e-4)
        if protocol == "honest":  # the paper's epoch is the mean's choice, so alone it is another
            assert one.epoch == alone.epoch
            weights = [run.adaptation.layers[0].weight for run in (one, alone)]
            np.testing.assert_allclose(*weights, atol=1e-4)
            np.testing.assert_array_equal(one.after, alone.after)


def test_batches_of_any_size_give_the_same(pairs, drawn, monkeypatch):
    settings = adaptation.Settings(**QUICK)
    whole = adaptation.train(pairs, drawn, settings)
    monkeypatch.setattr(contrastive_loss, "CELLS", 1)
    single = adaptation.train(pairs, drawn, settings)
    for one, other in zip(whole, single, strict=True):
        weights = [run.adaptation.layers[0].weight for run in (one, other)]
        np.testing.assert_allclose(*weights, atol=1e-4)


def test_same_seed_same_numbers(pairs, drawn):
    first, again = (
        adaptation.train(pairs, drawn[:2], adaptation.Settings(**QUICK)) for _ in range(2)
    )
    other = adaptation.train(pairs, drawn[:2], adaptation.Settings(seed=9, **QUICK))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a.losses, b.losses)
        np.testing.assert_array_equal(a.adaptation.layers[0].weight, b.adaptation.layers[0].weight)
        np.testing.assert_array_equal(a.after, b.after)
        assert not np.array_equal(a.losses, c.losses)


def test_learning_helps_on_pairs_never_seen(pairs, drawn):
    runs = adaptation.train(pairs, drawn, adaptation.Settings(**QUICK))
    before, after = (
        asymmetric_recall.over_runs([getattr(run, stage) for run in runs])
        for stage in ("before", "after")
    )
    assert after.at(1)[0] > 1.3 * before.at(1)[0]


def test_honest_runs_never_look_at_test_pairs(pairs, drawn):
    """Other test pictures, the same weights to the last bit."""
    settings = adaptation.Settings(**QUICK)
    (clean,) = adaptation.train(pairs, drawn[:1], settings)
    left, right = pairs.left.copy(), pairs.right.copy()
    rows = drawn[0].test
    left[rows], right[rows] = right[rows[::-1]] * 7, 0.5
    spoiled = Inputs(left, right, pairs.backbones, pairs.dims)
    (leaky,) = adaptation.train(spoiled, drawn[:1], settings)
    one, other = clean.adaptation, leaky.adaptation
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.layers[0].axes, other.layers[0].axes)
    np.testing.assert_array_equal(one.layers[0].weight, other.layers[0].weight)
    assert clean.epoch == leaky.epoch
    assert not np.array_equal(clean.after, leaky.after)


def test_the_file_and_ten_lines_of_numpy_give_the_reported_numbers(pairs, drawn, tmp_path):
    (run,) = adaptation.train(pairs, drawn[:1], adaptation.Settings(**QUICK))
    run.adaptation.save(tmp_path / "w.npz")

    file = np.load(tmp_path / "w.npz", allow_pickle=False)
    exec(adapter.NUMPY_SNIPPET, told := {})
    left, right = (told["adapt"](side[run.split.test], file) for side in (pairs.left, pairs.right))
    similar = left @ right.T
    mate = np.diag(similar)
    by_row, by_column = (similar >= mate[:, None]).sum(1), (similar >= mate[None, :]).sum(0)
    np.testing.assert_array_equal(np.minimum(by_row, by_column), run.after)
    code = [line for line in adapter.NUMPY_SNIPPET.splitlines() if line]
    assert len(code) == 10
    assert "simcore" not in adapter.NUMPY_SNIPPET
    again = adapter.load(tmp_path / "w.npz")
    np.testing.assert_array_equal(again(pairs.left), run.adaptation(pairs.left))


def test_missing_evidence_counts_as_the_mean(pairs, drawn):
    left = pairs.left.copy()
    blind = drawn[0].train[:5]
    left[blind, :20] = np.nan
    (run,) = adaptation.train(
        Inputs(left, pairs.right, ("face", "rest"), (20, D - 20)),
        drawn[:1],
        adaptation.Settings(**QUICK),
    )
    filled = left.copy()
    filled[blind, :20] = run.adaptation.mean[:20]
    np.testing.assert_allclose(run.adaptation(left), run.adaptation(filled), atol=1e-6)


def test_pca_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA

    random = np.random.default_rng(0)
    for shape in ((60, 20), (20, 60)):
        values = (random.normal(size=shape) @ random.normal(size=(shape[1],) * 2)).astype(
            np.float32
        )
        ours, theirs = pca.fit(values, 8), PCA(8, svd_solver="full").fit(values)
        assert ours.kept == pytest.approx(theirs.explained_variance_ratio_.sum(), abs=1e-5)
        np.testing.assert_allclose(
            np.abs(ours(values)), np.abs(theirs.transform(values)), rtol=1e-3, atol=1e-3
        )


def test_bad_settings_are_named():
    with pytest.raises(UnknownNameError, match="protocol"):
        adaptation.Settings("oracle")
    with pytest.raises(BadDataError, match="sigma"):
        adaptation.Settings(sigma=0)


def test_asymmetric_ranks_take_the_better_direction():
    values = np.array([[0.5, 0.9], [0.1, 0.2]], np.float32)
    np.testing.assert_array_equal(asymmetric_recall.ranks_of(values), [1, 1])
    np.testing.assert_array_equal(
        asymmetric_recall.ranks_of(np.ones((3, 3), np.float32)), [3, 3, 3]
    )
