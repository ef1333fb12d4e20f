"""Perceptual distances against the packages of their authors and the well-kept ones."""

import warnings

import numpy as np
import pytest
import torch
from torchvision import models

from simcore.errors import BadDataError, MissingWeightsError, ShapeError, SimError, UnknownNameError
from simcore.models import weights
from simcore.models.distances import dists, lpips, pair_distances, ssim
from simcore.types import Monitor


def batch(seed, side=64, count=3):
    """Two batches of pictures in 0..1, the second one the first with noise."""
    make = torch.Generator().manual_seed(seed)
    smooth = torch.rand(count, 3, side // 8, side // 8, generator=make)
    one = torch.nn.functional.interpolate(smooth, size=(side, side), mode="bicubic").clamp(0, 1)
    other = (one + 0.2 * torch.randn(one.shape, generator=make)).clamp(0, 1)
    return one, other


@pytest.fixture
def trunk():
    """`trunk("alex")` -> random features of torchvision's network, the same each time."""

    def make(net):
        torch.manual_seed(3)
        return models.get_model(lpips.NETS[net].model, weights=None).features.eval()

    return make


@pytest.mark.parametrize("net", list(lpips.NETS))
def test_lpips_equals_the_package(net, trunk):
    package = pytest.importorskip("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package still says pretrained=
        theirs = package.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    features = trunk(net)
    # The package's slices end with the last layer; both count the same weights up to there.
    for mine, (name, their) in zip(
        features.parameters(), theirs.net.named_parameters(), strict=True
    ):
        assert mine.shape == their.shape, name
        their.data.copy_(mine.data)
    linear = [layer.model[-1].weight.detach().flatten() for layer in theirs.lins]
    ours = lpips.load(net, trunk=features, linear=linear)
    one, other = batch(1)
    found = ours(one, other)
    with torch.no_grad():
        whole, layers = theirs(one, other, normalize=True, retPerLayer=True)
    np.testing.assert_allclose(-found["calibrated"], whole.flatten(), rtol=0, atol=1e-5)
    for k, layer in enumerate(layers):
        weighted = _layer(features, linear[k], k, net, one, other)
        np.testing.assert_allclose(weighted, layer.flatten(), rtol=0, atol=1e-5)
    theirs.lpips = False  # all layers without weights
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bare = package.LPIPS(net=net, pnet_rand=True, lpips=False, verbose=False).eval()
    bare.net.load_state_dict(theirs.net.state_dict())
    with torch.no_grad():
        plain, layers = bare(one, other, normalize=True, retPerLayer=True)
    np.testing.assert_allclose(-found["uncalibrated"], plain.flatten(), rtol=0, atol=1e-5)
    for k, layer in enumerate(layers):
        np.testing.assert_allclose(-found[f"layer{k}"], layer.flatten(), rtol=0, atol=1e-5)
    assert ours(one, one)["calibrated"].abs().max() == 0


def _layer(features, weight, k, net, one, other):
    """One calibrated layer: all other layers' weights are zero."""
    zero = [torch.zeros(c) for c in lpips.NETS[net].channels]
    zero[k] = weight
    return -lpips.load(net, trunk=features, linear=zero)(one, other)["calibrated"]


def test_the_wheels_calibration_is_the_packages(trunk):
    package = pytest.importorskip("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = package.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    try:
        weights.fetch(lpips.NETS["squeeze"].linear)
    except SimError as error:
        pytest.skip(f"no wheel: {error}")
    for mine, their in zip(lpips._linear(lpips.NETS["squeeze"]), theirs.lins, strict=True):
        np.testing.assert_array_equal(mine, their.model[-1].weight.detach().flatten())


def test_lpips_without_its_files_or_with_wrong_ones(trunk):
    with pytest.raises(MissingWeightsError, match=r"alexnet-owt-7be5be79\.pth.*add-weights"):
        pair_distances.load("lpips-alex")
    ready, reason = pair_distances.status("lpips-alex")
    assert not ready
    assert "alexnet" in reason
    with pytest.raises(UnknownNameError, match="Did you mean"):
        pair_distances.load("lpips-alexx")
    with pytest.raises(BadDataError, match="found LPIPS weights"):
        lpips.load("alex", trunk=trunk("alex"), linear=[torch.ones(c) for c in (64, 192)])
    bad = [torch.ones(c) for c in lpips.NETS["alex"].channels]
    bad[2][5] = -1
    with pytest.raises(BadDataError, match="below 0"):
        lpips.load("alex", trunk=trunk("alex"), linear=bad)


def test_ssim_equals_scikit_image():
    skimage = pytest.importorskip("skimage.metrics")
    one, other = batch(2, side=48)
    found = ssim.ssim(one, other)
    for k in range(len(one)):
        whole = skimage.structural_similarity(
            one[k].double().numpy(),
            other[k].double().numpy(),
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        inside = whole[:, 5:-5, 5:-5].mean()
        assert found[k] == pytest.approx(inside, abs=1e-5)
    assert ssim.ssim(one, one).tolist() == pytest.approx([1, 1, 1])


def test_ms_ssim_is_near_torchmetrics():
    # torchmetrics mirrors the border, this counts only whole windows as Wang et al. did.
    image = pytest.importorskip("torchmetrics.functional.image")
    one, other = batch(4, side=192, count=2)
    theirs = image.multiscale_structural_similarity_index_measure(
        one.double(), other.double(), data_range=1.0, reduction="none", normalize="relu"
    )
    np.testing.assert_allclose(ssim.ms_ssim(one, other), theirs, atol=2e-3)
    small = ssim.ms_ssim(*batch(4, side=64, count=2))
    assert ((small > 0) & (small < 1)).all()
    with pytest.raises(ShapeError, match="11 px or more"):
        ssim.ms_ssim(one[..., :8, :8], other[..., :8, :8])


def test_dists_equals_the_package(monkeypatch):
    package = pytest.importorskip("DISTS_pytorch.DISTS_pt")
    torch.manual_seed(5)
    vgg = models.vgg16(weights=None)
    monkeypatch.setattr(package.models, "vgg16", lambda **_: vgg)
    theirs = package.DISTS(load_weights=False).eval()
    state = {"alpha": theirs.alpha.detach().abs(), "beta": theirs.beta.detach().abs()}
    theirs.alpha.data, theirs.beta.data = state["alpha"], state["beta"]
    ours = dists.dists(trunk=vgg.features, state=state)
    one, other = batch(6)
    with torch.no_grad():
        distance = theirs(one, other)
    np.testing.assert_allclose(-ours(one, other), distance, atol=1e-5)
    with pytest.raises(BadDataError, match="no DISTS weights"):
        dists.dists(trunk=vgg.features, state={"alpha": torch.ones(3)})


def test_pixels_and_shapes():
    one, other = batch(7)
    np.testing.assert_allclose(
        -ssim.pixel_l2(one, other),
        np.sqrt(((one - other).double().numpy() ** 2).mean(axis=(1, 2, 3))),
    )
    with pytest.raises(ShapeError, match="alike"):
        ssim.pixel_l2(one, other[:2])


def test_pairs_are_read_once_a_batch_and_bad_files_named(image_set, monkeypatch):
    shown = image_set(4)
    shown.paths[3].write_bytes(b"no image")
    first, second = np.array([0, 0, 1, 2]), np.array([1, 2, 1, 3])
    seen = []
    found, skipped = pair_distances.measure(
        ["pixel-l2", "ssim"], shown, first, second, batch=2, monitor=Monitor(seen.append)
    )
    assert [s.name for s in skipped] == ["0003"]
    assert found["pixel-l2"][2] == 0
    assert found["ssim"][2] == pytest.approx(1)
    assert np.isnan([found["pixel-l2"][3], found["ssim"][3]]).all()
    assert (found["pixel-l2"][:2] < 0).all()
    assert (seen[-1].done, seen[-1].total) == (4, 4)
    assert pair_distances.measure(
        ["ssim"], shown, first, second, monitor=Monitor(stop=lambda: True)
    ) == ({}, ())
    with pytest.raises(BadDataError, match="no similarity"):
        pair_distances.measure([], shown, first, second)
