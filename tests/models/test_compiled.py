"""Compiled networks: the same features as PyTorch, kept in the cache, never trusted blindly."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from simcore.data import images as data_images
from simcore.models import compiled, forward, layers, nets, registry, weights
from simcore.models.spec import LayerOutput, NetworkSpec, WeightFile
from simcore.models.weights import folder
from simcore.types import Preprocessing

# Not `importorskip`: importing it here would load its telemetry, which the module keeps out.
pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")


def build():
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3)
    )


@pytest.fixture
def spec(cache):
    """A network with two layers read, whose weights are a file."""
    torch.manual_seed(0)
    folder().mkdir(parents=True, exist_ok=True)
    torch.save(build().state_dict(), folder() / "tiny.pt")
    net = NetworkSpec(build, (LayerOutput("0", "max"), LayerOutput("2", "gem")))
    made = nets.backbone_spec(
        "tiny-net", 24, net, WeightFile("tiny.pt"), preprocessing=Preprocessing(40, (32, 32))
    )
    with registry.temporary(made):
        yield made


def pixels(n=3, size=32):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)


def features(spec, embed, images):
    return np.concatenate(forward.forward(embed, spec, list(images), "cpu", "fp32"))


def test_features_equal_those_of_pytorch_and_the_file_is_used_again(spec):
    eager = spec.load("cpu")
    expected = features(spec, eager, pixels())
    assert compiled.for_cpu(spec, eager, 10) is eager, "converting costs more than ten images"
    first = compiled.for_cpu(spec, eager, compiled.MIN_IMAGES)
    assert isinstance(first, compiled.CompiledEmbedder)
    assert sys.modules["openvino_telemetry"] is None, "it would report to its makers"
    again = compiled.for_cpu(spec, eager, 1)
    assert isinstance(again, compiled.CompiledEmbedder)
    for embed in (first, again):
        actual = features(spec, embed, pixels())
        np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
        one_by_one = np.concatenate([features(spec, embed, [image]) for image in pixels()])
        np.testing.assert_allclose(actual, one_by_one, atol=1e-6)


def test_other_weights_are_converted_again(spec, tmp_path):
    compiled.for_cpu(spec, spec.load("cpu"), compiled.MIN_IMAGES)
    torch.manual_seed(1)
    torch.save(build().state_dict(), tmp_path / "other.pt")
    with weights.adding(spec.weights[0], tmp_path / "other.pt"):
        pass
    eager = spec.load("cpu")
    assert compiled.for_cpu(spec, eager, 1) is eager
    new = compiled.for_cpu(spec, eager, compiled.MIN_IMAGES)
    np.testing.assert_allclose(
        features(spec, new, pixels()), features(spec, eager, pixels()), atol=1e-5
    )


def test_a_damaged_file_is_replaced(spec, cache, caplog):
    eager = spec.load("cpu")
    compiled.for_cpu(spec, eager, compiled.MIN_IMAGES)
    (file,) = cache.glob("compiled/*/network.xml")
    file.write_text("<net>")
    assert compiled.for_cpu(spec, eager, 1) is eager
    assert "cannot be read" in caplog.text
    compiled.for_cpu(spec, eager, compiled.MIN_IMAGES)
    assert isinstance(compiled.for_cpu(spec, eager, 1), compiled.CompiledEmbedder)


def test_a_network_that_differs_or_cannot_be_converted_stays_in_pytorch(spec, monkeypatch, caplog):
    eager = spec.load("cpu")
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "TOLERANCE", -1.0)
        assert compiled.convert(spec, eager) is eager
    assert "differs by" in caplog.text

    class Unsupported(torch.nn.Module):
        def forward(self, images):
            return torch.linalg.matrix_exp(images[:, 0]).flatten(1)[:, :24]

    module = Unsupported()
    embed = forward.trainable(module, module)
    assert compiled.convert(spec, embed) is embed
    assert "cannot be compiled" in caplog.text

    class FixedBatch(torch.nn.Module):
        def forward(self, images):
            return images.flatten(1)[: len(images), :24]  # a constant when it is traced

    module = FixedBatch()
    embed = forward.trainable(module, module)
    assert compiled.convert(spec, embed) is embed


def test_it_can_be_switched_off_and_is_for_networks_only(spec, monkeypatch):
    assert compiled.supports(spec)
    assert not compiled.supports(registry.get("hog"))
    assert not compiled.supports(registry.get("face"))
    monkeypatch.setenv("SIMCORE_CPU_RUNTIME", "eager")
    assert not compiled.supports(spec)


def test_extraction_uses_it(tiny, spec, monkeypatch):
    from simcore.lab.library import collections
    from simcore.lab.library import extraction as lab_extraction
    from simcore.lab.library import features as lab_features

    monkeypatch.setattr(compiled, "MIN_IMAGES", 1)
    calls = []
    original = compiled.CompiledEmbedder.from_pixels

    def counted(self, batch):
        calls.append(len(batch))
        return original(self, batch)

    monkeypatch.setattr(compiled.CompiledEmbedder, "from_pixels", counted)
    assert lab_extraction.extract(tiny, ["tiny-net"]).computed == {"tiny-net": 12}
    assert sum(calls[1:]) == 12  # the first one compared it with PyTorch
    collection = collections.open_(tiny)
    stored = lab_features.for_side(collection, collection.left, "tiny-net").values
    pictures = [data_images.load(path.read_bytes()) for path in collection.left.paths]
    eager = np.concatenate(forward.embed_images(pictures, spec, "cpu", "fp32"))
    np.testing.assert_allclose(stored, eager, atol=1e-5 * np.abs(eager).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in registry.names()
        if (backbone := registry.get(name)).net and 0 < backbone.n_parameters < 30_000_000
    ],
)
def test_every_network_with_random_weights(name):
    """Equal features from the compiled network of every architecture."""
    spec = registry.get(name)
    module = nets.random_network(spec.net)
    eager = layers.embedder(module, spec.net.outputs, "cpu")
    fast = compiled.convert(spec, eager)
    images = pixels(2, nets.input_size(spec.preprocessing)[0])
    expected, actual = features(spec, eager, images), features(spec, fast, images)
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
    assert isinstance(fast, compiled.CompiledEmbedder)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("name", ["mobilenetv2", "efficientnet-lite0"])
def test_networks_with_real_weights(name, request):
    from simcore.errors import SimError
    from simcore.lab.library import models

    try:
        models.fetch([name])
    except SimError as error:
        pytest.skip(str(error))
    spec = registry.get(name)
    eager = spec.load("cpu")
    fast = compiled.convert(spec, eager)
    images = pixels(4, 224)
    expected, actual = features(spec, eager, images), features(spec, fast, images)
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())
