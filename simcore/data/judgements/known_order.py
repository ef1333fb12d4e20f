"""Triplets of known order: photographs distorted twice by known amounts, as BAPPS distorts."""

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import cache_dir, images
from simcore.data.fetch import pip_archives
from simcore.data.judgements.trial_draft import ImageNumbering, TrialDraft, TrialRow
from simcore.types import Array, Monitor

# (h, w, 3) float64 in 0..1, strength from 0 (no change) to 1, generator -> distorted patch
Operation = Callable[[Array, float, np.random.Generator], Array]

WHEEL = "scikit-image==0.26.0"
# Photographs only, each in the public domain or CC0; file, sha256.
PHOTOS = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    "retina.jpg": "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
    "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
}
CREDITS = (
    "photographs bundled with scikit-image: NASA and SpaceX (public domain), Lav Varshney, "
    "Rachel Michetti, Stefan van der Walt, Mikael Haggstrom, CC0Textures (all CC0)",
)
SIDE = 96  # px of a patch
PATCHES = 4  # per photograph
RATIOS = (1.15, 1.5, 2.5)  # strength of the stronger over the weaker distortion; near 1 is hard


def noise(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """White noise with a standard deviation up to 0.2."""
    return patch + random.normal(0, 0.2 * strength, patch.shape)


def blur(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Gaussian blur with a standard deviation up to 4 px."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(patch, (4 * strength, 4 * strength, 0)))


def contrast(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Contrast lowered towards the mean color, by up to 80 %."""
    middle = patch.mean(axis=(0, 1))
    return np.asarray(middle + (patch - middle) * (1 - 0.8 * strength))


def saturation(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Saturation lowered towards gray of the same luma, by up to 100 %."""
    gray = patch @ np.array([0.299, 0.587, 0.114])
    return np.asarray(patch + (gray[..., None] - patch) * strength)


def brightness(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Brightness raised by up to 0.35."""
    return patch + 0.35 * strength


def jpeg(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """JPEG compression, quality 60 down to 3."""
    out = io.BytesIO()
    quality = round(60 * (3 / 60) ** strength)
    Image.fromarray(_bytes(patch)).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"), np.float64) / 255


def shift(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Translation by up to 12 px in a random direction; the border is repeated."""
    from scipy.ndimage import shift as translate

    angle = random.uniform(0, 2 * np.pi)
    step = 12 * strength * np.array([np.sin(angle), np.cos(angle), 0])
    return np.asarray(translate(patch, step, order=1, mode="nearest"))


def warp(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """A smooth random displacement field, up to 5 px in the root mean square."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    height, width = patch.shape[:2]
    field = np.stack([gaussian_filter(random.normal(size=(height, width)), 6) for _ in range(2)])
    field *= 5 * strength / max(float(np.sqrt((field**2).mean())), 1e-12)
    grid = np.mgrid[:height, :width] + field
    return np.stack(
        [map_coordinates(patch[..., c], grid, order=1, mode="nearest") for c in range(3)], axis=2
    )


def _resample(patch: Array, strength: float, method: Image.Resampling) -> Array:
    """Downsampled by a factor up to 6 and upsampled again."""
    height, width = patch.shape[:2]
    factor = 1 + 5 * strength
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    down = Image.fromarray(_bytes(patch)).resize(small, Image.Resampling.BOX)
    return np.asarray(down.resize((width, height), method), np.float64) / 255


def pixelate(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Downsampling, then nearest-neighbor upsampling."""
    return _resample(patch, strength, Image.Resampling.NEAREST)


def bilinear(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Downsampling, then bilinear upsampling."""
    return _resample(patch, strength, Image.Resampling.BILINEAR)


def bicubic(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Downsampling, then bicubic upsampling."""
    return _resample(patch, strength, Image.Resampling.BICUBIC)


def lanczos(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Downsampling, then Lanczos upsampling."""
    return _resample(patch, strength, Image.Resampling.LANCZOS)


OPERATIONS: dict[str, Operation] = {
    "traditional/noise": noise,
    "traditional/blur": blur,
    "traditional/contrast": contrast,
    "traditional/saturation": saturation,
    "traditional/brightness": brightness,
    "traditional/jpeg": jpeg,
    "traditional/shift": shift,
    "traditional/warp": warp,
    "resampling/pixelate": pixelate,
    "resampling/bilinear": bilinear,
    "resampling/bicubic": bicubic,
    "resampling/lanczos": lanczos,
}


def distort(name: str, patch: Array, strength: float, random: np.random.Generator) -> Array:
    """One operation on an (h, w, 3) uint8 patch; returns uint8 of the same shape."""
    return _bytes(OPERATIONS[name](patch.astype(np.float64) / 255, strength, random))


def _bytes(values: Array) -> Array:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def find(folder: Path, *, seed: int = 0, monitor: Monitor = Monitor()) -> TrialDraft:
    """Cut and distort the patches, write them as PNG files, and return their triplets.

    Each patch gives one triplet per operation that changes it: the patch and two distorted copies,
    of which the weaker one is nearer. The weaker strength, the ratio of both strengths and the side
    of the weaker one are random.

    Args:
        folder: where the files are written; created here.
        seed: the same seed gives the same bytes.

    Raises:
        SimError: scikit-image is neither installed nor can be downloaded, or the disk is full.
        BadDataError: a photograph has another checksum.
    """
    random = np.random.default_rng(seed)
    numbering = ImageNumbering()
    rows: list[TrialRow] = []
    patches = [
        (f"{Path(name).stem}-{k}", patch)
        for name in PHOTOS
        for k, patch in enumerate(_varied_patches(images.load(photo(name, monitor)), random))
    ]
    for done, (name, patch) in enumerate(patches, 1):
        reference = _write(numbering, folder, f"{name}/reference", patch)
        for operation in OPERATIONS:
            ratio = float(random.choice(RATIOS))
            weaker = random.uniform(0.15, 1 / ratio)
            strengths = (weaker, weaker * ratio)
            distorted = [distort(operation, patch, strength, random) for strength in strengths]
            if np.array_equal(distorted[0], distorted[1]):
                continue  # equal copies have no order: a gray patch has no saturation to lose
            sides = [
                _write(numbering, folder, f"{name}/{operation.replace('/', '-')}-{s:.3f}", image)
                for s, image in zip(strengths, distorted, strict=True)
            ]
            swap = bool(random.integers(2))  # True: the weaker, nearer one is on the right
            items = [reference, *(sides[::-1] if swap else sides)]
            rows.append(TrialRow(items, float(swap), 0, operation))
        monitor.report("making patches", done, len(patches))
    return TrialDraft.from_rows(
        "triplets",
        numbering,
        rows,
        notes=("the votes are the known order of distortion strength, not human votes",),
        credits=CREDITS,
    )


def photo(name: str, monitor: Monitor = Monitor()) -> Path:
    """The file of a photograph, from the installed scikit-image or else from its wheel.

    Raises:
        SimError: scikit-image is neither installed nor can be downloaded.
        BadDataError: the photograph has another checksum.
    """
    spec = importlib.util.find_spec("skimage")
    for package in (spec.submodule_search_locations or []) if spec else []:
        file = Path(package) / "data" / name
        if file.is_file() and pip_archives.file_digest(file) == PHOTOS[name]:
            return file
    return pip_archives.fetch_member(
        WHEEL,
        f"skimage/data/{name}",
        sha256=PHOTOS[name],
        target=cache_dir.root() / "trials" / "photos" / name,
        monitor=monitor,
    )


def _varied_patches(photograph: Array, random: np.random.Generator) -> list[Array]:
    """Random squares of a grid, from the half with the most contrast, in the grid's order."""
    n_rows, n_columns = (n // SIDE for n in photograph.shape[:2])
    squares = [
        photograph[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE]
        for y in range(n_rows)
        for x in range(n_columns)
    ]
    by_contrast = np.argsort([-float(s.std(axis=(0, 1)).mean()) for s in squares], kind="stable")
    upper_half = by_contrast[: max(PATCHES, len(squares) // 2)]
    return [squares[k] for k in np.sort(random.permutation(upper_half)[:PATCHES])]


def _write(numbering: ImageNumbering, folder: Path, name: str, patch: Array) -> int:
    """Write a patch as PNG; returns its number."""
    path = folder / f"{name}.png"
    out = io.BytesIO()
    Image.fromarray(patch).save(out, "PNG", optimize=False)
    cache_dir.write_atomic(path, out.getvalue())
    return numbering.number(name, path)
