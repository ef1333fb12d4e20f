"""Arrays of .npz and .npy files, whose headers and sizes are not trusted.

`numpy.load` reserves memory for the shape that a header declares before it reads a value.
"""

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from simcore.types import Array

Arrays = Mapping[str, Array]  # by name
_MAX_HEADER = 10_000  # characters


def read(file: Path | IO[bytes], *, max_bytes: int) -> Arrays:
    """All arrays of a file by their names; arrays of Python objects are refused.

    Args:
        max_bytes: of all arrays together.

    Raises:
        OSError: it cannot be read. ValueError: not such a file, damaged, or larger than it may be.
    """
    with _damage(), zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > max_bytes:
            raise ValueError(f"its arrays have more than {max_bytes:,} bytes")
        return {
            member.filename.removesuffix(".npy"): read_array(archive.read(member))
            for member in members
        }


def open_array(path: Path) -> Array:
    """The array of an .npy file, read from the disk when it is used; no Python objects.

    Mapping checks that the file is as long as its header says, before anything is allocated.

    Raises:
        OSError: it cannot be read. ValueError: not such a file, or damaged.
    """
    with _damage():
        values: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        return values


@contextmanager
def _damage() -> Iterator[None]:
    """One kind of error for damage, for which zipfile and numpy raise a dozen."""
    try:
        yield
    except (OSError, ValueError):
        raise
    except Exception as error:
        raise ValueError(" ".join(str(error).split()) or "it is damaged") from error


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
