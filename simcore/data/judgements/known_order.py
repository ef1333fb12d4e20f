"""Ways to spoil a patch by a known amount: after BAPPS' traditional and resampling operations."""

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import cache_dir, images
from simcore.data.fetch import pip_archives
from simcore.data.judgements.trial_draft import ImageNumbering, TrialDraft
from simcore.types import Array, Monitor

# An operation takes (h, w, 3) float64 in 0..1, a strength from 0 (nothing) to 1, and a generator.
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
PATCHES = 4  # of each photograph
RATIOS = (1.15, 1.5, 2.5)  # how much more the further side is spoiled; near 1 is hard


def noise(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """White noise, deviation up to 0.2."""
    return patch + random.normal(0, 0.2 * strength, patch.shape)


def blur(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Gaussian blur, deviation up to 4 px."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(patch, (4 * strength, 4 * strength, 0)))


def contrast(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Towards the mean colour, by up to 80 %."""
    middle = patch.mean(axis=(0, 1))
    return np.asarray(middle + (patch - middle) * (1 - 0.8 * strength))


def saturation(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Towards grey of the same luma, by up to all of it."""
    grey = patch @ np.array([0.299, 0.587, 0.114])
    return np.asarray(patch + (grey[..., None] - patch) * strength)


def brightness(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Lighter, by up to 0.35."""
    return patch + 0.35 * strength


def jpeg(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """JPEG of quality 60 down to 3."""
    out = io.BytesIO()
    quality = round(60 * (3 / 60) ** strength)
    Image.fromarray(_bytes(patch)).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"), np.float64) / 255


def shift(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Moved by up to 12 px in a random direction, the border repeated."""
    from scipy.ndimage import shift as moved

    angle = random.uniform(0, 2 * np.pi)
    step = 12 * strength * np.array([np.sin(angle), np.cos(angle), 0])
    return np.asarray(moved(patch, step, order=1, mode="nearest"))


def warp(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """A smooth random field of displacements of 5 px at most in the mean square."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    height, width = patch.shape[:2]
    field = np.stack([gaussian_filter(random.normal(size=(height, width)), 6) for _ in range(2)])
    field *= 5 * strength / max(float(np.sqrt((field**2).mean())), 1e-12)
    grid = np.mgrid[:height, :width] + field
    return np.stack(
        [map_coordinates(patch[..., c], grid, order=1, mode="nearest") for c in range(3)], axis=2
    )


def _resampled(patch: Array, strength: float, how: Image.Resampling) -> Array:
    """Down by a factor of up to 6 and up again."""
    height, width = patch.shape[:2]
    factor = 1 + 5 * strength
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    down = Image.fromarray(_bytes(patch)).resize(small, Image.Resampling.BOX)
    return np.asarray(down.resize((width, height), how), np.float64) / 255


def pixelate(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again by nearest neighbour."""
    return _resampled(patch, strength, Image.Resampling.NEAREST)


def bilinear(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again, linearly."""
    return _resampled(patch, strength, Image.Resampling.BILINEAR)


def bicubic(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again by cubic splines."""
    return _resampled(patch, strength, Image.Resampling.BICUBIC)


def lanczos(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again by a windowed sinc."""
    return _resampled(patch, strength, Image.Resampling.LANCZOS)


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
    """(h, w, 3) uint8 after one operation on an (h, w, 3) uint8 patch."""
    return _bytes(OPERATIONS[name](patch.astype(np.float64) / 255, strength, random))


def _bytes(values: Array) -> Array:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def find(folder: Path, *, seed: int = 0, monitor: Monitor = Monitor()) -> TrialDraft:
    """Cuts and spoils the patches and writes them as PNG files below `folder`.

    For each patch and each operation that changes it there is one triplet. The weaker strength and
    the ratio of both are drawn, and which of them is on the left.

    Args:
        folder: made here. seed: the same seed gives the same bytes.

    Raises:
        SimError: scikit-image is neither installed nor to be had by pip, or the disk is full.
        BadDataError: a photograph is not the one it should be.
    """
    random = np.random.default_rng(seed)
    roster = ImageNumbering()
    items: list[list[int]] = []
    vote: list[float] = []
    group: list[str] = []
    patches = [
        (f"{Path(name).stem}-{k}", patch)
        for name in PHOTOS
        for k, patch in enumerate(_patches(images.load(photo(name, monitor)), random))
    ]
    for done, (name, patch) in enumerate(patches):
        reference = _put(roster, folder, f"{name}/reference", patch)
        for operation in OPERATIONS:
            ratio = float(random.choice(RATIOS))
            weak = random.uniform(0.15, 1 / ratio)
            strengths = (weak, weak * ratio)
            spoiled = [distort(operation, patch, s, random) for s in strengths]
            if np.array_equal(spoiled[0], spoiled[1]):
                continue  # nothing to tell apart: a grey patch has no saturation to lose
            ends = [
                _put(roster, folder, f"{name}/{operation.replace('/', '-')}-{s:.3f}", image)
                for s, image in zip(strengths, spoiled, strict=True)
            ]
            swap = bool(random.integers(2))
            items.append([reference, *(ends[::-1] if swap else ends)])
            vote.append(float(swap))  # 1: the right side is the weaker one, so it is nearer
            group.append(operation)
        monitor.report("making patches", done + 1, len(patches))
    return TrialDraft(
        "triplets",
        roster.ids,
        roster.paths,
        np.array(items, np.int64),
        np.array(vote),
        np.zeros(len(vote), np.int64),
        tuple(group),
        notes=("the vote is the known order of strength; nobody was asked",),
        credits=CREDITS,
    )


def photo(name: str, monitor: Monitor = Monitor()) -> Path:
    """A checked photograph: of the installed scikit-image, else out of its wheel."""
    spec = importlib.util.find_spec("skimage")
    for place in (spec.submodule_search_locations or []) if spec else []:
        file = Path(place) / "data" / name
        if file.is_file() and pip_archives.file_digest(file) == PHOTOS[name]:
            return file
    return pip_archives.fetch_member(
        WHEEL,
        f"skimage/data/{name}",
        sha256=PHOTOS[name],
        target=cache_dir.root() / "trials" / "photos" / name,
        monitor=monitor,
    )


def _patches(photograph: Array, random: np.random.Generator) -> list[Array]:
    """The most varied of the squares of a grid, drawn among the better half."""
    high, wide = (n // SIDE for n in photograph.shape[:2])
    squares = [
        photograph[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE]
        for y in range(high)
        for x in range(wide)
    ]
    varied = np.argsort([-float(s.std(axis=(0, 1)).mean()) for s in squares], kind="stable")
    better = varied[: max(PATCHES, len(squares) // 2)]
    return [squares[k] for k in np.sort(random.permutation(better)[:PATCHES])]


def _put(roster: ImageNumbering, folder: Path, name: str, patch: Array) -> int:
    path = folder / f"{name}.png"
    out = io.BytesIO()
    Image.fromarray(patch).save(out, "PNG", optimize=False)
    cache_dir.write_atomic(path, out.getvalue())
    return roster.number(name, path)
