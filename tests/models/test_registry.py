"""The registry: every network has its printed size, and features that depend on the image only."""

import copy
from functools import cache
from types import SimpleNamespace

import pytest

from simcore.errors import BadDataError, UnknownNameError
from simcore.models import forward, layers, nets, registry
from simcore.models.spec import BackboneSpec, is_non_commercial

torch = pytest.importorskip("torch")
NETWORKS = [name for name in registry.names() if registry.get(name).net is not None]
MAX_RUN_PARAMETERS = 30_000_000  # larger networks are built on the meta device only
MANY_PATCHES = ("deits8", "dinov2-small")  # 784 and 1,369 patches: seconds per image
EDGES = "shp"  # its input has one channel
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


def input_size(spec):
    """Small where the network takes any size; its own where it has one position per patch."""
    fixed = ("vit", "clip", "deit", "dinov", "dreamsim", "eva", "siglip", "facenet")
    if spec.name == EDGES:
        return (72, 72)
    if any(word in spec.name.lower() for word in fixed):
        return nets.input_size(spec.preprocessing)
    return (64, 64)


@cache
def meta_module(name):
    """The network on the meta device, built once for all tests; and its number of parameters."""
    net = registry.get(name).net
    module = nets.on_meta_device(net.build)
    n_parameters = sum(p.numel() for p in module.parameters())
    return (net.remove_head(module) if net.remove_head else module), n_parameters


@cache
def architecture(name):
    """What names of the same network and layers have in common."""
    spec = registry.get(name)
    return repr(meta_module(name)[0]), spec.net.outputs, input_size(spec)


@pytest.mark.parametrize("name", NETWORKS)
def test_dimension_and_parameters_are_as_registered(name):
    spec = registry.get(name)
    module, n_parameters = meta_module(name)
    assert n_parameters == spec.n_parameters
    assert layers.output_dim(module, spec.net.outputs, input_size(spec), channels(name)) == spec.dim


@pytest.fixture(scope="module")
def tested_architectures():
    return set()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in MANY_PATCHES else [])
        for name in NETWORKS
        if registry.get(name).n_parameters < MAX_RUN_PARAMETERS
    ],
)
def test_features_depend_on_the_image_only(name, tested_architectures):
    """With random weights: finite, deterministic, and independent of the rest of the batch.

    Names that share a network and its layers (there are twelve of ResNet50) are computed once.
    """
    if architecture(name) in tested_architectures:
        return
    tested_architectures.add(architecture(name))
    torch.manual_seed(0)
    spec = registry.get(name)
    embed = layers.embedder(nets.random_network(spec.net), spec.net.outputs, "cpu")
    images = torch.rand(2, channels(name), *input_size(spec))
    with torch.inference_mode():
        both, again, alone = embed(images), embed(images), embed(images[1:])
    assert both.shape == (2, spec.dim)
    assert both.dtype == torch.float32
    assert torch.isfinite(both).all()
    assert torch.equal(both, again)
    torch.testing.assert_close(alone, both[1:], atol=1e-4, rtol=1e-3)
    assert not torch.equal(both[0], both[1]), "two images have different features"


@pytest.mark.parametrize(("row", "dim"), SIZES.items())
def test_sizes_of_the_annex(row, dim):
    (spec,) = [
        registry.get(name)
        for name in registry.names("risser-maroux2021")
        if ("risser-maroux2021", row) in registry.get(name).paper_rows
    ]
    assert spec.dim == dim


@pytest.mark.parametrize("paper", GROUPS)
def test_every_network_of_a_paper_is_registered(paper):
    specs = [registry.get(name) for name in registry.names(paper)]
    assert len(specs) == GROUPS[paper]
    rows = []
    for spec in specs:
        assert spec.license
        assert spec.description
        assert all(file.url or file.hub for file in spec.weights), spec.name
        own_rows = [row for row_paper, row in spec.paper_rows if row_paper == paper]
        assert own_rows, spec.name
        rows += own_rows
    assert len(set(rows)) == len(rows)


def test_library_networks_have_the_library_s_preprocessing():
    """Unless a paper says otherwise, the input is what the network was trained with."""
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
    for name, library_name in pairs.items():
        spec, library_spec = registry.get(name), registry.get(library_name)
        assert spec.preprocessing == library_spec.preprocessing, name
        assert spec.dim == library_spec.dim
        assert spec.weights[0].file == library_spec.weights[0].file, "one file for both"
        assert spec.weights[0].hub == library_spec.weights[0].hub


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


@pytest.fixture(scope="module")
def resnet18():
    torch.manual_seed(0)
    return nets.random_network(registry.get("resnet18").net).eval()


def test_layers_are_what_the_network_computes(resnet18):
    module = copy.deepcopy(resnet18)
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        x = module.maxpool(module.relu(module.bn1(module.conv1(images))))
        second = module.layer2(module.layer1(x))
        fourth = module.layer4(module.layer3(second)).clamp(min=1e-6)
        parts = [second.amax((2, 3)), (fourth**3).mean((2, 3)) ** (1 / 3)]
        expected = torch.cat([part / part.norm(dim=1, keepdim=True) for part in parts], 1)
        embed = layers.embedder(module, layers.parse("layer2:max+layer4:gem"), "cpu")
        torch.testing.assert_close(embed(images), expected)


def test_layers_after_the_last_one_read_do_not_run(resnet18):
    module, runs = copy.deepcopy(resnet18), []
    module.layer3.register_forward_hook(lambda *_: runs.append("layer3"))
    embed = layers.embedder(module, layers.parse("layer2"), "cpu")
    with torch.inference_mode():
        embed(torch.rand(1, 3, 64, 64))
    assert not runs


def test_a_map_is_read_before_a_later_layer_overwrites_it():
    """DenseNet's ReLU works in place on the output of `features`."""
    torch.manual_seed(0)
    module = nets.random_network(registry.get("densenet121").net).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = module.features(images).mean((2, 3))
        rows = layers.embedder(module, layers.parse("features+out"), "cpu")(images)
    assert (expected < 0).any(), "before the ReLU"
    torch.testing.assert_close(rows[:, :1024], torch.nn.functional.normalize(expected))


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("timm:resnet18[layer9]", UnknownNameError, "o layer of ResNet named 'layer9'. Did you"),
        ("timm:resnet18[layer2:mean]", UnknownNameError, "o pooling named 'mean'"),
        ("timm:resnet18[layer2+]", BadDataError, "Write layers like"),
        ("timm:resnet18[layer2:cls]", BadDataError, "without tokens"),
        ("hog[layer2]", BadDataError, "hog has no layers"),
        ("faces:face", BadDataError, "takes whole images"),
    ],
)
def test_layers_that_cannot_be(name, error, words):
    with pytest.raises(error, match=words):
        registry.get(name)


def test_a_layer_that_no_image_passes_through():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
    module.unused = torch.nn.Identity()
    module.forward = module[0].forward
    with pytest.raises(BadDataError, match="not used when an image passes through"):
        layers.embedder(module, layers.parse("unused+out"), "cpu")(torch.rand(1, 3, 64, 64))


def test_licenses_that_forbid_commercial_use_are_marked():
    marked = {n for n in registry.names() if is_non_commercial(registry.get(n).license)}
    assert {"pose", "resnet50_swsl", "resnext101_32x48d_wsl", "dinov3-base"} <= marked
    assert not {"resnet18", "mobilenetv2", "hog", "clip_rn50"} & marked


@pytest.fixture(scope="module")
def alexnet_features():
    torch.manual_seed(4)
    return nets.random_network(registry.get("alexnet").net).features


def lpips_on(features):
    """LPIPS as a backbone with random weights; and those of each layer."""
    from simcore.models.backbones import modern

    linear = [torch.rand(1, c, 1, 1) for c in (64, 192, 384, 256, 256)]
    return modern.lpips_embedder(SimpleNamespace(features=features), linear, "cpu"), linear


def test_lpips_as_a_backbone_is_lpips(alexnet_features):
    """Squared Euclidean distance of its rows = the formula of Zhang et al., layer by layer."""
    embed, linear = lpips_on(alexnet_features)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        first, second = embed(images)
        assert first.shape == (registry.get("lpips-alex").dim,)
        total, x = 0.0, images
        for number, layer in enumerate(alexnet_features):
            x = layer(x.clone())
            if number in (1, 4, 7, 9, 11):
                unit = x / x.norm(dim=1, keepdim=True).clamp(min=1e-10)
                weight = linear[(1, 4, 7, 9, 11).index(number)]
                total += (weight[0] * (unit[0] - unit[1]) ** 2).sum(0).mean()
    torch.testing.assert_close((first - second).pow(2).sum(), total)


def test_lpips_as_a_backbone_can_be_fine_tuned(alexnet_features):
    """Its gradients are finite, even where all channels of a position are zero."""
    embed, _ = lpips_on(copy.deepcopy(alexnet_features))
    trunk = forward.module(embed)
    with torch.no_grad():
        trunk[0].bias.fill_(-100)  # the first layer's output is zero everywhere
    embed(torch.rand(2, 3, 64, 64)).sum().backward()
    assert all(p.grad.isfinite().all() for p in trunk.parameters())


def test_running_out_of_memory_is_recognized_by_the_message():
    assert forward.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert forward.is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert forward.is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not forward.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_a_temporary_backbone_is_registered_for_a_block_only():
    spec = BackboneSpec("temporary", 3, lambda device: lambda images: images.mean((2, 3)))
    with registry.temporary(spec):
        assert registry.get("temporary") is spec
        assert registry.get("faces:temporary").dim == 3
        assert "temporary" in registry.names()
        with pytest.raises(ValueError, match="named 'temporary'"):
            registry.add(spec)
    for name in ("temporary", "faces:temporary"):
        with pytest.raises(UnknownNameError):
            registry.get(name)


def test_a_weight_file_that_is_replaced_is_loaded_again(tmp_path):
    """The key of loaded networks has the digest of the file."""
    from simcore.models import weights
    from simcore.models.spec import WeightFile

    file = WeightFile("number.txt")

    def load(device):
        number = float(weights.path(file).read_text())
        return lambda images: images.mean((2, 3)) * 0 + number

    spec = BackboneSpec("number", 3, load, weights=(file,))
    for content in ("1", "2.5"):
        (tmp_path / file.file).write_text(content)
        with weights.adding(file, tmp_path / file.file):
            pass
        image = torch.zeros(1, 3, 8, 8)
        assert forward.load(spec, "cpu")(image).unique().item() == float(content)
