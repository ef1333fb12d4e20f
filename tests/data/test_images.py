"""Images are decoded and oriented right, and bad files are refused."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from simcore.data import images, network_input, thumbnails
from simcore.errors import BadImageError
from simcore.types import Preprocessing

Draw = Callable[..., Image.Image]
Encode = Callable[..., bytes]


def png_header(width: int, height: int, mode: int = 2) -> bytes:
    """A PNG whose header claims a size and which holds almost nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, mode, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_a_lossless_file_gives_its_own_pixels(kind: str, draw: Draw, encode: Encode) -> None:
    picture = draw(3, 31, 17)
    assert np.array_equal(images.load(encode(picture, kind)), np.asarray(picture))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_lossy_file_comes_close(kind: str, encode: Encode) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 64)[:, None, None], (64, 48, 3)).astype(np.uint8)
    loaded = images.load(encode(Image.fromarray(ramp), kind, quality=95)).astype(int)
    assert loaded.shape == (64, 48, 3)
    assert np.abs(loaded - ramp).max() <= 6


def test_a_path_and_its_bytes_are_the_same(tmp_path: Path, draw: Draw) -> None:
    path = tmp_path / "a.png"
    draw(1).save(path)
    loaded = images.load(path)
    assert np.array_equal(loaded, images.load(path.read_bytes()))
    assert loaded.dtype == np.uint8
    assert loaded.flags.writeable
    assert loaded.flags.c_contiguous


def test_cmyk_is_converted(encode: Encode) -> None:
    data = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF")
    assert images.load(data)[0, 0].tolist() == [255, 0, 0]
    jpeg = images.load(encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert jpeg[0, 0, 0] > 240
    assert jpeg[0, 0, 1:].max() < 15


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str, encode: Encode) -> None:
    values = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    loaded = images.load(encode(Image.fromarray(values), kind))
    assert loaded[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (loaded == loaded[..., :1]).all()


def test_a_float_tiff_in_0_to_1_spans_black_to_white(encode: Encode) -> None:
    values = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    assert images.load(encode(Image.fromarray(values), "TIFF"))[0, :, 1].tolist() == [
        0,
        128,
        255,
        0,
    ]


def test_a_palette_keeps_its_colors_and_its_hole(encode: Encode) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    assert images.load(encode(picture))[0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert images.load(encode(picture, transparency=0))[0].tolist() == [[255] * 3, [0, 0, 255]]


def test_transparency_shows_white(encode: Encode) -> None:
    clear = np.zeros((1, 3, 4), np.uint8)
    clear[0, :, 3] = 0, 128, 255
    assert images.load(encode(Image.fromarray(clear)))[0, :, 0].tolist() == [255, 127, 0]
    grey = np.array([[[0, 0], [0, 255]]], np.uint8)
    assert images.load(encode(Image.fromarray(grey)))[0, :, 2].tolist() == [255, 0]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_is_its_first_frame(kind: str, encode: Encode) -> None:
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert images.load(data)[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_turns_are_undone(turn: int, encode: Encode) -> None:
    upright = np.zeros((3, 2, 3), np.uint8)
    upright[0, 0], upright[2, 1] = (255, 0, 0), (0, 255, 0)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encode(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert np.array_equal(images.load(data), upright)


def pillows(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (17, 31), (200, 245)])
def test_a_jpegs_pixels_are_pillows(
    sampling: str, progressive: bool, size: tuple[int, int], draw: Draw, encode: Encode
) -> None:
    options = {"subsampling": sampling, "progressive": progressive, "quality": 83}
    data = encode(draw(5, *size), "JPEG", **options)
    assert np.array_equal(images.load(data), pillows(data))
    assert images.decode_jpeg(Image.open(io.BytesIO(data)), data) is not None


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_jpegs_are_left_to_pillow(mode: str, draw: Draw, encode: Encode) -> None:
    data = encode(draw(5, 40, 30).convert(mode), "JPEG")
    assert images.decode_jpeg(Image.open(io.BytesIO(data)), data) is None
    assert np.array_equal(images.load(data), pillows(data))


@pytest.mark.parametrize("turn", range(1, 9))
def test_turned_jpegs_are_as_pillow_turns_them(turn: int, draw: Draw, encode: Encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encode(draw(4, 30, 20), "JPEG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    loaded = images.load(data, trim=3)
    assert np.array_equal(loaded, np.asarray(upright)[:-3])
    assert loaded.flags.c_contiguous
    assert loaded.flags.writeable


def test_a_jpeg_cut_anywhere_is_refused_or_as_pillow_reads_it(draw: Draw, encode: Encode) -> None:
    data = encode(draw(6, 60, 40), "JPEG")
    refused = 0
    for end in range(0, len(data), 97):
        try:
            loaded = images.load(data[:end])
        except BadImageError:
            refused += 1
        else:
            assert np.array_equal(loaded, pillows(data[:end]))
    assert refused > len(data) // 97 // 2


def test_a_broken_exif_block_does_not_spoil_the_pixels(draw: Draw, encode: Encode) -> None:
    picture = draw(2, 20, 10)
    assert images.load(encode(picture, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff")).shape == (
        10,
        20,
        3,
    )


def test_a_single_pixel_is_loaded_prepared_and_stored(encode: Encode) -> None:
    image = images.load(encode(Image.new("RGB", (1, 1), (9, 8, 7))))
    assert image.tolist() == [[[9, 8, 7]]]
    assert (network_input.prepare(image, Preprocessing()) == [9, 8, 7]).all()
    assert thumbnails.make_thumb("one", image).stat().st_size > 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_cut_short_is_refused(kind: str, share: float, draw: Draw, encode: Encode) -> None:
    data = encode(draw(5), kind)
    with pytest.raises(BadImageError, match=r"x\.jpg is (damaged or truncated|not an image)"):
        images.load(data[: int(len(data) * share)], name="x.jpg")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.jpg"
    path.touch()
    with pytest.raises(BadImageError, match=r"nothing\.jpg is empty \(0 bytes\)\. Copy"):
        images.load(path)


def test_text_named_as_an_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.png"
    path.write_text("Dear madam, dear sir, " * 50)
    with pytest.raises(
        BadImageError, match=r"letter\.png is not an image in a supported format\. Save it as JPEG"
    ):
        images.load(path)


def test_a_format_off_the_list_is_refused(draw: Draw, encode: Encode) -> None:
    with pytest.raises(BadImageError, match="not an image in a supported format"):
        images.load(encode(draw(1), "PPM"))


@pytest.mark.parametrize("size", [(30_000, 30_000), (30_000, 1), (1, 30_000), (9_000, 9_000)])
def test_too_many_pixels_are_refused_before_decoding(size: tuple[int, int]) -> None:
    with pytest.raises(BadImageError, match=r"the image has .*the limit is 20,000 per side"):
        images.load(png_header(*size))


def test_a_bomb_of_zeros_is_refused(encode: Encode) -> None:
    data = encode(Image.new("1", (19_000, 19_000)), "PNG")
    assert len(data) < 100_000
    with pytest.raises(BadImageError, match="the limit is"):
        images.load(data)


def test_too_many_bytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.bmp"
    with path.open("wb") as file:
        file.truncate(images.MAX_BYTES + 1)
    with pytest.raises(BadImageError, match=r"50,000,001 bytes; the limit is 50,000,000"):
        images.load(path)


def test_a_folder_or_nothing_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.png"):
        with pytest.raises(BadImageError, match="There is no file"):
            images.load(path)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]))
def test_any_bytes_give_pixels_or_a_message(noise: bytes, kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (6, 5), "red").save(out, kind)
    good = out.getvalue()
    for data in (noise, good[: len(noise)] + noise, good[:20] + noise + good[20:]):
        message = ""
        try:
            assert images.load(data).shape[2] == 3
        except BadImageError as error:
            message = str(error)
        assert not message or message.endswith(".")


def test_trim_cuts_rows_from_the_bottom(draw: Draw, encode: Encode) -> None:
    data = encode(draw(7, 30, 40))
    assert np.array_equal(images.load(data, trim=26), images.load(data)[:14])
    for trim in (40, 41, -1):
        with pytest.raises(BadImageError, match=r"has 40 rows, so .* cannot be cut off"):
            images.load(data, trim=trim)


def test_keys_follow_content_and_trim(draw: Draw, encode: Encode) -> None:
    a, b = encode(draw(1)), encode(draw(2))
    assert (
        len(
            {
                images.content_key(a),
                images.content_key(b),
                images.content_key(a, 26),
                images.content_key(a, 27),
            }
        )
        == 4
    )
    assert images.content_key(a) == images.content_key(bytes(a))


def test_thumbnails_are_small_kept_and_whole(cache: Path, draw: Draw) -> None:
    image = np.asarray(draw(1, 900, 300))
    path = thumbnails.make_thumb("abcdef", image)
    assert path == thumbnails.thumb("abcdef") == cache / "thumbs" / "ab" / "abcdef.webp"
    with Image.open(path) as small:
        assert (small.format, small.size) == ("WEBP", (256, 85))
    before = path.stat().st_mtime_ns
    thumbnails.make_thumb("abcdef", image)
    assert path.stat().st_mtime_ns == before
    assert [p.name for p in path.parent.iterdir()] == ["abcdef.webp"]
    with Image.open(thumbnails.make_thumb("tiny", np.asarray(draw(1, 20, 10)))) as small:
        assert small.size == (20, 10)
