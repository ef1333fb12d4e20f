"""Perceptual distances against their authors' packages, scikit-image and torchmetrics."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchvision import models

from simcore.errors import BadDataError, MissingWeightsError, ShapeError, SimError, UnknownNameError
from simcore.models import weights
from simcore.models.distances import dists, lpips, pair_distances, ssim
from simcore.types import Monitor


def batch(seed, side=64, count=3):
    """Two batches of images in 0..1; the second is the first with noise."""
    make = torch.Generator().manual_seed(seed)
    smooth = torch.rand(count, 3, side // 8, side // 8, generator=make)
    first = torch.nn.functional.interpolate(smooth, size=(side, side), mode="bicubic").clamp(0, 1)
    second = (first + 0.2 * torch.randn(first.shape, generator=make)).clamp(0, 1)
    return first, second


def vgg16_features():
    """VGG16 without its classifier, which has 90 % of the weights and takes seconds to build."""
    return models.vgg.make_layers(models.vgg.cfgs["D"])


@pytest.fixture
def trunk():
    """`trunk("alex")` -> random features of torchvision's network, the same each time."""

    def make(net):
        torch.manual_seed(3)
        if net == "vgg":
            return vgg16_features().eval()
        return models.get_model(lpips.NETS[net].model, weights=None).features.eval()

    return make


@pytest.fixture
def light_vgg16(monkeypatch):
    """The authors' packages build a VGG16 for its `features` only."""
    monkeypatch.setattr(models, "vgg16", lambda **_: SimpleNamespace(features=vgg16_features()))


@pytest.mark.parametrize("net", list(lpips.NETS))
def test_lpips_equals_the_package(net, trunk, light_vgg16):
    package = pytest.importorskip("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package uses deprecated arguments of torchvision
        reference = package.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    features = trunk(net)
    # The package's slices end with the last layer; up to there the parameters are the same.
    for parameter, (name, reference_parameter) in zip(
        features.parameters(), reference.net.named_parameters(), strict=True
    ):
        assert parameter.shape == reference_parameter.shape, name
        reference_parameter.data.copy_(parameter.data)
    linear = [layer.model[-1].weight.detach().flatten() for layer in reference.lins]
    compare = lpips.load(net, trunk=features, linear=linear)
    first, second = batch(1)
    similarities = compare(first, second)
    with torch.no_grad():
        total, layers = reference(first, second, normalize=True, retPerLayer=True)
    np.testing.assert_allclose(-similarities["calibrated"], total.flatten(), rtol=0, atol=1e-5)
    for k, layer in enumerate(layers):
        calibrated = _layer(features, linear[k], k, net, first, second)
        np.testing.assert_allclose(calibrated, layer.flatten(), rtol=0, atol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        uncalibrated = package.LPIPS(net=net, pnet_rand=True, lpips=False, verbose=False).eval()
    uncalibrated.net.load_state_dict(reference.net.state_dict())
    with torch.no_grad():
        total, layers = uncalibrated(first, second, normalize=True, retPerLayer=True)
    np.testing.assert_allclose(-similarities["uncalibrated"], total.flatten(), rtol=0, atol=1e-5)
    for k, layer in enumerate(layers):
        np.testing.assert_allclose(-similarities[f"layer{k}"], layer.flatten(), rtol=0, atol=1e-5)
    assert compare(first, first)["calibrated"].abs().max() == 0


def _layer(features, weight, k, net, first, second):
    """One calibrated layer: all other layers' weights are zero."""
    zero = [torch.zeros(c) for c in lpips.NETS[net].channels]
    zero[k] = weight
    return -lpips.load(net, trunk=features, linear=zero)(first, second)["calibrated"]


def test_the_linear_weights_are_those_of_the_package():
    package = pytest.importorskip("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = package.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    try:
        weights.fetch(lpips.NETS["squeeze"].linear)
    except SimError as error:
        pytest.skip(f"no wheel: {error}")
    linear = lpips.load_linear_weights(lpips.NETS["squeeze"])
    for weight, layer in zip(linear, reference.lins, strict=True):
        np.testing.assert_array_equal(weight, layer.model[-1].weight.detach().flatten())


def test_lpips_without_its_files_or_with_wrong_ones(trunk):
    with pytest.raises(MissingWeightsError, match=r"alexnet-owt-7be5be79\.pth.*add-weights"):
        pair_distances.load("lpips-alex")
    ready, reason = pair_distances.status("lpips-alex")
    assert not ready
    assert "alexnet" in reason
    with pytest.raises(UnknownNameError, match="Did you mean"):
        pair_distances.load("lpips-alexx")
    with pytest.raises(BadDataError, match="LPIPS weights have"):
        lpips.load("alex", trunk=trunk("alex"), linear=[torch.ones(c) for c in (64, 192)])
    bad = [torch.ones(c) for c in lpips.NETS["alex"].channels]
    bad[2][5] = -1
    with pytest.raises(BadDataError, match="below 0"):
        lpips.load("alex", trunk=trunk("alex"), linear=bad)


def test_ssim_equals_scikit_image():
    skimage = pytest.importorskip("skimage.metrics")
    first, second = batch(2, side=48)
    scores = ssim.ssim(first, second)
    for k in range(len(first)):
        score_map = skimage.structural_similarity(
            first[k].double().numpy(),
            second[k].double().numpy(),
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        inside = score_map[:, 5:-5, 5:-5].mean()
        assert scores[k] == pytest.approx(inside, abs=1e-5)
    assert ssim.ssim(first, first).tolist() == pytest.approx([1, 1, 1])


def test_ms_ssim_is_near_torchmetrics():
    # torchmetrics mirrors the border, this counts only whole windows as Wang et al. did.
    image = pytest.importorskip("torchmetrics.functional.image")
    first, second = batch(4, side=192, count=2)
    expected = image.multiscale_structural_similarity_index_measure(
        first.double(), second.double(), data_range=1.0, reduction="none", normalize="relu"
    )
    np.testing.assert_allclose(ssim.ms_ssim(first, second), expected, atol=2e-3)
    small = ssim.ms_ssim(*batch(4, side=64, count=2))
    assert ((small > 0) & (small < 1)).all()
    with pytest.raises(ShapeError, match="11 px or more"):
        ssim.ms_ssim(first[..., :8, :8], second[..., :8, :8])


def test_dists_equals_the_package(monkeypatch):
    package = pytest.importorskip("DISTS_pytorch.DISTS_pt")
    torch.manual_seed(5)
    features = vgg16_features()
    monkeypatch.setattr(package.models, "vgg16", lambda **_: SimpleNamespace(features=features))
    reference = package.DISTS(load_weights=False).eval()
    state = {"alpha": reference.alpha.detach().abs(), "beta": reference.beta.detach().abs()}
    reference.alpha.data, reference.beta.data = state["alpha"], state["beta"]
    compare = dists.load(trunk=features, state=state)
    first, second = batch(6)
    with torch.no_grad():
        distance = reference(first, second)
    np.testing.assert_allclose(-compare(first, second), distance, atol=1e-5)
    with pytest.raises(BadDataError, match="no DISTS weights"):
        dists.load(trunk=features, state={"alpha": torch.ones(3)})


def test_pixel_l2_equals_numpy_and_checks_shapes():
    first, second = batch(7)
    np.testing.assert_allclose(
        -ssim.pixel_l2(first, second),
        np.sqrt(((first - second).double().numpy() ** 2).mean(axis=(1, 2, 3))),
    )
    with pytest.raises(ShapeError, match="same shape"):
        ssim.pixel_l2(first, second[:2])


def test_many_pairs_are_measured_and_unreadable_images_reported(image_set):
    images = image_set(4)
    images.paths[3].write_bytes(b"no image")
    first, second = np.array([0, 0, 1, 2]), np.array([1, 2, 1, 3])
    reports = []
    scores, skipped = pair_distances.measure(
        ["pixel-l2", "ssim"], images, first, second, batch=2, monitor=Monitor(reports.append)
    )
    assert [image.name for image in skipped] == ["0003"]
    assert scores["pixel-l2"][2] == 0
    assert scores["ssim"][2] == pytest.approx(1)
    assert np.isnan([scores["pixel-l2"][3], scores["ssim"][3]]).all()
    assert (scores["pixel-l2"][:2] < 0).all()
    assert (reports[-1].done, reports[-1].total) == (4, 4)
    assert pair_distances.measure(
        ["ssim"], images, first, second, monitor=Monitor(stop=lambda: True)
    ) == ({}, ())
    with pytest.raises(BadDataError, match="No similarity"):
        pair_distances.measure([], images, first, second)
