"""Backbones that read one network: one forward pass, the same features as each alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simcore.data.store.feature_store import FeatureStore
from simcore.models import layers, nets, registry
from simcore.models.extract import extraction
from simcore.models.extract.joint_networks import joint_networks
from simcore.models.spec import LayerOutput, NetworkSpec, WeightFile
from simcore.models.weights import folder
from simcore.types import Monitor, Preprocessing

INPUT = Preprocessing(40, (32, 32))
WIDTHS = {"first": 8, "second": 16, "both": 24}
LAYERS = {
    "first": (LayerOutput("0", "max"),),
    "second": (LayerOutput("2", "gem"),),
    "both": (LayerOutput("0"), LayerOutput("2", "max")),
}


class Counted(torch.nn.Sequential):
    """Two convolutions, and the number of images that passed them."""

    images = 0

    def forward(self, images):
        Counted.images += len(images)
        return super().forward(images)


def build():
    return Counted(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3))


@pytest.fixture
def specs(cache):
    torch.manual_seed(0)
    folder().mkdir(parents=True, exist_ok=True)
    torch.save(build().state_dict(), folder() / "tiny.pt")
    net, file = NetworkSpec(build), WeightFile("tiny.pt")
    return [
        nets.backbone_spec(
            name, WIDTHS[name], replace(net, outputs=outputs), file, preprocessing=INPUT
        )
        for name, outputs in LAYERS.items()
    ]


def rows(store, spec, pictures):
    index, values = store.read(extraction.feature_key(spec, "fp32"), pictures.keys)
    assert index.tolist() == list(range(len(pictures)))
    return values


def run(specs, pictures, store, **options):
    Counted.images = 0
    return extraction.extract(pictures, specs, store=store, device="cpu", batch=4, **options)


def test_one_pass_gives_the_features_of_each_alone(specs, image_set, store, tmp_path):
    pictures, apart = image_set(9), FeatureStore(tmp_path / "apart")
    for spec in specs:
        run([spec], pictures, apart)
    report = run(specs, pictures, store)
    assert Counted.images == 9, "once, not once per backbone"
    assert report.computed == dict.fromkeys(WIDTHS, 9)
    assert report.cached == dict.fromkeys(WIDTHS, 0)
    for spec in specs:
        np.testing.assert_allclose(
            rows(store, spec, pictures), rows(apart, spec, pictures), atol=1e-5
        )
    again = run(specs, pictures, store)
    assert (Counted.images, again.cached) == (0, dict.fromkeys(WIDTHS, 9))


def test_what_only_some_lack_is_left_to_these(specs, image_set, store, tmp_path):
    pictures, apart = image_set(9), FeatureStore(tmp_path / "apart")
    first, second, _ = specs
    run([first], pictures.take([0, 1, 2]), store)
    report = run([first, second], pictures, store)
    assert report.computed == {"first": 6, "second": 9}
    assert report.cached == {"first": 3, "second": 0}
    assert Counted.images == 9, "six for both, three for the second"
    run([second], pictures, apart)
    np.testing.assert_allclose(
        rows(store, second, pictures), rows(apart, second, pictures), atol=1e-5
    )


def test_a_stopped_run_resumes(specs, image_set, store):
    pictures = image_set(9)
    report = run(specs, pictures, store, monitor=Monitor(stop=lambda: Counted.images >= 4))
    assert 0 < report.computed["first"] < 9
    assert len(set(report.computed.values())) == 1
    rest = run(specs, pictures, store)
    assert rest.cached == report.computed
    assert all(len(rows(store, spec, pictures)) == 9 for spec in specs)


def test_missing_weights_are_said_for_each(specs, image_set, store):
    (folder() / "tiny.pt").unlink()
    report = run(specs, image_set(2), store)
    assert set(report.unavailable) == set(WIDTHS)
    assert all("tiny.pt" in reason for reason in report.unavailable.values())
    assert not report.computed


def test_other_weights_inputs_or_builds_are_other_networks(specs):
    first, second, _ = specs
    others = [
        replace(second, weights=(WeightFile("other.pt"),)),
        replace(second, preprocessing=replace(INPUT, borderless=True)),
        replace(second, net=replace(second.net, build=Counted)),
        replace(second, net=replace(second.net, convert_state=dict)),
        replace(second, net=None),
    ]
    todo = {"first": {"a"}, "second": {"a", "b"}}
    (joint,) = joint_networks([first, second], todo)
    assert (joint.spec.name, joint.spec.dim, joint.todo) == ("first + second", 24, {"a"})
    for other in others:
        assert not joint_networks([first, other], todo)
    assert not joint_networks([first, second], {"first": {"a"}, "second": {"b"}})


@pytest.mark.parametrize(
    "names",
    [
        ("mobilenetv2", "mobilenetv2-grid"),
        ("efficientnet-lite1", "efficientnet-lite1-grid"),
        ("vgg16-hed", "vgg16-hed-grid", "contours", "contours-map"),
    ],
)
def test_backbones_of_the_registry_that_read_one_network(names):
    members = [registry.get(name) for name in names]
    (joint,) = joint_networks(members, {name: {"a"} for name in names})
    assert joint.members == tuple(members)
    assert joint.spec.net is not None
    network = nets.on_meta_device(lambda: nets.random_network(joint.spec.net))
    embed = layers.joint_embedder(network, [spec.net.outputs for spec in members], "meta")
    size = nets.input_size(joint.spec.preprocessing)
    with torch.inference_mode(), torch.device("meta"):
        assert embed(torch.empty(2, 3, *size)).shape == (2, sum(spec.dim for spec in members))
