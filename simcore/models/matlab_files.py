"""One struct of a MATLAB file up to version 7 (not 7.3, which is HDF5).

scipy's reader reserves memory for the sizes that a file declares: a file of 6 KB can ask for 16 GB.
Here every size is checked against the bytes that are there. Format: "MAT-File Format",
MathWorks, level 5.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from simcore.types import Array

MAX_BYTES = 2_000_000_000  # of one inflated variable
_FREE_BYTES = 64_000_000  # a variable may inflate to this, whatever its compressed size
_MAX_GROWTH = 20  # trained weights hardly shrink
_MAX_DEPTH = 16

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_NUMBERS |= {13: "u8"}
_TEXTS = {1: "latin1", 2: "latin1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)

Order = Literal["<", ">"]  # little or big endian
Struct = list[dict[str, Any]]  # one dict of fields per element, in column-major order


@dataclass(frozen=True)
class _Element:
    """One element: its type, and its bytes."""

    kind: int
    content: memoryview


def read(file: Path, variable: str) -> Any:
    """A variable of a file: an array (in MATLAB's order of axes), str, list (cell) or `Struct`.

    Raises:
        ValueError: the file is damaged, declares more than it has, or has no such variable.
    """
    content = memoryview(file.read_bytes())
    if len(content) < 128 or content[126:128] not in (b"IM", b"MI"):
        raise ValueError("not a MATLAB file of version 5 to 7")
    order: Order = "<" if content[126:128] == b"IM" else ">"
    for element in _elements(content[128:], order):
        body = element
        if element.kind == _COMPRESSED:
            body = next(_elements(memoryview(_inflate(element.content)), order))
        if body.kind == _MATRIX:
            name, value = _matrix(body.content, order, variable)
            if name == variable:
                return value
    raise ValueError(f"the file has no variable {variable}")


def _inflate(content: memoryview) -> bytes:
    limit = min(MAX_BYTES, _FREE_BYTES + _MAX_GROWTH * len(content))
    stream = zlib.decompressobj()
    inflated = stream.decompress(content, limit)
    if not stream.eof:
        raise ValueError(f"a variable is cut off, or has more than {limit:,} bytes")
    return inflated


def _elements(content: memoryview, order: Order) -> Iterator[_Element]:
    """Elements one after the other, each padded to 8 bytes unless it is compressed."""
    start = 0
    while start + 8 <= len(content):
        kind, size = struct.unpack(f"{order}II", content[start : start + 8])
        if kind >> 16:  # up to four bytes, in the tag itself
            kind, size, begin, end = kind & 0xFFFF, kind >> 16, start + 4, start + 8
            if size > 4:
                raise ValueError("an element is larger than its tag says")
        else:
            begin = start + 8
            end = begin + size + (-size % 8 if kind != _COMPRESSED else 0)
        if begin + size > len(content):
            raise ValueError(f"an element declares {size:,} bytes, more than the file has")
        yield _Element(kind, content[begin : begin + size])
        start = end


def _matrix(content: memoryview, order: Order, wanted: str = "", depth: int = 0) -> tuple[str, Any]:
    """(name, value) of an array; its value is not read if another name is wanted."""
    if depth > _MAX_DEPTH:
        raise ValueError("arrays are nested too deeply")
    if not len(content):
        return "", np.zeros((0, 0))  # MATLAB writes an empty field like this
    parts = _elements(content, order)
    flags = struct.unpack(f"{order}I", next(parts).content[:4])[0]
    shape = tuple(int(n) for n in np.frombuffer(next(parts).content, f"{order}i4"))
    if not 2 <= len(shape) <= 32 or min(shape) < 0:
        raise ValueError(f"an array has the shape {shape}")
    name = bytes(next(parts).content).decode("latin1")
    if wanted and name != wanted:
        return name, None
    kind, count = flags & 0xFF, math.prod(shape)
    if kind in _NUMERIC:
        return name, _numbers(next(parts), order).reshape(shape, order="F")
    if kind == _CHAR:
        data = next(parts)
        codec = _TEXTS[data.kind]
        if codec in {"utf-16", "utf-32"}:
            codec += "-le" if order == "<" else "-be"
        return name, bytes(data.content).decode(codec)
    if kind == _CELL:
        _check_count(count, content)
        return name, [_matrix(next(parts).content, order, depth=depth + 1)[1] for _ in range(count)]
    if kind == _STRUCT:
        return name, _struct(parts, count, content, order, depth)
    raise ValueError(f"arrays of class {kind} are not read")


def _numbers(element: _Element, order: Order) -> Array:
    dtype = np.dtype(_NUMBERS[element.kind]).newbyteorder(order)
    values: Array = np.frombuffer(element.content, dtype)
    return values


def _check_count(count: int, content: memoryview) -> None:
    if count * 8 > len(content):  # an element has at least its tag
        raise ValueError(f"an array declares {count:,} elements, more than the file has")


def _struct(
    parts: Iterator[_Element], count: int, content: memoryview, order: Order, depth: int
) -> Struct:
    width = int(_numbers(next(parts), order)[0])
    names = bytes(next(parts).content)
    if width < 1 or len(names) % width:
        raise ValueError("the names of fields are damaged")
    fields = [
        names[at : at + width].split(b"\0")[0].decode("latin1")
        for at in range(0, len(names), width)
    ]
    _check_count(count * len(fields), content)
    if not fields and count > 1:
        raise ValueError("a struct without fields")
    return [
        {field: _matrix(next(parts).content, order, depth=depth + 1)[1] for field in fields}
        for _ in range(count)
    ]
