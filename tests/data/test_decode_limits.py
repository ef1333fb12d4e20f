"""Small files that keep a decoder busy, and paths that never end, are refused at once."""

import io
import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from simcore.cli.main import app as cli
from simcore.data import decode_limits, images
from simcore.errors import BadImageError


def jpeg(width=2000, height=2000, **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 150)).save(out, "JPEG", **options)
    return out.getvalue()


def with_scans(file: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    return file[:-2] + file[file.rfind(b"\xff\xda") : -2] * count + file[-2:]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def slow_png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    file = out.getvalue()
    return file[:33] + png_chunk(b"prVt", b"") * 100_000 + file[33:]


def slow_gif() -> bytes:
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "GIF")
    file = out.getvalue()
    start = 13 + 3 * (2 << (file[10] & 7))
    return file[:start] + b"\x21\xfe" + b"\x01a" * 400_000 + b"\0" + file[start:]


def slow_bmp() -> bytes:
    """Run-length encoded in runs of one pixel, which are decoded one by one."""
    rows, start = b"\x01\x05" * 400_000, 14 + 40 + 1024
    header = struct.pack("<IiiHHIIiiII", 40, 5000, 5000, 1, 8, 1, len(rows), 0, 0, 256, 0)
    file = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header
    return file + bytes(1024) + rows


def tiled_tiff(count: int, *, big: bool = False) -> bytes:
    """Tiles of one pixel."""
    entry, head = ("<HHQQ", 16 + 8 + 6 * 20) if big else ("<HHII", 8 + 2 + 6 * 12)
    tags = [(256, 2000), (257, 2000), (262, 1), (322, 1), (323, 1)]
    body = b"".join(struct.pack(entry, tag, 4, 1, value) for tag, value in tags)
    body += struct.pack(entry, 324, 4, count, head)
    if big:
        return b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", 6) + body
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 6) + body


def test_repeated_scans_are_counted_before_decoding():
    file = jpeg(progressive=True)
    bomb = with_scans(file, 3000)
    assert len(bomb) < 250_000
    start = time.process_time()
    with pytest.raises(BadImageError, match=r"scans of 4,000,000 pixels, which would take"):
        images.load(bomb)
    assert images.content_key(bomb + b"ICC_PROFILE\0")  # looks for a profile, decodes nothing
    assert time.process_time() - start < 1
    assert images.load(with_scans(file, 5)).shape == (2000, 2000, 3)


def test_ordinary_files_with_many_segments_pass():
    thumbnail = jpeg(16, 16)
    comments = b"".join(b"\xff\xfe" + struct.pack(">H", 300) + thumbnail[:298] for _ in range(200))
    file = jpeg(64, 64, progressive=True, restart_marker_blocks=1)
    assert images.load(file[:2] + comments + file[2:] + b"\xff\xda" * 5000).shape == (64, 64, 3)
    with pytest.raises(BadImageError, match="segments"):
        images.load(file[:2] + b"\xff\xfe\0\x02" * 100_001 + file[2:])


@pytest.mark.parametrize("big", [False, True])
def test_tiles_are_counted_before_decoding(big):
    with pytest.raises(BadImageError, match="4,000,000 strips or tiles"):
        images.load(tiled_tiff(4_000_000, big=big))
    with pytest.raises(BadImageError):  # cut short, as Pillow finds
        images.load(tiled_tiff(200, big=big))
    for length in range(4, 60):
        with pytest.raises(BadImageError):
            images.load(tiled_tiff(200, big=big)[:length])


@pytest.mark.parametrize("make", [slow_png, slow_gif, slow_bmp])
def test_decoders_that_read_on_and_on_are_stopped_by_their_own_time(make, monkeypatch):
    monkeypatch.setattr(decode_limits, "CPU_SECONDS", 0.02)
    with pytest.raises(BadImageError, match="takes more than 0 seconds"):
        images.load(make())


def test_time_of_other_threads_and_of_waiting_does_not_count(monkeypatch):
    stream = decode_limits.TimedBytes(bytes(1000))
    monkeypatch.setattr(decode_limits.time, "monotonic", lambda: 1e9)
    assert sum(len(stream.read(1)) for _ in range(1000)) == 1000


@pytest.fixture(params=["pipe", "/dev/zero", "folder"])
def endless(request, tmp_path: Path) -> Path:
    """A path that blocks or never ends when it is read."""
    if request.param == "pipe":
        os.mkfifo(tmp_path / "pipe.png")
        return tmp_path / "pipe.png"
    return Path(request.param) if request.param != "folder" else tmp_path


def test_only_regular_files_are_read(endless, tiny):
    with pytest.raises(BadImageError, match="no file"):
        images.read(endless)
    result = CliRunner().invoke(cli, ["search", tiny, "--image", str(endless), "--models", "hog"])
    assert result.exit_code != 0


def test_a_large_photograph_passes():
    values = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    picture = Image.fromarray(values).resize((4000, 3000))
    out = io.BytesIO()
    picture.save(out, "JPEG", progressive=True, quality=70)
    assert images.load(out.getvalue()).shape == (3000, 4000, 3)
