"""A set of triplets that needs no download: photographs of scikit-image, spoiled by known amounts.

The vote is the known order (the side that was spoiled more is further away), not what people said.
The photographs are read from scikit-image where it is installed, else out of its wheel.
"""

import importlib.util
import io
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import home, images, wheels
from simcore.data.trials import distortions
from simcore.data.trials.found import Found, Roster
from simcore.types import Array, OnProgress, Progress

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


def find(folder: Path, *, seed: int = 0, on_progress: OnProgress | None = None) -> Found:
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
    roster = Roster()
    items: list[list[int]] = []
    vote: list[float] = []
    group: list[str] = []
    patches = [
        (f"{Path(name).stem}-{k}", patch)
        for name in PHOTOS
        for k, patch in enumerate(_patches(images.load(photo(name, on_progress)), random))
    ]
    for done, (name, patch) in enumerate(patches):
        reference = _put(roster, folder, f"{name}/reference", patch)
        for operation in distortions.OPERATIONS:
            ratio = float(random.choice(RATIOS))
            weak = random.uniform(0.15, 1 / ratio)
            strengths = (weak, weak * ratio)
            spoiled = [distortions.spoil(operation, patch, s, random) for s in strengths]
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
        if on_progress is not None:
            on_progress(Progress("making patches", done + 1, len(patches)))
    return Found(
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


def photo(name: str, on_progress: OnProgress | None = None) -> Path:
    """A checked photograph: of the installed scikit-image, else out of its wheel."""
    spec = importlib.util.find_spec("skimage")
    for place in (spec.submodule_search_locations or []) if spec else []:
        file = Path(place) / "data" / name
        if file.is_file() and wheels.digest(file) == PHOTOS[name]:
            return file
    return wheels.member(
        WHEEL,
        f"skimage/data/{name}",
        sha256=PHOTOS[name],
        target=home.cache() / "trials" / "photos" / name,
        on_progress=on_progress,
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


def _put(roster: Roster, folder: Path, name: str, patch: Array) -> int:
    path = folder / f"{name}.png"
    out = io.BytesIO()
    Image.fromarray(patch).save(out, "PNG", optimize=False)
    home.write(path, out.getvalue())
    return roster.number(name, path)
