"""ICC profiles written byte by byte, and what they mean in plain NumPy."""

import struct
from collections.abc import Sequence

import numpy as np

from simcore.types import Array

# Colorants relative to D50, one row of X, Y, Z per channel.
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SWAPPED = (ADOBE[1], ADOBE[0], ADOBE[2])  # red and green exchanged
WHITE = (0.9642, 1.0, 0.8249)


def _numbers(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(*values)


def _gamma(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(space: bytes, pcs: bytes, kind: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    text = b"a test"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * 78
    tags = [(b"desc", description), (b"cprt", b"text\0\0\0\0none\0"), (b"wtpt", _xyz(WHITE)), *tags]
    table, body = struct.pack(">I", len(tags)), b""
    for signature, content in tags:
        padded = content + b"\0" * (-len(content) % 4)
        start = 128 + 4 + 12 * len(tags) + len(body)
        table += signature + struct.pack(">II", start, len(padded))
        body += padded
    size = struct.pack(">I", 128 + len(table) + len(body))
    head = size + b"lcms" + struct.pack(">I", 0x02400000) + kind + space + pcs
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _numbers(*WHITE)
    return head.ljust(128, b"\0") + table + body


def rgb(colorants: Sequence[Sequence[float]], gamma: float) -> bytes:
    """A display with three primaries and a gamma."""
    tags = [(b"rgbXYZ"[i : i + 1] + b"XYZ", _xyz(colorants[i])) for i in range(3)]
    tags += [(b"rgb"[i : i + 1] + b"TRC", _gamma(gamma)) for i in range(3)]
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def gray(gamma: float) -> bytes:
    """Brightness with a gamma."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", [(b"kTRC", _gamma(gamma))])


def cmyk(labs: Array) -> bytes:
    """A press: (2, 2, 2, 2, 3) uint8 Lab of every combination of full inks."""
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + _numbers(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += ramp * 4 + labs.astype(np.uint8).tobytes() + ramp * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", [(b"A2B0", lut), (b"A2B1", lut)])


def srgb_of_xyz(xyz: Array) -> Array:
    """(..., 3) X, Y, Z relative to D50 -> sRGB levels."""
    linear = np.clip(xyz @ np.linalg.inv(np.array(SRGB)), 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * encoded


def srgb_of_rgb(levels: Array, colorants: Sequence[Sequence[float]], gamma: float) -> Array:
    """(..., 3) levels under `rgb(colorants, gamma)` -> sRGB levels."""
    return srgb_of_xyz((np.asarray(levels) / 255) ** gamma @ np.array(colorants))


def srgb_of_lab(lab: Sequence[int]) -> Array:
    """(3,) Lab as bytes -> sRGB levels."""
    lightness, a, b = lab[0] * 100 / 255, lab[1] - 128.0, lab[2] - 128.0
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * np.array(WHITE)
    return srgb_of_xyz(xyz)
