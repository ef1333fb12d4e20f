"""A collection of full size that needs no data: drawn pictures, and features of eight backbones.

    SIMCORE_CACHE=FOLDER python -m benchmarks.stand_in [--pairs 6016]

The pictures are drawn from a seed and added as any collection is. The features are drawn too, with
the width that each backbone really has, and put into the store where the backbone's own would lie;
mates share as much of themselves that a backbone alone finds about 5 % of them, as in the papers.
What they cost in time and memory is real, what they find means nothing, so the cache they are put
into must be one of its own.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import home
from simcore.data.store import Store
from simcore.errors import BadDataError
from simcore.lab import collections
from simcore.models import extract, registry
from simcore.types import Array, Collection

NAME = "stand-in"
PAIRS = 6016  # as many as Totally-Looks-Like has
SIZE = (100, 122)  # half of TLL's width and height: they are drawn and added four times as fast
BACKBONES = (
    "mobilenetv2", "efficientnet-lite0", "resnet50", "densenet121", "vgg16", "hog", "layout", "face"
)  # fmt: skip
HIDDEN = 48  # dimensions that the backbones' features have in common
SHARE = 0.09  # of itself in the mate, on average
FACELESS, TWO_FACES = 0.55, 0.06


def make(pairs: int = PAIRS) -> Collection:
    """The collection in the present cache with all its features; made where it is not there yet.

    Raises:
        BadDataError: the cache holds other collections, or a stand-in of another size.
    """
    there = collections.names()
    if not there:
        folder = draw(home.cache() / "drawn", pairs)
        collections.add("pairs", folder, name=NAME)
    elif there != [NAME]:
        raise BadDataError(
            f"found the collections {', '.join(there)} in {home.cache()}; expected an empty cache, "
            "since drawn features would lie among real ones; name another with SIMCORE_CACHE"
        )
    found = collections.open_(NAME)
    if len(found.left) != pairs:
        raise BadDataError(
            f"found a stand-in of {len(found.left):,} pairs in {home.cache()}; expected {pairs:,}; "
            "name another cache with SIMCORE_CACHE"
        )
    _fill(found)
    return found


def elsewhere(cache: Path, pairs: int = PAIRS) -> None:
    """The same in another cache, by a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.stand_in", "--pairs", str(pairs)], check=True,
        env=os.environ | {"SIMCORE_CACHE": str(cache)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def draw(folder: Path, pairs: int) -> Path:
    """left/ and right/ with that many JPEG files each, all of them different."""
    random = np.random.default_rng(7)
    noise = random.normal(0, 9, (16, SIZE[1], SIZE[0], 3)).astype(np.float32)
    coarse = random.integers(0, 256, (2, pairs, 7, 6, 3), dtype=np.uint8)
    coarse[1] = coarse[0] // 2 + coarse[1] // 2  # mates have something in common
    for side in ("left", "right"):
        (folder / side).mkdir(parents=True, exist_ok=True)

    def one(number: int) -> None:
        for side, name in enumerate(("left", "right")):
            field = Image.fromarray(coarse[side, number]).resize(SIZE, Image.Resampling.BICUBIC)
            noisy = np.asarray(field, np.float32) + noise[(number + side) % len(noise)]
            picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
            picture.save(folder / name / f"{number:05}.jpg", quality=85)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(pairs)))
    return folder


def _fill(collection: Collection) -> None:
    """Features of whatever backbone has none yet, one commit each."""
    assert collection.right is not None
    random = np.random.default_rng(11)
    pairs = len(collection.left)
    keys = collection.left.keys + collection.right.keys
    hidden = random.normal(size=(2, pairs, HIDDEN)).astype(np.float32)
    alike = random.gamma(0.5, SHARE, size=pairs)
    store = Store()
    for number, backbone in enumerate(BACKBONES):
        spec = registry.spec(backbone)
        place = extract.slot(spec, "fp32")
        if store.missing(place, keys):
            values = features(hidden, alike, spec.dim, seed=number)
            faces = _faces(len(keys), number) if backbone == "face" else np.ones(len(keys), int)
            store.append(place, keys, [np.repeat(row[None], n, 0) + _jitter(n, spec.dim)
                                       for row, n in zip(values, faces, strict=True)])  # fmt: skip


def features(hidden: Array, alike: Array, dim: int, *, seed: int) -> Array:
    """(2 N, dim) float32: a mixture of what is hidden and noise, mates alike by `alike` (N,)."""
    random = np.random.default_rng(seed)
    pairs = len(alike)
    mixing = random.normal(size=(HIDDEN, dim)).astype(np.float32) / np.sqrt(HIDDEN)
    left, right = (
        side @ mixing + random.normal(size=(pairs, dim)).astype(np.float32) for side in hidden
    )
    same = np.minimum(alike * random.uniform(0.2, 1.8, size=pairs), 1)[:, None].astype(np.float32)
    return np.concatenate([left, right * (1 - same) + left * same])


def _faces(images: int, seed: int) -> Array:
    """(images,) how many faces each has: most none, some two."""
    return np.random.default_rng(seed).choice(
        3, size=images, p=(FACELESS, 1 - FACELESS - TWO_FACES, TWO_FACES)
    )


def _jitter(rows: int, dim: int) -> Array:
    """Makes the second face of an image another one than the first."""
    return np.linspace(0, 1, rows, endpoint=False, dtype=np.float32)[:, None] * np.ones(
        dim, np.float32
    )


def main() -> None:
    """Make it and say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    began = time.perf_counter()
    try:
        found = make(parser.parse_args().pairs)
    except BadDataError as error:
        sys.exit(str(error))
    print(f"{len(found.left):,} pairs with {len(BACKBONES)} backbones in {home.cache()}, "
          f"{time.perf_counter() - began:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
