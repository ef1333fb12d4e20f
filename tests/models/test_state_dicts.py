"""Every format of weight files, written by the test for the architecture it belongs to.

They are loaded as a user's file is; the features must be those of the network that the test built.
"""

import argparse
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from simcore.errors import BadDataError, SimError
from simcore.models import layers, nets, registry, state_dicts, weights

torch = pytest.importorskip("torch")
# The published files are TorchScript, which PyTorch has deprecated.
TORCHSCRIPT = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*:FutureWarning", "ignore:.*Tracer.*", "ignore::torch.jit.TracerWarning"
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(11)


def unchecked(name, file):
    """A registered backbone that takes the test's file as its own."""
    spec = registry.get(name)
    free = replace(spec.weights[0], file=file, sha256="", hub="", url="")
    return nets.backbone_spec(spec.name, spec.dim, spec.net, free, preprocessing=spec.preprocessing)


@pytest.fixture
def short_resnets(monkeypatch):
    """ResNets with one block per stage, where architectures only differ in how a file is read."""
    import torchvision
    from torchvision.models.resnet import Bottleneck, ResNet

    for name in ("resnet50", "resnet101"):
        monkeypatch.setattr(torchvision.models, name, lambda **_: ResNet(Bottleneck, [1, 1, 1, 1]))


def place(file):
    return weights.folder() / file


def images(size=96, channels=3):
    return torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(1))


def with_random_norms(module):
    """Random batch normalization, so that a wrong mapping changes the features."""
    for key, value in module.state_dict().items():
        if key.endswith(("running_mean", "running_var", "bias")) and value.is_floating_point():
            value.copy_(torch.rand_like(value) * 0.2 + (0.9 if "var" in key else 0))
    return module.eval()


def check_features(name, file, expected, size=96):
    with torch.inference_mode():
        rows = unchecked(name, file).load("cpu")(images(size))
    assert rows.shape[1] == registry.get(name).dim
    assert rows.std() > 0
    torch.testing.assert_close(rows, expected, atol=1e-4, rtol=1e-4)


def average_pool(maps):
    return maps.mean((2, 3))


def test_a_plain_state_dict(short_resnets):
    net = with_random_norms(registry.get("dino_resnet50").net.build())
    torch.save(net.state_dict(), place("dino.pth"))
    with torch.inference_mode():
        x = net.maxpool(net.relu(net.bn1(net.conv1(images()))))
        parts = []
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
            parts.append(torch.nn.functional.normalize(average_pool(x), dim=1))
    check_features("dino_resnet50", "dino.pth", torch.cat(parts, 1))


def test_a_state_dict_of_parallel_training():
    net = with_random_norms(registry.get("pl18").net.build())
    state = {f"module.{key}": value for key, value in net.state_dict().items()}
    torch.save({"epoch": 9, "arch": "resnet18", "state_dict": state}, place("places.pth.tar"))
    net.fc = torch.nn.Identity()
    with torch.inference_mode():
        check_features("pl18", "places.pth.tar", net(images()))


def convert_to_numpy_1(file):
    """Rename modules in the pickle as numpy 1 named them."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in parts if name.endswith("data.pkl"))
    assert b"numpy._core.multiarray" in parts[pickled]
    parts[pickled] = parts[pickled].replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("old", [False, True], ids=["numpy 2", "numpy 1"])
def test_gem_with_numpy_beside_the_tensors(old, short_resnets):
    net = with_random_norms(registry.get("ret").net.build())
    net.pool.p.data.fill_(2.6)
    random = np.random.default_rng(0)
    learned = {"m": random.normal(size=(2048, 1)) / 50, "P": random.normal(size=(2048, 2048)) / 45}
    if old:
        learned = {key: value.astype(np.float32) for key, value in learned.items()}
    meta = {"architecture": "resnet101", "Lw": {"retrieval-SfM-120k": {"ss": learned}}}
    torch.save({"state_dict": net.state_dict(), "meta": meta}, place("gem.pth"))
    if old:
        convert_to_numpy_1(place("gem.pth"))
    with torch.inference_mode():
        maps = net.features(images())
        pooled = (maps.clamp(min=1e-6) ** 2.6).mean((2, 3)) ** (1 / 2.6)
        plain = pooled / pooled.norm(dim=1, keepdim=True)
        whitened = (plain.double().numpy() - learned["m"].T) @ learned["P"].T
    check_features("ret", "gem.pth", plain)
    whitened /= np.linalg.norm(whitened, axis=1, keepdims=True)
    check_features("ret_w", "gem.pth", torch.from_numpy(whitened).float())


def test_gem_without_whitening_says_so(short_resnets):
    net = registry.get("ret").net.build()
    torch.save({"state_dict": net.state_dict(), "meta": {}}, place("gem.pth"))
    with pytest.raises(BadDataError, match="no learned whitening"):
        unchecked("ret_w", "gem.pth").load("cpu")


@pytest.mark.parametrize("first", ["model", "vgg"])
def test_weakalign_with_the_runs_arguments(first, short_resnets):
    net = with_random_norms(registry.get("weaka").net.build())
    state = {f"FeatureExtraction.{first}.{k}": v for k, v in net.state_dict().items()}
    state["FeatureRegression.conv.0.weight"] = torch.zeros(3)
    checkpoint = {"state_dict": state, "args": argparse.Namespace(lr=5e-8), "epoch": 3}
    torch.save(checkpoint, place("weakalign.pth.tar"))
    with torch.inference_mode():
        maps = net[:-1](images())
        maps = maps / (maps**2).sum(1, keepdim=True).add(1e-6).sqrt()
    check_features("weaka", "weakalign.pth.tar", average_pool(maps))


def matlab_params(net):
    """(name, value) of each parameter in the MATLAB file, in its own order of axes."""
    state = net.state_dict()
    for number, layer in enumerate(net.features):
        if isinstance(layer, torch.nn.Conv2d):
            weight = state[f"features.{number}.weight"].permute(2, 3, 1, 0).numpy()
            yield f"conv{number}_filter", np.asfortranarray(weight)
            yield f"conv{number}_bias", state[f"features.{number}.bias"].numpy()[:, None]
    for name in "wpst":
        yield f"filter_{name}", np.array([[state[f"contrast.{name}"].item()]], np.float32)


def write_version_5(file, params):
    from scipy.io import savemat

    table = np.zeros(len(params), dtype=[("name", object), ("value", object)])
    for row, (name, value) in enumerate(params):
        table[row] = (name, value)
    savemat(file, {"net": {"params": table, "layers": np.zeros(2)}})


def write_version_7_3(file, params):
    import h5py

    with h5py.File(file, "w") as opened:
        targets = opened.create_group("#refs#")
        kind = h5py.special_dtype(ref=h5py.Reference)
        shape = (len(params), 1)
        names = opened.create_dataset("net/params/name", shape, dtype=kind)
        values = opened.create_dataset("net/params/value", shape, dtype=kind)
        for row, (name, value) in enumerate(params):
            codes = np.array([[ord(letter)] for letter in name], np.uint16)
            names[row, 0] = targets.create_dataset(f"n{row}", data=codes).ref
            values[row, 0] = targets.create_dataset(f"v{row}", data=np.transpose(value)).ref


@pytest.mark.parametrize("write", [write_version_5, write_version_7_3])
def test_edgemac_out_of_matlab(write):
    spec = registry.get("shp")
    net = with_random_norms(spec.net.build())
    net.contrast.p.data.fill_(0.4947)
    net.contrast.t.data.fill_(0.0985)
    write(place("edgemac.mat"), list(matlab_params(net)))
    loaded = nets.load_network(spec.net, place("edgemac.mat")).eval()
    edges = images(72, channels=1)
    with torch.inference_mode():
        y = 10 * edges**0.4947 / (1 + torch.exp(-500 * (edges - 0.0985)))
        torch.testing.assert_close(loaded.contrast(edges), y, atol=1e-5, rtol=1e-5)
        peaks = net.features(y).amax((2, 3))
        torch.testing.assert_close(loaded(edges), torch.nn.functional.normalize(peaks))
    write(place("short.mat"), list(matlab_params(net))[:-1])
    with pytest.raises(BadDataError, match="29 parameters instead of 30"):
        nets.load_network(spec.net, place("short.mat"))


def test_openpose_under_both_names():
    net = registry.get("pose").net.build().eval()
    flat = {key.removeprefix("layers."): value for key, value in net.state_dict().items()}
    flat["Mconv7_stage6_L1.weight"] = torch.zeros(38, 128, 1, 1)
    torch.save(flat, place("caffe.pth"))
    places = [i for i, layer in enumerate(net.layers.values()) if hasattr(layer, "weight")]
    names = [f"model0.{i}.{kind}" for i in places for kind in ("weight", "bias")]
    numbered = dict(zip(names, net.state_dict().values(), strict=True))
    torch.save(
        {"state_dict": numbered | {"model1_1.0.weight": flat["conv1_1.weight"]}},
        place("numbered.pth"),
    )
    with torch.inference_mode():
        x = images().flip(1)
        for name, layer in net.layers.items():
            x = layer(x)
            if name == "relu_conv4_2":
                break
    check_features("pose", "caffe.pth", average_pool(x))
    check_features("pose", "numbered.pth", average_pool(x))
    del flat["conv3_2.bias"]
    torch.save(flat, place("gap.pth"))
    with pytest.raises(BadDataError, match=r"has no conv3_2\.bias"):
        unchecked("pose", "gap.pth").load("cpu")


def test_densenet_under_its_old_names():
    net = with_random_norms(registry.get("conv").net.build())
    old = {
        key.replace("norm1", "norm.1")
        .replace("norm2", "norm.2")
        .replace("conv1.", "conv.1.")
        .replace("conv2.", "conv.2.")
        if "denselayer" in key
        else key: value
        for key, value in net.state_dict().items()
        if "num_batches" not in key
    }
    assert any(".norm.1." in key for key in old)
    torch.save(old, place("densenet.pth"))
    with torch.inference_mode():
        check_features("conv", "densenet.pth", average_pool(net.features(images())))


@TORCHSCRIPT
def test_torchscript():
    net = with_random_norms(registry.get("resnet18").net.build())
    torch.jit.trace(net, images()).save(str(place("script.pt")))
    net.fc = torch.nn.Identity()
    with torch.inference_mode():
        check_features("resnet18", "script.pt", net(images()))


class Part(torch.nn.Module):
    """Parameters and buffers of several types, and a tensor that is neither."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.register_buffer("counts", torch.arange(4))
        self.scale = torch.nn.Parameter(torch.rand(2).half())
        self.view = torch.nn.Parameter(torch.rand(4, 3)[1:, ::2])
        self.plain = torch.rand(2)

    def forward(self, x):
        return self.linear(x) * self.plain + self.scale.float() + self.counts[0] + self.view.sum()


class Whole(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Part()
        self.rest = torch.nn.Sequential(torch.nn.BatchNorm1d(3), Part())
        self.tied = torch.nn.Linear(3, 2)
        self.tied.weight = self.first.linear.weight
        self.last = torch.nn.Parameter(torch.rand(1).bfloat16())
        self.numbers, self.settings, self.word, self.nothing = [1, 2], {"a": 1.5}, "x", None

    def forward(self, x):
        return self.first(x) + self.rest(x) + self.tied(x) + self.last.float()


@TORCHSCRIPT
@pytest.mark.parametrize("kind", ["trace", "script"])
def test_torchscript_without_running_it_is_what_running_it_gives(kind):
    net, file = Whole().eval(), place("whole.pt")
    module = torch.jit.trace(net, torch.rand(2, 3)) if kind == "trace" else torch.jit.script(net)
    module.save(str(file))
    expected = torch.jit.load(file).state_dict()
    state = state_dicts.read(file)
    assert list(state) == list(expected) == list(module.state_dict())
    assert "first.plain" not in state
    for name, value in state.items():
        assert torch.equal(value, expected[name])
        assert (value.dtype, value.stride()) == (expected[name].dtype, expected[name].stride())


TINY = """{"embed_dim": 32, "vision_cfg": {"image_size": 32, "layers": 2, "width": 64,
"patch_size": 8}, "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2,
"layers": 1}}"""


@TORCHSCRIPT
def test_openai_s_torchscript_with_its_settings(tmp_path):
    """A CLIP small enough for a test, in the container that OpenAI publishes."""
    import open_clip

    from simcore.models.backbones import libraries

    (tmp_path / "tiny-clip.json").write_text(TINY)
    open_clip.add_model_config(tmp_path)
    net = libraries.open_clip_net("tiny-clip", quick_gelu=True)
    model = net.build().eval()

    class Published(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = model.visual
            for name in ("context_length", "vocab_size", "input_resolution"):
                self.register_buffer(name, torch.tensor(8))
            for name, value in model.state_dict().items():
                if not name.startswith("visual."):
                    parts = name.split(".")
                    holder = self
                    for part in parts[:-1]:
                        if not hasattr(holder, part):
                            holder.add_module(part, torch.nn.Module())
                        holder = getattr(holder, part)
                    holder.register_buffer(parts[-1], value)

        def forward(self, x):
            return self.visual(x)

    torch.jit.trace(Published(), images(32)).save(str(place("clip.pt")))
    embed = layers.embedder(nets.load_network(net, place("clip.pt")), net.outputs, "cpu")
    with torch.inference_mode():
        torch.testing.assert_close(embed(images(32)), model.encode_image(images(32)))


def test_timm_with_its_classifier_and_safetensors():
    from safetensors.torch import save_file

    name = "efficientnet_b0"
    module = with_random_norms(registry.get(name).net.build())
    save_file(module.state_dict(), place("b0.safetensors"))
    module.reset_classifier(0)
    with torch.inference_mode():
        check_features(name, "b0.safetensors", module(images()))
    lacking = {k: v for k, v in module.state_dict().items() if k != "conv_stem.weight"}
    save_file(lacking, place("lacking.safetensors"))
    with pytest.raises(BadDataError, match="does not fit"):
        unchecked(name, "lacking.safetensors").load("cpu")


def test_facenet():
    module = registry.get("facenet").net.build().eval()
    torch.save(module.state_dict(), place("vggface2.pt"))
    with torch.inference_mode():
        rows = unchecked("facenet", "vggface2.pt").load("cpu")(images(160))
        embedding = module(images(160))
        from_rows = torch.nn.functional.normalize(module.last_bn(module.last_linear(rows)))
    torch.testing.assert_close(embedding, from_rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("layer1.0.conv1.weight"), r"lacks 1 of 102 layers \(layer1.0.conv1"),
        (lambda s: s.update(extra=torch.zeros(2)), r"has 1 unknown layers \(extra\)"),
        (lambda s: s.update({"conv1.weight": torch.zeros(64, 1, 7, 7)}), r"conv1.weight of shape"),
    ],
    ids=["missing", "foreign", "shape"],
)
def test_a_file_that_does_not_fit_is_not_loaded(change, words):
    state = registry.get("resnet18").net.build().state_dict()
    change(state)
    torch.save(state, place("bad.pth"))
    with pytest.raises(BadDataError, match=words):
        unchecked("resnet18", "bad.pth").load("cpu")


def test_a_deeper_network_s_file_is_refused():
    """Every layer of resnet18 is in a resnet34 file, under the same name and of the same shape."""
    state = registry.get("resnet34-stages").net.build().state_dict()
    torch.save(state, place("deeper.pth"))
    with pytest.raises(BadDataError, match="unknown layers"):
        unchecked("resnet18", "deeper.pth").load("cpu")


def test_truncated_and_altered_files():
    state = registry.get("resnet18").net.build().state_dict()
    torch.save(state, place("whole.pth"))
    content = place("whole.pth").read_bytes()
    place("cut.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadDataError, match="cannot be read as weights"):
        unchecked("resnet18", "cut.pth").load("cpu")
    spec = registry.get("resnet18")
    target = weights.folder() / spec.weights[0].file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    with pytest.raises(BadDataError, match="instead of f37072fd"):
        spec.load("cpu")


def test_old_formats_are_read_or_refused(tmp_path):
    torch.save({"a": torch.zeros(1)}, place("old.pth"), _use_new_zipfile_serialization=False)
    assert state_dicts.read(place("old.pth"))["a"].shape == (1,)
    import tarfile

    (tmp_path / "sys_info").write_bytes(b"x")
    with tarfile.open(place("legacy.pth"), "w") as tar:
        for name in ("sys_info", "storages", "tensors", "pickle"):
            tar.add(tmp_path / "sys_info", arcname=name)
    with pytest.raises(BadDataError, match="cannot be read as weights"):
        state_dicts.read(place("legacy.pth"))


@pytest.mark.parametrize("content", [[1, 2], {"note": "no tensors"}, {"state_dict": {}}])
def test_files_without_tensors(content):
    torch.save(content, place("none.pth"))
    with pytest.raises(SimError):
        state_dicts.tensors(state_dicts.read(place("none.pth")))


def test_arrays_and_namespaces_are_read_only_in_formats_that_have_them():
    torch.save({"a": np.zeros(3)}, place("numpy.pth"))
    torch.save({"a": argparse.Namespace(b=1)}, place("args.pth"))
    for file_format, file in (
        ("torch", "numpy.pth"),
        ("torch", "args.pth"),
        ("torch+numpy", "args.pth"),
        ("torch+namespace", "numpy.pth"),
    ):
        with pytest.raises(BadDataError, match="cannot be read as weights"):
            state_dicts.read(place(file), file_format)
    assert state_dicts.read(place("numpy.pth"), "torch+numpy")["a"].shape == (3,)
