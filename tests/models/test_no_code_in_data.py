"""Nothing that comes as data is executed: every loader meets files that would write a marker."""

import ast
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcore.data import images, vector_files
from simcore.data.fetch import archives
from simcore.data.judgements import psiz
from simcore.errors import SimError
from simcore.models import adapter, registry, state_dicts, weights
from simcore.models.distances import pair_distances
from simcore.models.spec import WeightFile
from tests.models.weight_files import EVIL

ROOT = Path(__file__).parents[2]
pytest.importorskip("torch")
# The module's own reader does not warn; writing these files and `torch.jit.load` do.
TORCHSCRIPT = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
IMAGE = np.zeros((32, 32, 3), np.uint8)
LIBRARIES = (
    "timm:resnet18",
    "torchvision:resnet18",
    "open_clip:RN50/openai",
    "faces:resnet18",
    "resnet18[layer2+layer3:max]",
)


@pytest.fixture(scope="module")
def evil_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """A marker, and for each container a file that would write it."""
    folder = tmp_path_factory.mktemp("evil")
    marker = folder / "marker"
    files = {}
    for number, (kind, write) in enumerate(EVIL.items()):
        files[kind] = folder / f"evil{number}.pt"
        write(files[kind], marker)
    marker.unlink(missing_ok=True)  # saving a TorchScript module may run it
    return marker, files


@TORCHSCRIPT
def test_the_files_would_write_the_marker(evil_files: tuple[Path, dict[str, Path]]) -> None:
    """Otherwise the other tests would show nothing."""
    import torch

    marker, files = evil_files
    loaders: dict[str, Any] = {
        "pickle": lambda file: pickle.loads(file.read_bytes()),
        "torch": lambda file: torch.load(file, weights_only=False),
        "torch before 1.6": lambda file: torch.load(file, weights_only=False),
        "TorchScript": torch.jit.load,
        "npy": lambda file: np.load(file, allow_pickle=True),
        "npz": lambda file: np.load(file, allow_pickle=True)["mean"],
    }
    for kind, load in loaders.items():
        load(files[kind])
        assert marker.exists(), kind
        marker.unlink()


@TORCHSCRIPT
@pytest.mark.parametrize("kind", EVIL)
def test_no_loader_of_weights_runs_them(
    kind: str, evil_files: tuple[Path, dict[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, files = evil_files
    read = []

    def path(file: WeightFile) -> Path:
        read.append(file.file)
        return files[kind]

    monkeypatch.setattr(weights, "path", path)
    names = [name for name in registry.names() if registry.get(name).weights]
    loaders = {name: registry.get(name).load for name in (*names, *LIBRARIES)}
    for name in pair_distances.NAMES:
        loaders[name] = lambda device, name=name: pair_distances.load(name, device=device)
    for name, load in loaders.items():
        before = len(read)
        try:
            embed = load("cpu")
            if name in names:  # some read their files with the first image
                embed(IMAGE)
        except SimError:
            continue
        assert len(read) == before, f"{name} accepted the file"
    for file_format in state_dicts.FORMATS:
        with pytest.raises(SimError):
            state_dicts.tensors(state_dicts.read(files[kind], file_format))
    with pytest.raises(SimError):
        adapter.load(files[kind])
    assert len(set(read)) > 50
    assert not marker.exists()


@TORCHSCRIPT
@pytest.mark.parametrize("kind", EVIL)
def test_no_reader_of_other_data_runs_them(
    kind: str,
    evil_files: tuple[Path, dict[str, Path]],
    tmp_path: Path,
) -> None:
    marker, files = evil_files
    content = files[kind].read_bytes()

    def copy(name: str) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    copy("vectors.ids.txt").write_text("a\n")
    readers: list[Callable[[], object]] = [
        *(lambda s=suffix: vector_files.read(copy(f"vectors{s}")) for suffix in vector_files.KINDS),
        lambda: psiz.read(copy("trials.hdf5")),
        lambda: images.load(copy("picture.png")),
        lambda: archives.extract(copy("pack.zip"), tmp_path / "unpacked"),
        lambda: archives.extract(copy("pack.tar"), tmp_path / "unpacked"),
    ]
    for read in readers:
        with pytest.raises(SimError):
            read()
    assert not marker.exists()


# Calls that run what they read, and the argument that makes them safe, if there is one.
DANGEROUS: dict[str, tuple[str, Any] | None] = {
    "torch.load": ("weights_only", True),
    "torch.jit.load": None,
    "torch.hub.load": None,
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "pickle.load": None,
    "pickle.loads": None,
    "pickle.Unpickler": None,
    "marshal.loads": None,
    "shelve.open": None,
    "joblib.load": None,
    "yaml.load": None,
    "pd.read_pickle": None,
    "os.system": None,
    "os.popen": None,
    "eval": None,
    "exec": None,
    "compile": None,
    "__import__": None,
}


def dangerous_calls(source: str) -> list[str]:
    """Calls in `DANGEROUS` without their safe argument, and processes started by a shell."""
    calls = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
        if name in DANGEROUS:
            safe = DANGEROUS[name]
            if safe is None or given.get(safe[0], ...) is not safe[1]:
                calls.append(f"{node.lineno}: {name}")
        if given.get("shell"):
            calls.append(f"{node.lineno}: {name} with a shell")
    return calls


def test_the_product_calls_nothing_that_runs_data() -> None:
    calls = {
        str(path.relative_to(ROOT)): lines
        for path in [*ROOT.glob("simcore/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"]
        if (lines := dangerous_calls(path.read_text("utf-8")))
    }
    assert not calls
    assert dangerous_calls("torch.load(f)\nnp.load(f, allow_pickle=True)\nrun(c, shell=True)") == [
        "1: torch.load",
        "2: np.load",
        "3: run with a shell",
    ]
