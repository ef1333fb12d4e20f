"""Embedded color profiles: pictures look as people see them, all others keep bits and keys."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from simcore.data import color_profiles, images
from simcore.lab.library import collections, extraction, features
from tests.data import icc

ADOBE = icc.rgb(icc.ADOBE, 2.19921875)
SWAPPED = icc.rgb(icc.SWAPPED, 2.2)


def levels(height=24, width=30, channels=3, seed=1):
    """(height, width, channels) uint8 that varies in all channels, without extreme colors."""
    random = np.random.default_rng(seed)
    return random.integers(40, 216, (height, width, channels)).astype(np.uint8)


def encoded(values, kind="PNG", mode="RGB", **options):
    out = io.BytesIO()
    image = Image.frombytes(mode, values.shape[1::-1], np.ascontiguousarray(values).tobytes())
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("profile", "colorants", "gamma"),
    [(ADOBE, icc.ADOBE, 2.19921875), (SWAPPED, icc.SWAPPED, 2.2)],
)
def test_rgb_profile_is_converted(kind, profile, colorants, gamma):
    values = levels()
    options = {"lossless": True} if kind == "WEBP" else {}
    file = encoded(values, kind, icc_profile=profile, **options)
    expected = icc.srgb_of_rgb(values, colorants, gamma)
    assert np.abs(images.load(file) - expected).max() < 2.5
    assert np.array_equal(images.load(file, ignore_profile=True), values)
    assert np.abs(values - expected).mean() > 5  # without conversion it would show


@pytest.mark.parametrize("quality", [98])
def test_jpeg_profile_is_converted(quality):
    values = np.tile(levels(1, 1), (16, 16, 1))
    file = encoded(values, "JPEG", icc_profile=SWAPPED, quality=quality, subsampling=0)
    expected = icc.srgb_of_rgb(values, icc.SWAPPED, 2.2)
    assert np.abs(images.load(file) - expected).max() < 6


def test_gray_profile_is_converted_with_its_transparency():
    gray = levels(channels=1)
    file = encoded(gray, mode="L", icc_profile=icc.gray(1.0))
    linear = np.repeat(gray / 255, 3, 2)
    expected = icc.srgb_of_xyz(linear[..., :1] * np.array(icc.WHITE))
    assert np.abs(images.load(file) - expected).max() < 2.5
    half = np.concatenate([gray, np.full_like(gray, 128)], 2)
    file = encoded(half, mode="LA", icc_profile=icc.gray(1.0))
    on_white = expected * 128 / 255 + 255 * (1 - 128 / 255)
    assert np.abs(images.load(file) - on_white).max() < 2.5


def test_transparent_and_palette_images_are_converted():
    values = levels()
    clear = np.concatenate([values, np.full((*values.shape[:2], 1), 64, np.uint8)], 2)
    expected = icc.srgb_of_rgb(values, icc.ADOBE, 2.19921875)
    on_white = expected * 64 / 255 + 255 * (1 - 64 / 255)
    assert np.abs(images.load(encoded(clear, mode="RGBA", icc_profile=ADOBE)) - on_white).max() < 3
    palette = Image.fromarray(np.tile(levels(1, 4), (8, 1, 1))).quantize(4)
    out = io.BytesIO()
    palette.save(out, "PNG", icc_profile=ADOBE)
    expected = icc.srgb_of_rgb(np.asarray(palette.convert("RGB")), icc.ADOBE, 2.19921875)
    assert np.abs(images.load(out.getvalue()) - expected).max() < 2.5


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_profile_is_converted(kind):
    labs = np.full((2, 2, 2, 2, 3), (0, 128, 128), np.uint8)  # several inks: black
    labs[0, 0, 0, 0] = (255, 128, 128)  # paper
    labs[1, 0, 0, 0] = (140, 190, 170)  # the first ink is a red, not cyan
    labs[0, 1, 0, 0] = (150, 90, 150)
    profile = icc.cmyk(labs)
    for ink, lab in (((0, 0, 0, 0), labs[0, 0, 0, 0]), ((255, 0, 0, 0), labs[1, 0, 0, 0])):
        values = np.tile(np.array(ink, np.uint8), (16, 16, 1))
        options = {"quality": 100} if kind == "JPEG" else {}
        file = encoded(values, kind, mode="CMYK", icc_profile=profile, **options)
        expected = icc.srgb_of_lab([int(value) for value in lab])
        assert np.abs(images.load(file)[8, 8] - expected).max() < 4
        assert images.content_key(file).endswith("-icc")
    plain = encoded(values, kind, mode="CMYK")
    assert not images.content_key(plain).endswith("-icc")
    naive = Image.open(io.BytesIO(plain)).convert("RGB")
    assert np.array_equal(images.load(plain), np.asarray(naive))


def test_srgb_and_unusable_profiles_keep_bits_and_keys():
    values = levels()
    lcms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (
        lcms,
        icc.gray(1.0),  # of another color space than the image
        ADOBE[:200],
        b"x" * 300,
        ADOBE[:132] + b"\xff" * (len(ADOBE) - 132),
        ADOBE + b"\0" * color_profiles.MAX_BYTES,
    ):
        file = encoded(values, "TIFF", icc_profile=profile)
        assert np.array_equal(images.load(file), values)
        assert "-" not in images.content_key(file)
    assert "-" not in images.content_key(encoded(values))


def test_key_names_the_choice_and_is_decoded_again_as_it_says():
    values, file = levels(), encoded(levels(), icc_profile=ADOBE)
    key, ignored = images.content_key(file, 4), images.content_key(file, 4, ignore_profile=True)
    assert key == f"{ignored}-icc"
    assert images.is_content_key(key)
    assert images.is_content_key(ignored)
    assert ignored.endswith("-t4")
    assert images.picture(key) == images.picture(ignored) == images.content_key(file)[:-4]
    assert np.array_equal(images.load_as(file, key), images.load(file, trim=4))
    assert np.array_equal(images.load_as(file, ignored), values[:-4])  # as keys made before
    with pytest.raises(images.BadImageError, match="has changed"):
        images.load_as(encoded(values), key)


@pytest.fixture
def mixed_folder(tmp_path: Path) -> Path:
    """Three images: without a profile, in sRGB, and in Adobe RGB."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for seed, (name, profile) in enumerate({"none": None, "srgb": srgb, "adobe": ADOBE}.items()):
        values = levels(seed=seed, height=64, width=64)
        (folder / f"{name}.png").write_bytes(encoded(values, icc_profile=profile))
    return folder


def test_collection_counts_profiles_and_shares_the_features_of_other_images(mixed_folder):
    collections.add("images", mixed_folder, name="stored", ignore_profiles=True)
    assert extraction.extract("stored", ["color"]).computed == {"color": 3}
    collections.add("images", mixed_folder, name="seen")
    report = extraction.extract("seen", ["color"])
    assert (report.computed, report.cached) == ({"color": 1}, {"color": 2})
    seen, stored = collections.summary("seen"), collections.summary("stored")
    assert (seen.profiles, seen.ignore_profiles) == (1, False)
    assert (stored.profiles, stored.ignore_profiles) == (1, True)
    assert seen.profiles_text == "1 image has a color profile, converted to sRGB."
    upload = features.decode((mixed_folder / "adobe.png").read_bytes())
    rows = features.for_images(collections.open_("seen").left.take([0]), "color")
    assert rows is not None
    assert np.array_equal(features.embed_upload(upload, "color").values, rows.values)


def test_field_case_is_the_same_picture(request):
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "field-cases" / "09-icc"
    if not folder.is_dir():
        pytest.skip(f"no field case at {folder}")
    reference = images.load(folder / "pics" / "srgb.png").astype(int)
    for name in ("adobe", "p3", "swap"):
        for suffix, levels_apart in (("png", 0.5), ("jpg", 1.5)):
            picture = images.load(folder / "pics" / f"{name}.{suffix}")
            assert np.abs(picture - reference).mean() < levels_apart
