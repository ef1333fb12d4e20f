"""Every registered network: its printed size, and what features are, weights or no weights."""

import pytest

from simcore.errors import BadDataError, UnknownNameError
from simcore.models import forward, layers, nets, registry, spec

torch = pytest.importorskip("torch")
NETWORKS = [name for name in registry.names() if registry.get(name).net is not None]
RUN_BELOW = 30_000_000  # parameters; bigger ones are looked at on the meta device
EDGES = "shp"  # one channel in
GROUPS = {
    "rosenfeld2018": 8,
    "rosenfeld2019": 11,
    "risser-maroux2021": 37,
    "margaritescu2024": 11,
}
# The column "concatenated size" of risser-maroux2021's annex.
SIZES = {
    "barlow": 3840,
    "deits16": 384,
    "deits8": 384,
    "dino_resnet50": 3840,
    "dino_vitb16": 768,
    "dino_vitb8": 768,
    "facenet": 1792,
    "alexnet": 256,
    "resnet18": 960,
    "resnet34": 960,
    "resnet50": 3840,
    "resnet101": 3840,
    "resnet152": 3840,
    "efficientnet_b0": 1280,
    "efficientnet_b1": 1280,
    "efficientnet_b2": 1408,
    "efficientnet_b3": 1536,
    "ViT": 768,
    "BIT-M-R50x1": 3840,
    "BIT-M-R50x3": 11520,
    "BIT-M-R101x1": 3840,
    "BIT-M-R101x3": 11520,
    "BIT-M-R152x2": 7680,
    "BIT-M-R152x4": 15360,
    "resnet50_ssl": 3840,
    "resnext101_32x8d_ssl": 3840,
    "resnet50_swsl": 3840,
    "resnext101_32x16d_swsl": 3840,
    "resnext101_32x8d_swsl": 3840,
    "resnext101_32x8d_wsl": 3840,
    "resnext101_32x16d_wsl": 3840,
    "resnext101_32x32d_wsl": 3840,
    "resnext101_32x48d_wsl": 3840,
    "clip_rm101": 4352,
    "clip_rm50": 4864,
    "clip_rm50x4": 5440,
    "clip_vit32_b": 768,
}


def channels(name):
    return 1 if name == EDGES else 3


def size(spec):
    """Small where the network takes any size; its own where it has a place for each patch."""
    fixed = ("vit", "clip", "deit", "dino", "eva", "siglip", "facenet")
    if spec.name == EDGES:
        return (72, 72)
    return nets.size(spec.prepare) if any(w in spec.name.lower() for w in fixed) else (96, 96)


@pytest.mark.parametrize("name", NETWORKS)
def test_dimension_and_parameters_are_as_registered(name):
    spec = registry.get(name)
    module = nets.without_weights(spec.net.build)
    assert sum(p.numel() for p in module.parameters()) == spec.n_parameters
    module = spec.net.remove_head(module) if spec.net.remove_head else module
    assert layers.width(module, spec.net.taps, size(spec), channels(name)) == spec.dim


@pytest.mark.parametrize(
    "name", [name for name in NETWORKS if registry.get(name).n_parameters < RUN_BELOW]
)
def test_an_image_s_features_are_its_own(name):
    """Random weights: finite, the same twice, and whatever else is in the batch."""
    torch.manual_seed(0)
    spec = registry.get(name)
    embed = layers.embedder(nets.random_network(spec.net), spec.net.taps, "cpu")
    images = torch.rand(2, channels(name), *size(spec))
    with torch.inference_mode():
        both, again, alone = embed(images), embed(images), embed(images[1:])
    assert both.shape == (2, spec.dim)
    assert both.dtype == torch.float32
    assert torch.isfinite(both).all()
    assert torch.equal(both, again)
    torch.testing.assert_close(alone, both[1:], atol=1e-4, rtol=1e-3)
    assert not torch.equal(both[0], both[1]), "two pictures, two rows"


@pytest.mark.parametrize(("row", "dim"), SIZES.items())
def test_the_annex_s_sizes(row, dim):
    (spec,) = [
        registry.get(name)
        for name in registry.names("risser-maroux2021")
        if ("risser-maroux2021", row) in registry.get(name).rows
    ]
    assert spec.dim == dim


@pytest.mark.parametrize("paper", GROUPS)
def test_every_model_of_a_paper_is_there(paper):
    found = [registry.get(name) for name in registry.names(paper)]
    assert len(found) == GROUPS[paper]
    for model in found:
        assert model.license
        assert model.description
        assert [row for where, row in model.rows if where == paper], model.name
        assert all(file.url or file.hub for file in model.weights), model.name
    rows = [row for model in found for where, row in model.rows if where == paper]
    assert len(set(rows)) == len(rows)


def test_library_entries_have_the_library_s_preprocessing():
    """Where a paper says nothing else, an input is what the file was trained with."""
    pairs = {
        "dinov2-small": "timm:vit_small_patch14_dinov2.lvd142m",
        "dinov3-base": "timm:vit_base_patch16_dinov3.lvd1689m",
        "siglip2-base": "timm:vit_base_patch16_siglip_224.v2_webli",
        "convnext-base": "timm:convnext_base.fb_in22k_ft_in1k",
        "eva02-base": "timm:eva02_base_patch14_224.mim_in22k",
        "dreamsim-dino": "timm:vit_base_patch16_224.dino",
        "ViT": "timm:vit_base_patch16_224.augreg_in21k_ft_in1k",
        "clip-large": "open_clip:ViT-L-14-quickgelu/openai",
        "dreamsim-open-clip": "open_clip:ViT-B-16/laion400m_e31",
    }
    for name, theirs in pairs.items():
        ours, library = registry.get(name), registry.get(theirs)
        assert ours.preprocessing == library.preprocessing, name
        assert ours.dim == library.dim
        assert ours.weights[0].file == library.weights[0].file, "one file for both"
        assert ours.weights[0].hub == library.weights[0].hub


@pytest.mark.parametrize(
    ("name", "dim"),
    [
        ("timm:resnet50[layer2+layer3:max]", 1536),
        ("timm:resnet18[layer3:gem+out]", 768),
        ("timm:vit_tiny_patch16_224[blocks.5:cls+blocks.11]", 384),
        ("torchvision:squeezenet1_1[features.3:grid]", 128 * 9),
        ("torchvision:swin_t[features.1]", 96),
        ("open_clip:RN50/openai[layer4+out]", 2048 + 1024),
        ("resnet18[^fc]", 512),
        ("mobilenetv2[7:avg+17:max]", 64 + 320),
    ],
)
def test_layers_by_name(name, dim):
    spec = registry.get(name)
    assert (spec.name, spec.dim) == (name, dim)


def test_layers_are_what_the_network_computes():
    torch.manual_seed(0)
    module = nets.random_network(registry.get("resnet18").net).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        x = module.maxpool(module.relu(module.bn1(module.conv1(images))))
        second = module.layer2(module.layer1(x))
        fourth = module.layer4(module.layer3(second)).clamp(min=1e-6)
        parts = [second.amax((2, 3)), (fourth**3).mean((2, 3)) ** (1 / 3)]
        expected = torch.cat([part / part.norm(dim=1, keepdim=True) for part in parts], 1)
        embed = layers.embedder(module, layers.parse("layer2:max+layer4:gem"), "cpu")
        torch.testing.assert_close(embed(images), expected)


def test_reading_a_layer_ends_the_run_there():
    module = nets.random_network(registry.get("resnet18").net)
    seen = []
    module.layer3.register_forward_hook(lambda *_: seen.append("layer3"))
    embed = layers.embedder(module, layers.parse("layer2"), "cpu")
    with torch.inference_mode():
        embed(torch.rand(1, 3, 64, 64))
    assert not seen


def test_a_map_that_is_overwritten_later_is_read_before():
    """DenseNet's ReLU works in place on what `features` returned."""
    torch.manual_seed(0)
    module = nets.random_network(registry.get("densenet121").net).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = module.features(images).mean((2, 3))
        found = layers.embedder(module, layers.parse("features+out"), "cpu")(images)
    assert (expected < 0).any(), "before the ReLU"
    torch.testing.assert_close(found[:, :1024], torch.nn.functional.normalize(expected))


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("timm:resnet18[layer9]", UnknownNameError, "No layer of ResNet named 'layer9'. Did you"),
        ("timm:resnet18[layer2:mean]", UnknownNameError, "No pooling named 'mean'"),
        ("timm:resnet18[layer2+]", BadDataError, "expected layers like"),
        ("timm:resnet18[layer2:cls]", BadDataError, "without tokens"),
        ("hog[layer2]", BadDataError, "hog has no layers"),
        ("faces:face", BadDataError, "looks at whole images"),
    ],
)
def test_layers_that_cannot_be(name, error, words):
    with pytest.raises(error, match=words):
        registry.get(name)


def test_a_layer_that_no_image_passes():
    module = nets.random_network(registry.get("ret").net)
    with pytest.raises(BadDataError, match="not used when an image goes through"):
        layers.embedder(module, layers.parse("pool+out"), "cpu")(torch.rand(1, 3, 64, 64))


def test_licences_that_forbid_commerce_are_marked():
    marked = {n for n in registry.names() if spec.non_commercial(registry.get(n).license)}
    assert {"pose", "resnet50_swsl", "resnext101_32x48d_wsl", "dinov3-base"} <= marked
    assert not {"resnet18", "mobilenetv2", "hog", "clip_rn50"} & marked


def test_lpips_as_a_backbone_is_lpips():
    """Squared Euclidean distance of its rows = the formula of Zhang et al., layer by layer."""
    from simcore.models.backbones import modern

    torch.manual_seed(4)
    module = nets.random_network(registry.get("alexnet").net)
    linear = [torch.rand(1, c, 1, 1) for c in (64, 192, 384, 256, 256)]
    embed = modern.weighted(module, linear, "cpu")
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        one, other = embed(images)
        assert one.shape == (registry.get("lpips-alex").dim,)
        total, x = 0.0, images
        for number, layer in enumerate(module.features):
            x = layer(x.clone())
            if number in (1, 4, 7, 9, 11):
                unit = x / x.norm(dim=1, keepdim=True).clamp(min=1e-10)
                weight = linear[(1, 4, 7, 9, 11).index(number)]
                total += (weight[0] * (unit[0] - unit[1]) ** 2).sum(0).mean()
    torch.testing.assert_close((one - other).pow(2).sum(), total)


def test_lpips_as_a_backbone_can_be_learned_further():
    """Its weights have slopes, even where a whole place of a map is zero."""
    from simcore.models.backbones import modern

    torch.manual_seed(4)
    module = nets.random_network(registry.get("alexnet").net)
    embed = modern.weighted(
        module, [torch.rand(1, c, 1, 1) for c in (64, 192, 384, 256, 256)], "cpu"
    )
    trunk = forward.module(embed)
    with torch.no_grad():
        trunk[0].bias.fill_(-100)  # nothing gets through the first layer
    embed(torch.rand(2, 3, 64, 64)).sum().backward()
    assert all(p.grad.isfinite().all() for p in trunk.parameters())


def test_memory_that_ran_out_is_known_by_its_words():
    assert forward.out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert forward.out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert forward.out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not forward.out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
