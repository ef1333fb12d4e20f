"""Reading weight files without running code in them.

A checkpoint is a dictionary of tensors, or something wrapped around one; each wrapping that the
papers' files use has a format here. Loading is strict both ways: a missing or extra tensor, or one
of another shape, means another architecture and is an error.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simcore.errors import BadDataError, SimError
from simcore.models import matlab_files, torchscript_files
from simcore.models.spec import Checkpoint, StateDict

_MAX_GROWTH = 20  # of a compressed HDF5 file; trained weights hardly shrink
_MAX_PARAMETERS = 10_000  # of an HDF5 file
_ZIP = b"PK\x03\x04"
_COUNTER = "num_batches_tracked"  # absent from files older than PyTorch 0.4.1, and unused here


def read(file: Path, file_format: str = "torch") -> Checkpoint:
    """The content of a checkpoint.

    Args:
        file_format: "torch" (plain, safetensors or TorchScript, recognized by content),
            "torch+numpy" (with arrays beside the tensors), "torch+namespace" (with the training
            arguments beside them), "matconvnet" (MATLAB, both file versions), "keras" (HDF5).

    Raises:
        BadDataError: not a checkpoint (an error page, truncated), or one that would run code.
    """
    if not file.is_file():
        raise BadDataError(f"{file.name} is not a file. Pass the path of a weight file.")
    with file.open("rb") as stream:
        start = stream.read(64)
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadDataError(f"{file.name} is a web page, not a weight file. Download it again.")
    try:
        checkpoint = FORMATS[file_format](file, start)
    except Exception as error:
        raise BadDataError(
            f"{file.name} cannot be read as weights ({' '.join(str(error).split())[:120]}). "
            "Delete it and fetch it again."
        ) from error
    if not isinstance(checkpoint, dict):
        raise BadDataError(
            f"{file.name} contains a {type(checkpoint).__name__} instead of a dictionary of "
            "tensors. Use another weight file."
        )
    return checkpoint


def tensors(checkpoint: Checkpoint, *, prefix: str = "") -> StateDict:
    """The tensors of a checkpoint by name, without what is wrapped around them.

    Args:
        prefix: keep only names that begin with it, and remove it from them.

    Raises:
        BadDataError: there are none.
    """
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    state = {
        key: value
        for key, value in checkpoint.items()
        if isinstance(key, str) and hasattr(value, "shape") and hasattr(value, "dtype")
    }
    if state and all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    if not state:
        entries = ", ".join(map(str, list(checkpoint)[:5])) or "nothing"
        raise BadDataError(
            f"The checkpoint has no tensors{f' under {prefix}' if prefix else ''}, only {entries}. "
            "Use the weight file of a network."
        )
    return state


@contextmanager
def fitting(name: str) -> Iterator[None]:
    """Turn any error of building a network from a file's content into one sentence.

    Args:
        name: the file, for the error.

    Raises:
        BadDataError: the content is that of another network, or damaged.
    """
    try:
        yield
    except SimError:
        raise
    except Exception as error:  # conversions of every library meet content of every kind
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise BadDataError(
            f"{name} does not fit this architecture ({reason}). Replace it with the right weight "
            "file."
        ) from error


def load_strict(module: Any, state: StateDict, name: str) -> Any:
    """Load a state dict into `module`; every tensor must fit, and none may be left over.

    Args:
        name: the file that the state comes from, for the error.

    Raises:
        BadDataError: a tensor is missing, unknown, or of another shape; nothing is loaded then.
    """
    needed = {k: v for k, v in module.state_dict().items() if not k.endswith(_COUNTER)}
    in_file = {k: v for k, v in state.items() if not k.endswith(_COUNTER)}
    missing = [key for key in needed if key not in in_file]
    unknown = [key for key in in_file if key not in needed]
    misshapen = [k for k in needed if k in in_file and needed[k].shape != in_file[k].shape]
    if missing or unknown or misshapen:
        faults = []
        if missing:
            faults.append(f"lacks {len(missing)} of {len(needed)} layers ({missing[0]})")
        if unknown:
            faults.append(f"has {len(unknown)} unknown layers ({unknown[0]})")
        if misshapen:
            key = misshapen[0]
            faults.append(
                f"has {key} of shape {tuple(in_file[key].shape)} instead of "
                f"{tuple(needed[key].shape)}"
            )
        raise BadDataError(
            f"{name} does not fit this architecture: it {', '.join(faults)}. "
            "Replace it with the right weight file."
        )
    module.load_state_dict(in_file, strict=False)  # checked strictly above, except for the counters
    return module


def match_by_position(module: Any, state: StateDict, name: str) -> StateDict:
    """A state dict under the module's names, matched by position; extra tensors are dropped.

    Args:
        name: the file that the state comes from, for the error.

    Raises:
        BadDataError: too few tensors, or one of another shape than the layer at its position.
    """
    in_file = [(k, v) for k, v in state.items() if not k.endswith(_COUNTER)]
    needed = {k: v for k, v in module.state_dict().items() if not k.endswith(_COUNTER)}
    if len(in_file) < len(needed):
        raise BadDataError(
            f"{name} has {len(in_file)} tensors, but this architecture has {len(needed)}. "
            "Replace it with the right weight file."
        )
    for (key, parameter), (file_key, value) in zip(needed.items(), in_file, strict=False):
        if parameter.shape != value.shape:
            raise BadDataError(
                f"{name} does not fit this architecture: {file_key} has the shape "
                f"{tuple(value.shape)}, but {key} needs {tuple(parameter.shape)}. "
                "Replace it with the right weight file."
            )
    return {key: value for key, (_, value) in zip(needed, in_file, strict=False)}


def _torch(file: Path, start: bytes, allow: Sequence[Any] = ()) -> Any:
    import torch

    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 30:
        from safetensors.torch import load_file

        return load_file(file)
    if torchscript_files.is_torchscript(file):
        return torchscript_files.read(file)
    if start.startswith(_ZIP):
        _check_zip(file)
    with torch.serialization.safe_globals(list(allow)):
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    _check_tensors(checkpoint)
    return checkpoint


def _check_zip(file: Path) -> None:
    """Refuse a zip that would grow: PyTorch writes its files uncompressed, one after the other."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its tensors are compressed, which PyTorch never does")
    if sum(member.file_size for member in members) > file.stat().st_size:
        raise ValueError("its tensors declare more bytes than the file has")


def _check_tensors(checkpoint: Any) -> None:
    """Refuse tensors that are larger than the values in the file, or not plain ones in memory."""
    import torch

    pending, visited = [checkpoint], set[int]()
    while pending:
        value = pending.pop()
        if id(value) in visited:
            continue
        visited.add(id(value))
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
        elif isinstance(value, torch.Tensor):
            if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
                raise ValueError("it has sparse, quantized or shapeless tensors")
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                raise ValueError(f"it has a tensor of shape {tuple(value.shape)} without values")


def _with_numpy(file: Path, start: bytes) -> Any:
    import numpy as np

    reconstruct = np.empty(0).__reduce__()[0]  # the function that an array's pickle names
    dtypes = [getattr(np.dtypes, name) for name in ("Float32DType", "Float64DType")]
    # Files of numpy 1 use the module's old name, which must be allowed as well.
    numpy_1 = (reconstruct, "numpy.core.multiarray._reconstruct")
    return _torch(file, start, [reconstruct, numpy_1, np.ndarray, np.dtype, *dtypes])


def _with_namespace(file: Path, start: bytes) -> Any:
    import argparse

    return _torch(file, start, [argparse.Namespace])


def _matconvnet(file: Path, start: bytes) -> StateDict:
    """`net.params` of a MATLAB file: name -> float32 tensor in PyTorch's order of axes."""
    import torch

    params = _version_7_3(file) if _is_hdf5(file) else _version_5(file)
    return {name: torch.from_numpy(_pytorch_axes(value)) for name, value in params}


def _is_hdf5(file: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(file))


def _version_5(file: Path) -> Iterator[tuple[str, Any]]:
    """(name, value) of each parameter of a MATLAB file up to version 7."""
    (net,) = matlab_files.read(file, "net")
    for param in net["params"]:
        yield str(param["name"]), param["value"]


def _version_7_3(file: Path) -> Iterator[tuple[str, Any]]:
    """(name, value) of each parameter; HDF5 stores MATLAB's arrays with their axes reversed."""
    import h5py
    import numpy as np

    values = _bounded_values(file)
    with h5py.File(file, "r") as archive:
        params = archive["net/params"]
        references = [np.ravel(_references(params[kind])) for kind in ("name", "value")]
        for name, value in zip(*references, strict=True):
            codes = np.ravel(values(archive[name]))
            yield "".join(map(chr, codes)), np.transpose(values(archive[value]))


def _bounded_values(file: Path) -> Callable[[Any], Any]:
    """A reader of HDF5 datasets that refuses more bytes than the file can hold."""
    budget = _MAX_GROWTH * file.stat().st_size  # bytes; a dataset may declare any shape

    def values(dataset: Any) -> Any:
        nonlocal budget
        if dataset.external or dataset.is_virtual or dataset.dtype.hasobject:
            raise ValueError("a parameter is not in the file itself")
        budget -= dataset.size * dataset.dtype.itemsize
        if budget < 0:
            raise ValueError("its parameters declare more values than the file has")
        return dataset[()]

    return values


def _keras(file: Path, start: bytes) -> StateDict:
    """Every array of a Keras `.weights.h5`: path -> tensor in PyTorch's order of axes."""
    import h5py
    import torch

    values, datasets = _bounded_values(file), list[tuple[str, Any]]()

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            datasets.append((name, item))
        if len(datasets) > _MAX_PARAMETERS:
            raise ValueError("it declares too many parameters")

    with h5py.File(file, "r") as archive:
        archive.visititems(collect)  # links to other files are not followed
        return {name: torch.from_numpy(_pytorch_axes(values(item))) for name, item in datasets}


def _references(dataset: Any) -> Any:
    """The references to other datasets that a dataset consists of."""
    if dataset.size > _MAX_PARAMETERS:
        raise ValueError(f"it declares {dataset.size:,} parameters")
    return dataset[()]


def _pytorch_axes(value: Any) -> Any:
    """(H, W, Cin, Cout) as (Cout, Cin, H, W); anything with fewer axes as a vector.

    MATLAB drops trailing axes of length 1: (H, W, 1, Cout) keeps all four, a bias has one or two.
    """
    import numpy as np

    array = np.asarray(value, np.float32)
    if array.ndim == 4:
        return np.array(array.transpose(3, 2, 0, 1), order="C")  # a copy: PyTorch needs to write
    return np.array(array.reshape(-1))


FORMATS: dict[str, Callable[[Path, bytes], Any]] = {  # name -> reader(file, its first bytes)
    "torch": _torch,
    "torch+numpy": _with_numpy,
    "torch+namespace": _with_namespace,
    "matconvnet": _matconvnet,
    "keras": _keras,
}
