"""Arrays of .npz files from outside, whose headers and sizes are not trusted.

`numpy.load` reserves memory for the shape that a header declares before it reads a value.
"""

import io
import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

from simcore.types import Array

MAX_BYTES = 4_000_000_000  # of all arrays of a file
_MAX_GROWTH = 20  # of a compressed array
_MAX_HEADER = 10_000  # characters


def read(path: Path) -> dict[str, Array]:
    """All arrays of a file by their names; arrays of Python objects are refused.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: not such a file, or damaged, or larger than it may
            be.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        limit = min(MAX_BYTES, _MAX_GROWTH * path.stat().st_size)
        if sum(member.file_size for member in members) > limit:
            raise ValueError(f"its arrays have more than {limit:,} bytes")
        return {
            member.filename.removesuffix(".npy"): read_array(archive.read(member))
            for member in members
        }


def read_array(content: bytes) -> Array:
    """The array of an .npy file's content.

    Raises:
        ValueError: damaged, of Python objects, or with a shape that does not fit its bytes.
    """
    stream = io.BytesIO(content)
    version = npy_format.read_magic(stream)
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"arrays of version {version} are not read")
    shape, in_columns, dtype = readers[version](stream, max_header_size=_MAX_HEADER)
    if dtype.hasobject:
        raise ValueError("it has Python objects")
    count, size = math.prod(shape), len(content) - stream.tell()
    if min(shape, default=0) < 0 or count * dtype.itemsize != size:
        raise ValueError(f"an array declares the shape {shape}, but has {size:,} bytes")
    if not count:
        return np.empty(shape, dtype)
    values: Array = np.frombuffer(content, dtype, count, stream.tell())
    return values.reshape(shape, order="F" if in_columns else "C").copy()
