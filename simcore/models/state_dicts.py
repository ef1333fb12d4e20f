"""What is inside weight files, without running anything in them.

A checkpoint is a dictionary of tensors, or something wrapped around one; each wrapping that the
papers' files use has a kind here. Loading is strict both ways: a tensor too few, too many or of
another shape means another architecture, and is refused.
"""

import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simcore.errors import BadDataError

_COUNTER = "num_batches_tracked"  # absent in files older than PyTorch 0.4.1, and of no use here


def read(file: Path, kind: str = "torch") -> dict[str, Any]:
    """The content of a checkpoint of any kind.

    Args:
        kind: "torch" (plain, safetensors or TorchScript, told apart by content), "torch+numpy"
            (arrays beside the tensors), "torch+namespace" (the run's arguments beside them),
            "matconvnet" (MATLAB, both file versions).

    Raises:
        BadDataError: no checkpoint (an error page, cut short), or one that wants to run code.
    """
    with file.open("rb") as opened:
        start = opened.read(64)
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadDataError(
            f"{file.name} is a web page, not weights; expected a checkpoint; download it again"
        )
    try:
        found = KINDS[kind](file, start)
    except Exception as error:
        raise BadDataError(
            f"{file.name} cannot be read as weights ({' '.join(str(error).split())[:120]}); "
            "expected a whole checkpoint of tensors; delete it and fetch it again"
        ) from error
    if not isinstance(found, dict):
        raise BadDataError(
            f"{file.name} holds a {type(found).__name__}; expected a dictionary of tensors"
        )
    return found


def state(found: dict[str, Any], *, under: str = "") -> dict[str, Any]:
    """The tensors of a checkpoint by name, out of what was wrapped around them.

    Args:
        under: only names that begin like this, without it.

    Raises:
        BadDataError: there are none.
    """
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found.get(key), dict):
            found = found[key]
            break
    tensors = {k: v for k, v in found.items() if hasattr(v, "shape") and hasattr(v, "dtype")}
    if tensors and all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    tensors = {k.removeprefix(under): v for k, v in tensors.items() if k.startswith(under)}
    if not tensors:
        raise BadDataError(
            f"found no tensors{f' under {under}' if under else ''} among "
            f"{', '.join(map(str, list(found)[:5])) or 'nothing'}; expected a network's weights"
        )
    return tensors


def load_strict(module: Any, values: dict[str, Any], name: str) -> Any:
    """`module` with every value in its place.

    Args:
        name: what the values are out of, for the error.

    Raises:
        BadDataError: a tensor is missing, has no place, or another shape; nothing is filled then.
    """
    ours = {k: v for k, v in module.state_dict().items() if not k.endswith(_COUNTER)}
    theirs = {k: v for k, v in values.items() if not k.endswith(_COUNTER)}
    missing = [key for key in ours if key not in theirs]
    foreign = [key for key in theirs if key not in ours]
    other = [key for key in ours if key in theirs and ours[key].shape != theirs[key].shape]
    if missing or foreign or other:
        faults = [
            f"lacks {len(missing)} of {len(ours)} layers ({missing[0]})" if missing else "",
            f"has {len(foreign)} that this network has not ({foreign[0]})" if foreign else "",
            f"has {other[0]} of shape {tuple(theirs[other[0]].shape)} where "
            f"{tuple(ours[other[0]].shape)} is needed"
            if other
            else "",
        ]
        raise BadDataError(
            f"{name} {', '.join(fault for fault in faults if fault)}; expected the weights of this "
            "architecture; put the right file there"
        )
    module.load_state_dict(theirs, strict=False)  # strictly checked above, but for the counters
    return module


def match_by_position(module: Any, values: dict[str, Any], name: str) -> dict[str, Any]:
    """Values under the module's names, matched by position; extra ones (a classifier) are left.

    Raises:
        BadDataError: too few, or one has another shape than the layer in its place.
    """
    theirs = [(k, v) for k, v in values.items() if not k.endswith(_COUNTER)]
    ours = {k: v for k, v in module.state_dict().items() if not k.endswith(_COUNTER)}
    if len(theirs) < len(ours):
        raise BadDataError(f"{name} holds {len(theirs)} tensors; expected {len(ours)}")
    for (mine, needed), (theirs_name, value) in zip(ours.items(), theirs, strict=False):
        if needed.shape != value.shape:
            raise BadDataError(
                f"{name} has {theirs_name} of shape {tuple(value.shape)} where {mine} needs "
                f"{tuple(needed.shape)}; expected the weights of this architecture"
            )
    return {mine: value for mine, (_, value) in zip(ours, theirs, strict=False)}


def _torch(file: Path, start: bytes, allow: Sequence[Any] = ()) -> Any:
    import torch

    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 30:
        from safetensors.torch import load_file

        return load_file(file)
    if _is_script(file):
        with warnings.catch_warnings():  # PyTorch would rather have this format ended
            warnings.simplefilter("ignore", FutureWarning)
            # Only its tensors are taken; the program in it is never called.
            return dict(torch.jit.load(file, map_location="cpu").state_dict())
    with torch.serialization.safe_globals(list(allow)):
        return torch.load(file, map_location="cpu", weights_only=True)


def _is_script(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any("/code/" in name for name in archive.namelist())


def _with_numpy(file: Path, start: bytes) -> Any:
    import numpy as np

    rebuild = np.empty(0).__reduce__()[0]  # what an array names in its pickle
    dtypes = [getattr(np.dtypes, name) for name in ("Float32DType", "Float64DType")]
    # Files of numpy 1 name the module by its old place, which has to be allowed by that name.
    old = (rebuild, "numpy.core.multiarray._reconstruct")
    return _torch(file, start, [rebuild, old, np.ndarray, np.dtype, *dtypes])


def _with_namespace(file: Path, start: bytes) -> Any:
    import argparse

    return _torch(file, start, [argparse.Namespace])


def _matconvnet(file: Path, start: bytes) -> dict[str, Any]:
    """`net.params` of a MATLAB file: name -> float32 tensor in PyTorch's order of axes."""
    import torch

    found = _version_7_3(file) if _is_hdf5(file) else _version_5(file)
    return {name: torch.from_numpy(value) for name, value in found.items()}


def _is_hdf5(file: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(file))


def _version_5(file: Path) -> dict[str, Any]:
    import numpy as np
    from scipy.io import loadmat

    params = np.ravel(loadmat(file)["net"][0, 0]["params"])
    if params.size == 1 and params.dtype == object:
        params = np.ravel(params[0])
    return {str(np.ravel(p["name"])[0]): _axes(p["value"]) for p in params}


def _version_7_3(file: Path) -> dict[str, Any]:
    """HDF5 holds MATLAB's columns-first arrays with their axes turned round."""
    import h5py
    import numpy as np

    with h5py.File(file, "r") as opened:
        params = opened["net/params"]
        names = [opened[ref][()] for ref in np.ravel(params["name"][()])]
        values = [opened[ref][()] for ref in np.ravel(params["value"][()])]
    return {
        "".join(chr(code) for code in np.ravel(name)): _axes(np.transpose(value))
        for name, value in zip(names, values, strict=True)
    }


def _axes(value: Any) -> Any:
    """(H, W, Cin, Cout) as (Cout, Cin, H, W); anything smaller as a vector.

    MATLAB drops trailing axes of length 1, so that (H, W, 1, Cout) keeps its four and a bias has
    one or two.
    """
    import numpy as np

    array = np.asarray(value, np.float32)
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1))
    return np.ascontiguousarray(array.reshape(-1))


KINDS: dict[str, Callable[[Path, bytes], Any]] = {
    "torch": _torch,
    "torch+numpy": _with_numpy,
    "torch+namespace": _with_namespace,
    "matconvnet": _matconvnet,
}
