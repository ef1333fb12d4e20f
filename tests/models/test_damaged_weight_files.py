"""Damaged and lying weight files: one sentence, little memory, and never another exception.

Every loader gets files with random changes. A change may leave the file readable; then the values
are wrong, which the checksum notices.
"""

import gzip
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcore.errors import BadDataError, SimError
from simcore.models import adapter, nets, registry, state_dicts, weights
from simcore.models.adapter import Adapter, Layer
from simcore.models.backbones import rosenfeld2019
from tests.models.test_state_dicts import TORCHSCRIPT, write_version_5, write_version_7_3

torch = pytest.importorskip("torch")
pytestmark = TORCHSCRIPT
Write = Callable[[Path], None]
Load = Callable[[Path], Any]


def state() -> dict[str, Any]:
    torch.manual_seed(5)
    return {f"layer{n}.weight": torch.rand(3, 4) for n in range(4)} | {"half": torch.rand(5).half()}


def params() -> list[tuple[str, Any]]:
    random = np.random.default_rng(2)
    shapes = ((3, 3, 1, 4), (4, 1), (3, 3, 4, 2), (2, 1), (1, 1))
    return [(f"p{n}", random.random(s).astype(np.float32)) for n, s in enumerate(shapes)]


def write_script(file: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    torch.jit.trace(net.eval(), torch.rand(2, 3)).save(str(file))


def write_safetensors(file: Path) -> None:
    from safetensors.torch import save_file

    save_file(state(), file)


def write_gem(file: Path) -> None:
    learned = {"m": np.ones((4, 1), np.float32), "P": np.ones((4, 4), np.float32)}
    torch.save({"state_dict": state(), "meta": {"Lw": {"x": {"ss": learned}}}}, file)


def write_adapter(file: Path) -> None:
    layer = Layer(0, 3, np.eye(3, dtype=np.float32), np.ones((3, 2), np.float32))
    Adapter(np.zeros(3, np.float32), (layer,), ("hog",), (3,)).save(file)


def write_keras(file: Path) -> None:
    import h5py

    with h5py.File(file, "w") as opened:
        for name, value in params():
            opened[f"block/layers/{name}/vars/0"] = value


def tensors(file_format: str) -> Load:
    return lambda file: state_dicts.tensors(state_dicts.read(file, file_format))


CONTAINERS: dict[str, tuple[Write, Load]] = {
    "torch": (lambda file: torch.save({"state_dict": state()}, file), tensors("torch")),
    "torch before 1.6": (
        lambda file: torch.save(state(), file, _use_new_zipfile_serialization=False),
        tensors("torch"),
    ),
    "torch+numpy": (write_gem, tensors("torch+numpy")),
    "safetensors": (write_safetensors, tensors("torch")),
    "TorchScript": (write_script, tensors("torch")),
    "MATLAB 5": (lambda file: write_version_5(file, params()), tensors("matconvnet")),
    "MATLAB 7.3": (lambda file: write_version_7_3(file, params()), tensors("matconvnet")),
    "Keras": (write_keras, tensors("keras")),
    "adapter": (write_adapter, adapter.load),
}


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The content with one to three random changes."""
    changed = bytearray(content)
    for _ in range(int(random.integers(1, 4))):
        at, kind = int(random.integers(len(changed))), int(random.integers(6))
        if kind == 0:
            changed[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            changed[at : at + 8] = random.bytes(int(random.integers(1, 9)))
        elif kind == 2:
            changed[at : at + 4] = struct.pack("<I", int(random.choice([0, 2**31 - 1, 2**32 - 1])))
        elif kind == 3:
            changed[at : at + 8] = struct.pack("<Q", 2 ** int(random.integers(20, 64)))
        elif kind == 4:
            del changed[at : at + int(random.integers(1, 100))]
        elif len(changed) > 16:
            del changed[max(at, 1) :]
        if not changed:
            return b""
    return bytes(changed)


def check(container: str, folder: Path, seeds: range) -> int:
    """Load damaged files; returns how many were refused."""
    write, load = CONTAINERS[container]
    file = folder / "whole"
    write(file)
    content = file.read_bytes()
    load(file)
    refused = 0
    for seed in seeds:
        file = folder / "damaged"
        file.write_bytes(damaged(content, np.random.default_rng(seed)))
        try:
            load(file)
        except SimError:
            refused += 1
    return refused


@pytest.mark.parametrize("container", CONTAINERS)
def test_damaged_files_are_read_or_refused(container: str, tmp_path: Path) -> None:
    assert check(container, tmp_path, range(40)) > 4


@pytest.mark.slow
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_thousand_damaged_files_are_read_or_refused(container: str, tmp_path: Path) -> None:
    assert check(container, tmp_path, range(40, 1040)) > 100


def test_damaged_files_of_every_network_are_refused(tmp_path: Path) -> None:
    """Content of the right container and the wrong kind reaches each network's own conversion."""
    contents: dict[str, Any] = {
        "numbers": {"state_dict": {1: torch.zeros(2), "model0.x": torch.zeros(2)}, "meta": 3},
        "whitening": {
            "state_dict": state(),
            "meta": {"Lw": {"retrieval-SfM-120k": {"ss": {"m": "text", "P": [1]}}}},
        },
        "names": {"model0.x.weight": torch.zeros(2), "module.": torch.zeros(1)},
        "empty tensor": {"conv1.weight": torch.zeros(0)},
    }
    specs = {}
    for name in registry.names():
        spec = registry.get(name)
        if spec.net is not None and spec.n_parameters < 30_000_000:
            specs[spec.net.convert_state and spec.net.convert_state.__code__, spec.paper] = spec
    assert len(specs) > 8
    for kind, content in contents.items():
        file = tmp_path / f"{kind}.pth"
        torch.save(content, file)
        for spec in specs.values():
            with torch.device("meta"), pytest.raises(BadDataError):  # building takes no time there
                nets.load_network(spec.net, file)


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matlab_file(shape: tuple[int, ...], kind: int, *, compressed: bool = True) -> bytes:
    """A variable `net` that declares a shape and has no values."""
    header = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    flags = element(6, struct.pack("<II", kind, 0))
    matrix = flags + element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, b"net")
    matrix += element(9, b"") if kind == 6 else b""
    variable = element(14, matrix)
    if compressed:
        packed = zlib.compress(variable)
        variable = struct.pack("<II", 15, len(packed)) + packed
    return header + variable


def peak_memory(load: Callable[[], Any]) -> int:
    """Bytes that Python and numpy allocated at most while a file was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(BadDataError):
            load()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [1, 2, 4, 6], ids=["cells", "struct", "text", "numbers"])
def test_a_small_matlab_file_that_declares_16_gigabytes(kind: int, tmp_path: Path) -> None:
    file = tmp_path / "large.mat"
    file.write_bytes(matlab_file((2**31 - 1, 1), kind))
    assert peak_memory(lambda: state_dicts.read(file, "matconvnet")) < 10_000_000


def test_a_matlab_file_that_inflates_without_end(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = zlib.compressobj(9).flush()[:2] + megabyte[2:] * 500
    file = tmp_path / "bomb.mat"
    header = matlab_file((1, 1), 6)[:128]
    file.write_bytes(header + struct.pack("<II", 15, len(packed)) + packed)
    assert len(packed) < 1_000_000
    assert peak_memory(lambda: state_dicts.read(file, "matconvnet")) < 200_000_000


def test_a_hdf5_file_that_declares_more_than_it_has(tmp_path: Path) -> None:
    import h5py

    file = tmp_path / "large.mat"
    write_version_7_3(file, params())
    with h5py.File(file, "a") as opened:
        shape = (2**20, 2**14)
        large = opened.create_dataset("large", shape, np.float32, chunks=(1, 1024))
        opened["net/params/value"][0, 0] = large.ref
    assert peak_memory(lambda: state_dicts.read(file, "matconvnet")) < 10_000_000
    with h5py.File(file, "a") as opened:
        target = opened.create_dataset(
            "external", (4,), np.float32, external=[(str(tmp_path / "other"), 0, 16)]
        )
        opened["net/params/value"][0, 0] = target.ref
    (tmp_path / "other").write_bytes(bytes(16))
    with pytest.raises(BadDataError, match="not in the file itself"):
        state_dicts.read(file, "matconvnet")


def test_a_keras_file_that_declares_more_than_it_has_or_names_other_files(tmp_path: Path) -> None:
    import h5py

    (tmp_path / "other").write_bytes(bytes(16))
    file = tmp_path / "large.weights.h5"
    with h5py.File(file, "w") as opened:
        opened.create_dataset("large", (2**20, 2**14), np.float32, chunks=(1, 1024))
    assert peak_memory(lambda: state_dicts.read(file, "keras")) < 10_000_000
    with h5py.File(file, "w") as opened:
        opened.create_dataset("a", (4,), np.float32, external=[(str(tmp_path / "other"), 0, 16)])
    with pytest.raises(BadDataError, match="not in the file itself"):
        state_dicts.read(file, "keras")
    with h5py.File(file, "w") as opened:
        opened["a"] = np.zeros(3, np.float32)
        opened["link"] = h5py.ExternalLink(str(tmp_path / "other"), "/a")
    assert list(state_dicts.read(file, "keras")) == ["a"]


def test_an_adapter_whose_header_declares_a_terabyte(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    write_adapter(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (274877906944,), }"
    lying = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)
    deep = b"\x93NUMPY\x01\x00" + struct.pack("<H", 9_000) + b"(" * 9_000
    for content, words in ((lying, "declares the shape"), (deep, "is not an adapter")):
        with zipfile.ZipFile(file, "w") as archive:
            for name, part in (parts | {"mean.npy": content}).items():
                archive.writestr(name, part)
        assert peak_memory(lambda: adapter.load(file)) < 10_000_000
        with pytest.raises(BadDataError, match=words):
            adapter.load(file)


def test_a_checkpoint_that_grows(tmp_path: Path) -> None:
    """A compressed member, and tensors that repeat one value a trillion times."""
    file = tmp_path / "zeros.pth"
    torch.save({"weight": torch.zeros(1_000_000)}, file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(BadDataError, match="compressed"):
        state_dicts.read(file)
    torch.save({"weight": torch.zeros(1).expand(1 << 40)}, file)
    with pytest.raises(BadDataError, match="without values"):
        state_dicts.read(file)
    torch.save({"weight": torch.zeros(1 << 40, device="meta")}, file)
    with pytest.raises(BadDataError, match="shapeless"):
        state_dicts.read(file)


def script(content: bytes, file: Path) -> Path:
    """A TorchScript archive with another pickle."""
    write_script(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (pickled,) = [name for name in parts if name.endswith("/data.pkl")]
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in (parts | {pickled: content}).items():
            archive.writestr(name, part)
    return file


MODULE = b"\x80\x02c__torch__\nNet\n)\x81"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "SHORT_BINUNICODE"),
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "memo larger"),
        (b"\x80\x02" + TENSOR + b"}X\x01\x00\x00\x00aK\x01sb.", "changes a function"),
        (MODULE + b")b.", "restores itself by code"),
        (b"\x80\x02K\x01.", "no module"),
        (MODULE + b"}q\x01X\x01\x00\x00\x00ah\x00s.", "cannot be read"),
    ],
    ids=["function", "name on the stack", "memo", "function's state", "state", "number", "memo 0"],
)
def test_pickles_that_torchscript_does_not_write(
    content: bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(BadDataError, match=words):
        state_dicts.read(script(content, tmp_path / "script.pt"))


def test_modules_that_contain_each_other_without_end(tmp_path: Path) -> None:
    """Twice the same module at each of 40 levels would be 2^40 modules."""
    content = b"\x80\x02"
    for level in range(40):
        content += b"c__torch__\nNet\n)\x81}"
        if level:
            for name in (b"a", b"b"):
                content += b"X\x01\x00\x00\x00" + name + b"h" + bytes([level - 1]) + b"s"
        content += b"bq" + bytes([level])
    # The pickle returns the last module; the others remain on the stack.
    file = script(content + b".", tmp_path / "script.pt")
    with pytest.raises(BadDataError, match="too many modules"):
        state_dicts.read(file)


def test_edge_detectors_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV would inflate the whole file, whatever its size."""
    pytest.importorskip("cv2.ximgproc")
    file = tmp_path / "model.yml.gz"
    monkeypatch.setattr(weights, "path", lambda _: file)
    monkeypatch.setattr(nets, "load_network", lambda *_: torch.nn.Identity())
    monkeypatch.setattr(rosenfeld2019, "MAX_FOREST", 1_000_000)
    contents = {
        "does not fit": b"no gzip",
        "Compressed file ended": gzip.compress(b"%YAML:1.0\n" * 100)[:-9],
        "more than 1,000,000 bytes": gzip.compress(bytes(2_000_000)),
        "shp|model.yml": gzip.compress(b"%YAML:1.0\noptions: 3\n"),
    }
    for words, content in contents.items():
        file.write_bytes(content)
        with pytest.raises(BadDataError, match=words):
            registry.get("shp").load("cpu")
