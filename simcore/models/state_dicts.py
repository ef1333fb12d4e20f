"""Reading weight files without running code in them.

A checkpoint is a dictionary of tensors, or something wrapped around one; each wrapping that the
papers' files use has a format here. Loading is strict both ways: a missing or extra tensor, or one
of another shape, means another architecture and is an error.
"""

import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from simcore.errors import BadDataError
from simcore.models.spec import Checkpoint, StateDict

_COUNTER = "num_batches_tracked"  # absent from files older than PyTorch 0.4.1, and unused here


def read(file: Path, file_format: str = "torch") -> Checkpoint:
    """The content of a checkpoint.

    Args:
        file_format: "torch" (plain, safetensors or TorchScript, recognized by content),
            "torch+numpy" (with arrays beside the tensors), "torch+namespace" (with the training
            arguments beside them), "matconvnet" (MATLAB, both file versions).

    Raises:
        BadDataError: not a checkpoint (an error page, truncated), or one that would run code.
    """
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
    state = {k: v for k, v in checkpoint.items() if hasattr(v, "shape") and hasattr(v, "dtype")}
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
    if _is_torchscript(file):
        with warnings.catch_warnings():  # PyTorch deprecates this format
            warnings.simplefilter("ignore", FutureWarning)
            # Only its tensors are used; the program in it is never called.
            return dict(torch.jit.load(file, map_location="cpu").state_dict())
    with torch.serialization.safe_globals(list(allow)):
        return torch.load(file, map_location="cpu", weights_only=True)


def _is_torchscript(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any("/code/" in name for name in archive.namelist())


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
    return {name: torch.from_numpy(value) for name, value in params}


def _is_hdf5(file: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(file))


def _version_5(file: Path) -> Iterator[tuple[str, Any]]:
    """(name, value) of each parameter of a MATLAB file up to version 7."""
    import numpy as np
    from scipy.io import loadmat

    params = np.ravel(loadmat(file)["net"][0, 0]["params"])
    if params.size == 1 and params.dtype == object:
        params = np.ravel(params[0])
    for param in params:
        yield str(np.ravel(param["name"])[0]), _pytorch_axes(param["value"])


def _version_7_3(file: Path) -> Iterator[tuple[str, Any]]:
    """(name, value) of each parameter; HDF5 stores MATLAB's arrays with their axes reversed."""
    import h5py
    import numpy as np

    with h5py.File(file, "r") as archive:
        params = archive["net/params"]
        names = [archive[ref][()] for ref in np.ravel(params["name"][()])]
        values = [archive[ref][()] for ref in np.ravel(params["value"][()])]
    for codes, value in zip(names, values, strict=True):
        name = "".join(chr(code) for code in np.ravel(codes))
        yield name, _pytorch_axes(np.transpose(value))


def _pytorch_axes(value: Any) -> Any:
    """(H, W, Cin, Cout) as (Cout, Cin, H, W); anything with fewer axes as a vector.

    MATLAB drops trailing axes of length 1: (H, W, 1, Cout) keeps all four, a bias has one or two.
    """
    import numpy as np

    array = np.asarray(value, np.float32)
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1))
    return np.ascontiguousarray(array.reshape(-1))


FORMATS: dict[str, Callable[[Path, bytes], Any]] = {  # name -> reader(file, its first bytes)
    "torch": _torch,
    "torch+numpy": _with_numpy,
    "torch+namespace": _with_namespace,
    "matconvnet": _matconvnet,
}
