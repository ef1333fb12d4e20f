"""The adaptation function: gradient, parallel runs, file, and no look at the test pairs."""

import numpy as np
import pytest
import torch

from simcore.errors import BadDataError, UnknownNameError
from simcore.evaluate.retrieval import asymmetric_recall
from simcore.models import adapter
from simcore.training import splits
from simcore.training.adapt import adaptation, contrastive_loss, pca
from simcore.training.adapt.adaptation import AdaptationSettings
from simcore.training.adapt.inputs import Inputs, gather
from simcore.types import Features

PAIRS, D = 120, 48
QUICK = {"dims": 24, "width": 64, "epochs": 30, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def pairs():
    """Mates share a few directions; others, of larger variance, are noise to be unlearned."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(D, D)))[0]
    shared, noisy = basis[:8], basis[8:20]
    signal = rng.normal(size=(PAIRS, 8)) @ shared
    sides = [
        signal + 2.0 * rng.normal(size=(PAIRS, 12)) @ noisy + 0.1 * rng.normal(size=(PAIRS, D))
        for _ in range(2)
    ]
    images = np.arange(PAIRS)
    left, right = (Features("a", images, side.astype(np.float32), PAIRS) for side in sides)
    return gather([left], [right])


@pytest.fixture(scope="module")
def drawn():
    return [splits.random_split(np.arange(PAIRS), seed) for seed in range(4)]


@pytest.fixture(scope="module")
def trained(pairs, drawn):
    """Four runs of the held-out protocol."""
    return adaptation.train(pairs, drawn, AdaptationSettings(**QUICK))


@pytest.mark.parametrize(("sigma", "relu"), [(1.0, True), (15.0, True), (15.0, False)])
def test_the_gradient_is_that_of_the_papers_loss(sigma, relu):
    """Eq. 1 written with torch's own cross-entropy and autograd."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, 20, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 6, 9, generator=generator, dtype=torch.float64, requires_grad=True)
    expected = []
    for run in range(3):
        mapped = z[run] @ weight[run]
        unit = torch.nn.functional.normalize(torch.relu(mapped) if relu else mapped, dim=1)
        logits = sigma * unit[:10] @ unit[10:].T
        mates = torch.arange(10)
        both = [torch.nn.functional.cross_entropy(s, mates) for s in (logits, logits.T)]
        expected.append(sum(both) / 2)
    expected_gradient = torch.autograd.grad(sum(expected), weight)[0]
    loss, gradient = contrastive_loss.loss_and_gradient(z, weight.detach(), sigma, relu=relu)
    torch.testing.assert_close(loss, torch.stack(expected).detach(), atol=1e-12, rtol=0)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-10, rtol=0)


@pytest.mark.parametrize("rows", [20, 400])
def test_products_of_any_size(rows):
    """Small ones by torch, large ones by oneDNN: in place, and each run by itself."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(2, n, 256, generator=generator) for n in (rows, 300))
    large = rows * 256 * 300 > contrastive_loss.MIN_ONEDNN_MULTIPLICATIONS
    assert large == (rows == 400)
    expected = (left.double() @ right.double().transpose(1, 2)).float()
    result = contrastive_loss.product(left, right)
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-5)
    buffer = torch.zeros(2, rows + 5, 300)
    contrastive_loss.product(left, right, out=buffer[:, 5:])
    torch.testing.assert_close(buffer[:, 5:], result, atol=0, rtol=0)
    assert not buffer[:, :5].any()
    alone = torch.cat(
        [contrastive_loss.product(left[n : n + 1], right[n : n + 1]) for n in range(2)]
    )
    torch.testing.assert_close(alone, result, atol=1e-5, rtol=0)


@pytest.mark.parametrize("protocol", ["held-out", "paper"])
def test_runs_together_equal_runs_alone(pairs, drawn, trained, protocol):
    held_out = protocol == "held-out"
    together = trained
    if not held_out:
        together = adaptation.train(pairs, drawn, AdaptationSettings(protocol, **QUICK))
    for number, split in enumerate(drawn):
        settings = AdaptationSettings(protocol, seed=number, **QUICK)
        (alone,) = adaptation.train(pairs, [split], settings)
        run = together[number]
        epochs = min(len(run.losses), len(alone.losses))
        for name in ("losses", "validation_losses"):
            curves = (getattr(r, name)[:epochs] for r in (run, alone))
            np.testing.assert_allclose(*curves, atol=1e-4)
        if held_out:  # with protocol paper the mean of the runs chooses the epoch
            assert run.epoch == alone.epoch
            np.testing.assert_allclose(weight_of(run), weight_of(alone), atol=1e-4)
            np.testing.assert_array_equal(run.after, alone.after)


def weight_of(run):
    return run.adapter.layers[0].weight


def test_batches_of_any_size_give_the_same(pairs, drawn, trained, monkeypatch):
    monkeypatch.setattr(contrastive_loss, "MAX_BATCH_CELLS", 1)
    single = adaptation.train(pairs, drawn, AdaptationSettings(**QUICK))
    for run, other in zip(trained, single, strict=True):
        np.testing.assert_allclose(weight_of(run), weight_of(other), atol=1e-4)


def test_same_seed_same_numbers(pairs, drawn, trained):
    again = adaptation.train(pairs, drawn, AdaptationSettings(**QUICK))
    other = adaptation.train(pairs, drawn, AdaptationSettings(seed=9, **QUICK))
    for a, b, c in zip(trained, again, other, strict=True):
        np.testing.assert_array_equal(a.losses, b.losses)
        np.testing.assert_array_equal(weight_of(a), weight_of(b))
        np.testing.assert_array_equal(a.after, b.after)
        assert not np.array_equal(a.losses, c.losses)


def test_learning_helps_on_test_pairs(trained):
    before, after = (
        asymmetric_recall.over_runs([getattr(run, stage) for run in trained])
        for stage in ("before", "after")
    )
    assert after.at(1)[0] > 1.3 * before.at(1)[0]


def test_held_out_runs_never_look_at_test_pairs(pairs, drawn):
    """Other test images, the same weights to the last bit."""
    settings = AdaptationSettings(**QUICK)
    (clean,) = adaptation.train(pairs, drawn[:1], settings)
    left, right = pairs.left.copy(), pairs.right.copy()
    rows = drawn[0].test
    left[rows], right[rows] = right[rows[::-1]] * 7, 0.5
    changed = Inputs(left, right, pairs.backbones, pairs.dims)
    (other,) = adaptation.train(changed, drawn[:1], settings)
    np.testing.assert_array_equal(clean.adapter.mean, other.adapter.mean)
    np.testing.assert_array_equal(clean.adapter.layers[0].axes, other.adapter.layers[0].axes)
    np.testing.assert_array_equal(weight_of(clean), weight_of(other))
    assert clean.epoch == other.epoch
    assert not np.array_equal(clean.after, other.after)


def test_the_file_and_ten_lines_of_numpy_give_the_reported_numbers(pairs, trained, tmp_path):
    run = trained[0]
    run.adapter.save(tmp_path / "w.npz")

    file = np.load(tmp_path / "w.npz", allow_pickle=False)
    exec(adapter.NUMPY_SNIPPET, namespace := {})
    left, right = (
        namespace["adapt"](side[run.split.test], file) for side in (pairs.left, pairs.right)
    )
    similarity = left @ right.T
    mate = np.diag(similarity)
    by_row, by_column = (similarity >= mate[:, None]).sum(1), (similarity >= mate[None]).sum(0)
    np.testing.assert_array_equal(np.minimum(by_row, by_column), run.after)
    code = [line for line in adapter.NUMPY_SNIPPET.splitlines() if line]
    assert len(code) == 10
    assert "simcore" not in adapter.NUMPY_SNIPPET
    again = adapter.load(tmp_path / "w.npz")
    np.testing.assert_array_equal(again(pairs.left), run.adapter(pairs.left))


def test_missing_evidence_counts_as_the_mean(pairs, drawn):
    left = pairs.left.copy()
    rows = drawn[0].train[:5]
    left[rows, :20] = np.nan
    (run,) = adaptation.train(
        Inputs(left, pairs.right, ("face", "rest"), (20, D - 20)),
        drawn[:1],
        AdaptationSettings(**QUICK),
    )
    filled = left.copy()
    filled[rows, :20] = run.adapter.mean[:20]
    np.testing.assert_allclose(run.adapter(left), run.adapter(filled), atol=1e-6)


def test_pca_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    for shape in ((60, 20), (20, 60)):
        values = (rng.normal(size=shape) @ rng.normal(size=(shape[1],) * 2)).astype(np.float32)
        base, expected = pca.fit(values, 8), PCA(8, svd_solver="full").fit(values)
        share = expected.explained_variance_ratio_.sum()
        assert base.variance_kept == pytest.approx(share, abs=1e-5)
        np.testing.assert_allclose(
            np.abs(base(values)), np.abs(expected.transform(values)), rtol=1e-3, atol=1e-3
        )


def test_bad_settings_are_named():
    with pytest.raises(UnknownNameError, match="protocol"):
        AdaptationSettings("oracle")
    with pytest.raises(BadDataError, match="sigma must be greater than 0"):
        AdaptationSettings(sigma=0)


def test_asymmetric_ranks_take_the_better_direction():
    values = np.array([[0.5, 0.9], [0.1, 0.2]], np.float32)
    np.testing.assert_array_equal(asymmetric_recall.ranks_of(values), [1, 1])
    np.testing.assert_array_equal(
        asymmetric_recall.ranks_of(np.ones((3, 3), np.float32)), [3, 3, 3]
    )


@pytest.mark.parametrize("changes", [{"relu": False}, {"pca": "none"}, {"pca": "once"}])
def test_versions_of_the_function(pairs, drawn, changes):
    """The adapter of each version is applied as written: x -> axes -> W (-> ReLU), cosine."""
    (run,) = adaptation.train(pairs, drawn[:1], AdaptationSettings(**QUICK | changes))
    (layer,) = run.adapter.layers
    assert layer.relu == changes.get("relu", True)
    rows = run.split.train
    everything = changes.get("pca") == "once"
    images = np.concatenate(
        [side if everything else side[rows] for side in (pairs.left, pairs.right)]
    )
    np.testing.assert_allclose(run.adapter.mean, images.mean(0), atol=1e-5)
    assert layer.axes.shape == ((D, D) if changes.get("pca") == "none" else (D, QUICK["dims"]))
    sides = []
    for side in (pairs.left, pairs.right):
        mapped = (side[run.split.test] - run.adapter.mean) @ layer.axes @ layer.weight
        mapped = np.maximum(mapped, 0) if layer.relu else mapped
        sides.append(mapped / np.linalg.norm(mapped, axis=1, keepdims=True))
    similarity = sides[0] @ sides[1].T
    mates = similarity.diagonal()
    hits = ((similarity >= mates[:, None]).sum(1) == 1) | ((similarity >= mates).sum(0) == 1)
    assert (run.after <= 1).mean() == pytest.approx(hits.mean())


def test_a_new_option_does_not_change_old_fingerprints():
    fields = AdaptationSettings().hashed_fields()
    assert {"relu", "pca"}.isdisjoint(fields)
    assert AdaptationSettings(relu=False).hashed_fields()["relu"] is False
    with pytest.raises(UnknownNameError, match="PCA"):
        AdaptationSettings(pca="twice")
