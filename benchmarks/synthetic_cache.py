"""A cache of its own with a collection of pairs in it: drawn features, no picture behind them.

Features lie where the real ones of backbones would, as wide as these are, so that every command
can be run on them; what it costs is real, what it finds means nothing.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from simcore.data import cache_dir
from simcore.data.collections import collection_catalog
from simcore.data.collections.collection_draft import DecodedImage, DraftRow
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.lab.library import collections
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.types import Array, Collection

DRAWN_NAME = "drawn"
GROUP = "rosenfeld2019"  # eleven representations, 15,872 numbers an image

NAME = "stand-in"
PAIRS = 6016  # as many as Totally-Looks-Like has
SIZE = (100, 122)  # half of TLL's width and height: they are drawn and added four times as fast
BACKBONES = (
    "mobilenetv2",
    "efficientnet-lite0",
    "resnet50",
    "densenet121",
    "vgg16",
    "hog",
    "layout",
    "face",
)
HIDDEN = 48  # dimensions that the backbones' features have in common
SHARE = 0.09  # of itself in the mate, on average
FACELESS, TWO_FACES = 0.55, 0.06


@contextmanager
def cache() -> Iterator[Path]:
    """An empty cache for as long as the block lasts; subprocesses see it too."""
    before = os.environ.get("SIMCORE_CACHE")
    with TemporaryDirectory(prefix="simcore-benchmark-") as folder:
        os.environ["SIMCORE_CACHE"] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["SIMCORE_CACHE"]
            else:
                os.environ["SIMCORE_CACHE"] = before


def collection(pairs: int, backbones: Sequence[str], *, name: str = DRAWN_NAME) -> str:
    """Remember `pairs` drawn pairs with features of each backbone; returns the name."""
    keys = [f"{name}-{side}-{n:07}" for side in ("l", "r") for n in range(pairs)]
    seen = {Path(f"/drawn/{key}.jpg"): DecodedImage(key, 200, 245, 1) for key in keys}
    files = list(seen)
    rows = [DraftRow(f"{n:07}", files[n], f"{n:07}", files[pairs + n]) for n in range(pairs)]
    with collection_catalog.FOLDERS.create(name) as (work, tell):
        collection_catalog.write(work, rows, seen)
        tell(
            {
                "kind": "pairs",
                "source": "drawn",
                "trim": 0,
                "paired": True,
                "rows": pairs,
                "images": 2 * pairs,
                "bytes": 2 * pairs,
                "votes": False,
                "credits": [],
                "skipped": [],
                "digest": collection_catalog.digest(rows, seen),
            }
        )
    for seed, backbone in enumerate(backbones):
        spec = registry.get(backbone)
        values = drawn_features(pairs, spec.dim, seed)
        FeatureStore().append(extraction.feature_key(spec, "fp32"), keys, list(values[:, None]))
    return name


def drawn_features(pairs: int, dim: int, seed: int = 0) -> Array:
    """(2 pairs, dim) float32, left images first; a mate is half of what its image is."""
    random = np.random.default_rng(seed)
    sides = random.standard_normal((2, pairs, dim), np.float32)
    sides[1] = 0.5 * sides[0] + sides[1]
    return sides.reshape(2 * pairs, dim)


def make(pairs: int = PAIRS) -> Collection:
    """The collection in the present cache with all its features; made where it is not there yet.

    Raises:
        BadDataError: the cache holds other collections, or a stand-in of another size.
    """
    names = collections.names()
    if not names:
        folder = draw(cache_dir.root() / "drawn", pairs)
        collections.add("pairs", folder, name=NAME)
    elif names != [NAME]:
        raise BadDataError(
            f"The cache {cache_dir.root()} holds {', '.join(names)}. Set SIMCORE_CACHE to an empty "
            "folder, so that synthetic features do not mix with real ones."
        )
    stored = collections.open_(NAME)
    if len(stored.left) != pairs:
        raise BadDataError(
            f"The cache {cache_dir.root()} holds {len(stored.left):,} synthetic pairs, not "
            f"{pairs:,}. "
            "Set SIMCORE_CACHE to another folder."
        )
    _fill(stored)
    return stored


def elsewhere(cache: Path, pairs: int = PAIRS) -> None:
    """The same in another cache, by a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.synthetic_cache", "--pairs", str(pairs)],
        check=True,
        env=os.environ | {"SIMCORE_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
    )


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
    store = FeatureStore()
    for number, backbone in enumerate(BACKBONES):
        spec = registry.get(backbone)
        place = extraction.feature_key(spec, "fp32")
        if store.missing(place, keys):
            values = mixed_features(hidden, alike, spec.dim, seed=number)
            faces = _faces(len(keys), number) if backbone == "face" else np.ones(len(keys), int)
            store.append(
                place,
                keys,
                [
                    np.repeat(row[None], n, 0) + _jitter(n, spec.dim)
                    for row, n in zip(values, faces, strict=True)
                ],
            )


def mixed_features(hidden: Array, alike: Array, dim: int, *, seed: int) -> Array:
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
        filled = make(parser.parse_args().pairs)
    except BadDataError as error:
        sys.exit(str(error))
    print(
        f"{len(filled.left):,} pairs with {len(BACKBONES)} backbones in {cache_dir.root()}, "
        f"{time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
