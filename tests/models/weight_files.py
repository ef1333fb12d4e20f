"""Weight files of every container, for tests: honest ones, and ones that would run code."""

import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class Evil:
    """Its pickle writes a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def _script(marker: Path) -> str:
    """A TorchScript module whose `__setstate__` writes `marker`."""
    return f"""
class Evil(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = state[0]
        self.training = state[1]
        torch.save(self.weight, {str(marker)!r})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x
"""


def write_evil_torchscript(file: Path, marker: Path) -> None:
    """An archive that `torch.jit.load` would run."""
    import importlib.util

    import torch

    source = file.with_name(f"{file.stem}_source.py")  # TorchScript compiles from a file
    source.write_text("import torch\n" + _script(marker))
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module.Evil()).save(str(file))


def _write_evil_torch(file: Path, marker: Path) -> None:
    import torch

    torch.save({"state_dict": {"weight": Evil(marker)}}, file)


def _write_evil_old_torch(file: Path, marker: Path) -> None:
    import torch

    torch.save({"weight": Evil(marker)}, file, _use_new_zipfile_serialization=False)


def _write_evil_pickle(file: Path, marker: Path) -> None:
    file.write_bytes(pickle.dumps(Evil(marker)))


def _write_evil_module(file: Path, marker: Path) -> None:
    """A TorchScript archive whose pickle names Python's functions."""
    call = pickle.dumps(Evil(marker), protocol=2)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net/data.pkl", call)
        archive.writestr("net/code/__torch__.py", "class Net(Module):\n  __parameters__ = []\n")
        archive.writestr("net/constants.pkl", call)
        archive.writestr("net/version", "3\n")


def _write_evil_npy(file: Path, marker: Path) -> None:
    with file.open("wb") as stream:
        np.save(stream, np.array([Evil(marker)], object), allow_pickle=True)


def _write_evil_npz(file: Path, marker: Path) -> None:
    with file.open("wb") as stream:
        np.savez(stream, mean=np.array([Evil(marker)], object), allow_pickle=True)


EVIL: dict[str, Callable[[Path, Path], None]] = {  # container -> writer(file, marker)
    "pickle": _write_evil_pickle,
    "torch": _write_evil_torch,
    "torch before 1.6": _write_evil_old_torch,
    "TorchScript": write_evil_torchscript,
    "TorchScript's pickle": _write_evil_module,
    "npy": _write_evil_npy,
    "npz": _write_evil_npz,
}
