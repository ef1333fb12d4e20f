"""Torch modules of the caller: their digest changes with everything that decides the features."""

import functools

import numpy as np
import pytest
import torch
from torchvision import transforms

from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.lab.library import collections, extraction, features
from simcore.models import own_modules, registry
from simcore.models.own_modules import UnknownContentError, content_digest

TRANSFORM = transforms.Compose([transforms.Resize((16, 16)), transforms.ToTensor()])
SCALE = 1.0


class Net(torch.nn.Module):
    def __init__(self, seed=0, scale=1.0):
        super().__init__()
        torch.manual_seed(seed)
        self.layer, self.scale = torch.nn.Conv2d(3, 4, 3), scale
        self.register_buffer("shift", torch.zeros(4), persistent=False)

    def forward(self, images):
        return self.layer(images) * self.scale


class OtherCode(Net):
    def forward(self, images):
        return self.layer(images) + self.scale


def scaled(image):
    return transforms.functional.to_tensor(image) * SCALE


@pytest.fixture(autouse=True)
def forget():
    yield
    own_modules.forget("my-net")


def with_shift():
    net = Net()
    net.shift += 1
    return net


def with_hook():
    net = Net()
    net.register_forward_hook(lambda *args: args[2] * 2)
    return net


def test_equal_content_has_an_equal_digest():
    assert content_digest(Net(), TRANSFORM) == content_digest(Net(), TRANSFORM)
    again = transforms.Compose([transforms.Resize((16, 16)), transforms.ToTensor()])
    assert content_digest(Net(), TRANSFORM) == content_digest(Net().eval(), again)


@pytest.mark.parametrize(
    ("module", "transform"),
    [
        (Net(seed=1), TRANSFORM),
        (Net(scale=2.0), TRANSFORM),
        (OtherCode(), TRANSFORM),
        (with_shift(), TRANSFORM),
        (with_hook(), TRANSFORM),
        (Net(), transforms.Compose([transforms.Resize((17, 16)), transforms.ToTensor()])),
        (Net(), transforms.Lambda(lambda image: TRANSFORM(image) * 2)),
        (Net(), functools.partial(transforms.functional.to_tensor)),
    ],
)
def test_any_other_content_has_another_digest(module, transform):
    assert content_digest(module, transform) != content_digest(Net(), TRANSFORM)


def test_functions_count_with_the_variables_that_they_use(monkeypatch):
    before = content_digest(Net(), scaled)
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert content_digest(Net(), scaled) != before
    first, second = (transforms.Lambda(functools.partial(np.multiply, n)) for n in (1, 2))
    assert content_digest(Net(), first) != content_digest(Net(), second)


def test_content_that_cannot_be_seen_is_not_guessed():
    with pytest.raises(UnknownContentError):
        content_digest(Net(), iter([]))


def rows(name):
    collection = collections.open_(name)
    return features.for_side(collection, collection.left, "my-net").values


def expected(module, name):
    from PIL import Image

    paths = collections.open_(name).left.paths
    with torch.inference_mode():
        batch = torch.stack([TRANSFORM(Image.open(path).convert("RGB")) for path in paths])
        return module(batch).mean((2, 3)).numpy()


def test_new_weights_under_the_same_name_are_computed_again(tiny):
    for seed in (0, 1):
        own_modules.register("my-net", Net(seed), TRANSFORM)
        report = extraction.extract(tiny, ["my-net"])
        assert (report.computed, report.cached) == ({"my-net": 12}, {"my-net": 0})
        np.testing.assert_allclose(rows(tiny), expected(Net(seed), tiny), atol=1e-6)
    own_modules.register("my-net", Net(0), TRANSFORM)
    assert extraction.extract(tiny, ["my-net"]).cached == {"my-net": 12}
    np.testing.assert_allclose(rows(tiny), expected(Net(0), tiny), atol=1e-6)


def test_without_a_digest_the_cache_is_not_used(tiny):
    unknown = iter([])

    def transform(image):
        list(unknown)
        return TRANSFORM(image)

    for _ in range(2):
        spec = own_modules.register("my-net", Net(), transform)
        assert extraction.extract(tiny, ["my-net"]).computed == {"my-net": 12}
        own_modules.drop_features(spec)
    assert "my-net" not in FeatureStore().backbones()


def test_the_mode_of_every_part_is_restored():
    net = Net().train()
    net.layer.eval()
    own_modules.register("my-net", net, TRANSFORM)
    assert (net.training, net.layer.training) == (True, False)


@pytest.mark.parametrize("name", ["hog", "a/b"])
def test_names_of_others_are_refused(name):
    with pytest.raises(BadDataError):
        own_modules.register(name, Net(), TRANSFORM)


def test_another_output_is_refused():
    class Pair(torch.nn.Module):
        def forward(self, images):
            return images, images

    with pytest.raises(BadDataError, match="tuple"):
        own_modules.register("my-net", Pair(), TRANSFORM)
    assert "my-net" not in registry.names()
