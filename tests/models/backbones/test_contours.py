"""HED: against a forward pass in plain NumPy, and the contours of drawn figures."""

import h5py
import numpy as np
import pytest

from simcore.errors import BadDataError, MissingWeightsError, SimError
from simcore.models import nets, registry, weights
from simcore.models.transforms import Setting

torch = pytest.importorskip("torch")
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
MEAN = np.array([122.67892, 116.66877, 104.00699])


@pytest.fixture(scope="module")
def random_file(tmp_path_factory):
    """A file in the layout of the package, with small random weights."""
    random = np.random.default_rng(0)
    file = tmp_path_factory.mktemp("hed") / "hed.weights.h5"
    before = 3
    with h5py.File(file, "w") as out:

        def write(name, size, channels_in, channels_out):
            scale = np.sqrt(2 / (size * size * channels_in))
            kernel = random.normal(0, scale, (size, size, channels_in, channels_out))
            out[f"{name}/vars/0"] = kernel.astype(np.float32)
            out[f"{name}/vars/1"] = random.normal(0, 0.1, channels_out).astype(np.float32)

        for stage, (channels, count) in enumerate(STAGES, 1):
            for number in range(count):
                suffix = f"_{number}" if number else ""
                write(f"block{stage}/layers/conv2d{suffix}", 3, before, channels)
                before = channels
            write(f"dsn{stage}", 1, channels, 1)
        write("fuse", 1, 5, 1)
    return file


def convolve(image, kernel, bias):
    """(H, W, C) with zero padding and a (k, k, C, D) kernel."""
    reach = kernel.shape[0] // 2
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)))
    height, width = image.shape[:2]
    total = np.zeros((height, width, kernel.shape[3])) + bias
    for y in range(kernel.shape[0]):
        for x in range(kernel.shape[1]):
            total += padded[y : y + height, x : x + width] @ kernel[y, x]
    return total


def resize(image, height, width):
    """Bilinear, pixels as centers of squares."""

    def places(size, target):
        at = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, size - 1), at - low

    top, bottom, dy = places(image.shape[0], height)
    left, right, dx = places(image.shape[1], width)
    rows = image[top] * (1 - dy)[:, None] + image[bottom] * dy[:, None]
    return rows[:, left] * (1 - dx) + rows[:, right] * dx


def by_hand(file, rgb):
    """(H, W) contours of an RGB image of values 0..255, as the package computes them: in BGR."""
    height, width = rgb.shape[:2]
    x, sides = (rgb - MEAN)[:, :, ::-1], []
    with h5py.File(file) as weights_file:

        def layer(name):
            return weights_file[f"{name}/vars/0"][()], weights_file[f"{name}/vars/1"][()]

        for stage, (_, count) in enumerate(STAGES, 1):
            if stage > 1:
                h, w = x.shape[0] // 2, x.shape[1] // 2
                x = x.reshape(h, 2, w, 2, -1).max((1, 3))
            for number in range(count):
                suffix = f"_{number}" if number else ""
                x = np.maximum(convolve(x, *layer(f"block{stage}/layers/conv2d{suffix}")), 0)
            side = convolve(x, *layer(f"dsn{stage}"))[:, :, 0]
            sides.append(resize(side, height, width))
        fused = convolve(np.stack(sides, 2), *layer("fuse"))[:, :, 0]
    return 1 / (1 + np.exp(-fused))


def as_input(rgb):
    return torch.from_numpy(rgb - MEAN).float().permute(2, 0, 1)[None]


def test_the_network_is_that_of_the_package(random_file):
    rgb = np.random.default_rng(1).integers(0, 256, (32, 48, 3)).astype(np.float64)
    net = nets.load_network(registry.get("vgg16-hed").net, random_file).eval()
    with torch.inference_mode():
        contours = net(as_input(rgb))[0, 0].numpy()
    np.testing.assert_allclose(contours, by_hand(random_file, rgb), atol=1e-4)


def test_a_line_drawing_is_black_where_the_network_sees_contours(random_file, monkeypatch):
    monkeypatch.setattr(weights, "path", lambda file: random_file)
    rgb = np.random.default_rng(2).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    drawing = Setting("line-drawing", 1)(rgb, "a")
    expected = 255 * (1 - by_hand(random_file, rgb.astype(np.float64)))
    assert np.abs(drawing - expected[..., None]).max() <= 1
    large = np.repeat(np.repeat(rgb, 20, axis=0), 20, axis=1)  # drawn smaller, and enlarged
    assert Setting("line-drawing", 1)(large, "a").shape == large.shape
    line = np.zeros((1, 2000, 3), np.uint8)
    assert Setting("line-drawing", 1)(line, "a").shape == line.shape


def test_a_line_drawing_without_weights_says_what_is_missing():
    with pytest.raises(MissingWeightsError, match="hed_bsds500"):
        Setting("line-drawing", 1)(np.zeros((8, 8, 3), np.uint8), "a")


def test_files_with_missing_or_other_layers_are_refused(random_file, tmp_path):
    file = tmp_path / "other.h5"
    for change, message in (
        (lambda out: out.pop("fuse/vars/0"), "lacks 1 of 38 layers"),
        (lambda out: out.create_dataset("extra", data=np.zeros(2, np.float32)), "unknown layers"),
    ):
        file.write_bytes(random_file.read_bytes())
        with h5py.File(file, "a") as out:
            change(out)
        with pytest.raises(BadDataError, match=message):
            nets.load_network(registry.get("contours").net, file)


@pytest.mark.parametrize("name", ["vgg16-hed", "vgg16-hed-grid", "contours", "contours-map"])
def test_dimensions(name):
    spec = registry.get(name)
    assert nets.output_dim(spec.net, spec.preprocessing) == spec.dim
    assert nets.count_parameters(spec.net) == spec.n_parameters


@pytest.mark.weights
def test_contours_of_a_disc_and_bars_lie_where_they_must():
    spec = registry.get("vgg16-hed")
    try:
        file = weights.fetch(spec.weights[0])
    except SimError as error:
        pytest.skip(f"the weight file cannot be fetched here: {error}")
    rgb = np.full((224, 224, 3), 235.0)
    y, x = np.mgrid[:224, :224]
    distance = np.hypot(y - 80, x - 80)
    rgb[distance < 45] = (200, 60, 40)
    rgb[150:205, 60:78] = rgb[150:205, 130:148] = 30
    net = nets.load_network(spec.net, file).eval()
    with torch.inference_mode():
        contours = net(as_input(rgb))[0, 0].numpy()
    ring = np.abs(distance - 45) <= 2
    assert np.median(contours[ring]) > 0.8
    bar = contours[165:190]  # rows in the middle of the bars
    for edge in (60, 78, 130, 148):
        assert bar[:, edge - 2 : edge + 2].max(1).min() > 0.8
    flat = (distance < 35) | ((distance > 60) & (y < 135) & (x > 10) & (y > 10) & (x < 214))
    assert contours[flat].max() < 0.2
    assert contours[170:185, 95:115].max() < 0.2, "between the bars"
