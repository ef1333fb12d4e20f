"""Limits on the time that decoding an image may take: small files can keep a decoder busy for long.

What decoders do in one piece (the scans of a JPEG, the tiles of a TIFF) is counted beforehand. What
they do in steps is stopped by a clock: they read their bytes through `TimedBytes`.
"""

import io
import re
import struct
import time

CPU_SECONDS = 15.0  # of the decoding thread; the largest photographs allowed take one or two
MAX_SEGMENTS = 100_000  # of a JPEG
MAX_SCAN_PIXELS = 2_000_000_000  # 40 scans of the largest image; encoders make about ten
MAX_TILES = 250_000  # of a TIFF: more than the largest image has at 16 x 16 pixels

_CLOCK_INTERVAL = 64  # reads
# A marker of a JPEG; in compressed data, 0xff is followed by a zero or a restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers with the image's size
_START, _END, _SCAN, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01
_TILE_TAGS = (273, 324)  # offsets of strips, of tiles


class DecodeTimeError(Exception):
    """Decoding takes too much time."""


class TimedBytes(io.BytesIO):
    """The bytes of a file, to be read within CPU_SECONDS of this thread.

    It is the thread's own time, so that a busy machine refuses nothing.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._deadline = time.thread_time() + CPU_SECONDS
        self._reads = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read as from any file.

        Raises:
            DecodeTimeError: the time is over.
        """
        self._reads += 1  # asking the clock costs more than reading a few bytes
        if not self._reads % _CLOCK_INTERVAL and time.thread_time() > self._deadline:
            raise DecodeTimeError
        return super().read(size)


def excess(data: bytes) -> str:
    """What an image file has too much of to be decoded in reasonable time; "" for nothing."""
    if data[:2] == b"\xff\xd8":
        return _jpeg_excess(data)
    if data[:4] in {b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"}:
        return _tiff_excess(data)
    return ""


def _jpeg_excess(data: bytes) -> str:
    """Counts the scans of a JPEG: each may cost as much as all pixels, in ten bytes."""
    position = scans = pixels = 0
    for _ in range(MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None or data[match.end() - 1] == _END:
            return ""
        marker, position = data[match.end() - 1], match.end()
        if marker in {_START, _TEMPORARY}:
            continue
        if marker in _FRAMES:
            height = int.from_bytes(data[position + 3 : position + 5], "big")
            width = int.from_bytes(data[position + 5 : position + 7], "big")
            pixels = max(pixels, height * width)
        elif marker == _SCAN:
            scans += 1
            if scans * pixels > MAX_SCAN_PIXELS:
                return f"more than {scans - 1:,} scans of {pixels:,} pixels"
        position += max(int.from_bytes(data[position : position + 2], "big"), 2)
    return f"more than {MAX_SEGMENTS:,} segments"


def _tiff_excess(data: bytes) -> str:
    """Reads how many strips or tiles the first image of a TIFF claims to have."""
    order, big = "<" if data[:2] == b"II" else ">", data[2:4] in {b"+\0", b"\0+"}
    entry = struct.Struct(order + ("HHQQ" if big else "HHII"))
    number = struct.Struct(order + ("Q" if big else "H"))
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (entries,) = number.unpack_from(data, start)
        for row in range(min(entries, 65_535)):
            at = start + number.size + row * entry.size
            tag, _, count, _ = entry.unpack_from(data, at)
            if tag in _TILE_TAGS and count > MAX_TILES:
                return f"{count:,} strips or tiles"
    except (struct.error, OverflowError):
        pass  # cut short: the decoder says so
    return ""
