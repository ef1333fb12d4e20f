"""Feature maps of any network, recorded while its features are computed."""

import numpy as np
import pytest
import torch

from simcore.errors import BadDataError
from simcore.models import feature_maps, registry
from simcore.models.spec import BackboneSpec
from simcore.types import Preprocessing


def spec(build, **preprocessing):
    """A backbone with random weights, for a test only."""

    def load(device):
        torch.manual_seed(0)
        return build().eval().to(device)

    return BackboneSpec("net", 8, load, Preprocessing(**preprocessing))


def cnn():
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, stride=8, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(6, 8, 3, stride=4, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )


class ChannelsLast(torch.nn.Module):
    """Channels last, as in Swin."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 32, stride=32)
        self.norm = torch.nn.LayerNorm(8)

    def forward(self, x):
        return self.norm(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2))


def image(seed=0, height=245, width=200):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_convolutional_networks_maps():
    maps = feature_maps.extract_maps(image(), spec(cnn), "cpu", "fp32")
    assert maps.coarse.shape == (7, 7, 8)
    assert maps.fine.shape == (28, 28, 6)
    np.testing.assert_allclose(maps.coarse.mean((0, 1)), maps.vector, atol=1e-5)


def test_maps_with_channels_last():
    maps = feature_maps.extract_maps(image(), spec(ChannelsLast), "cpu", "fp32")
    assert maps.coarse.shape == maps.fine.shape == (7, 7, 8)
    np.testing.assert_allclose(maps.coarse.mean((0, 1)), maps.vector, atol=1e-5)


def test_a_transformers_patches_are_at_their_positions_in_the_image():
    import timm

    def vit():
        return timm.create_model(
            "vit_tiny_patch16_224",
            pretrained=False,
            num_classes=0,
            depth=1,
            embed_dim=24,
            num_heads=2,
        )

    backbone = spec(vit, resize=224, mean=(), std=())
    picture = image(1, 224, 224)
    first = feature_maps.extract_maps(picture, backbone, "cpu", "fp32")
    assert first.coarse.shape == (14, 14, 24)
    np.testing.assert_array_equal(first.fine, first.coarse)
    changed = picture.copy()
    changed[3 * 16 : 4 * 16, 10 * 16 : 11 * 16] = 255 - changed[3 * 16 : 4 * 16, 10 * 16 : 11 * 16]
    second = feature_maps.extract_maps(changed, backbone, "cpu", "fp32")
    change = np.abs(second.coarse - first.coarse).sum(axis=2)
    assert np.unravel_index(change.argmax(), change.shape) == (3, 10)


def test_maps_are_recorded_in_this_thread_only_and_hooks_are_removed():
    import threading

    backbone = spec(cnn)
    net, done = backbone.load("cpu"), []
    with feature_maps.record_maps() as maps:
        worker = threading.Thread(target=lambda: done.append(net(torch.zeros(1, 3, 64, 64))))
        worker.start()
        worker.join()
    assert done
    assert maps == []
    from torch.nn.modules import module

    assert not module._global_forward_hooks


def test_handcrafted_descriptors_have_no_maps():
    with pytest.raises(BadDataError, match="hog has no feature maps"):
        feature_maps.extract_maps(image(), registry.get("hog"), "cpu", "fp32")
