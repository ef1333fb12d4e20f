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
COMMIT = 20_000  # images written at a time
CENTERS, INNER = 5_000, 64
COPIED = 200  # one in so many drawn images is nearly a copy


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


def collection(
    pairs: int, backbones: Sequence[str], *, name: str = DRAWN_NAME, paired: bool = True
) -> str:
    """Remember drawn pairs, or images without mates, with features of each backbone.

    Args:
        pairs: how many pairs; without mates how many images.
        name: of the collection. paired: whether the images have mates.

    Returns:
        The name.
    """
    sides = ("l", "r") if paired else ("l",)
    keys = [f"{name}-{side}-{n:07}" for side in sides for n in range(pairs)]
    seen = {Path(f"/drawn/{key}.jpg"): DecodedImage(key, 200, 245, 1) for key in keys}
    files = list(seen)
    rows = [DraftRow(f"{n:07}", files[n]) for n in range(pairs)]
    if paired:
        rows = [DraftRow(f"{n:07}", files[n], f"{n:07}", files[pairs + n]) for n in range(pairs)]
    with collection_catalog.FOLDERS.create(name) as (work, tell):
        collection_catalog.write(work, rows, seen)
        tell(
            {
                "kind": "pairs" if paired else "images",
                "source": "drawn",
                "trim": 0,
                "paired": paired,
                "rows": pairs,
                "images": len(keys),
                "bytes": len(keys),
                "votes": False,
                "credits": [],
                "skipped": [],
                "digest": collection_catalog.digest(rows, seen),
            }
        )
    for seed, backbone in enumerate(backbones):
        spec = registry.get(backbone)
        store, place = FeatureStore(), extraction.feature_key(spec, "fp32")
        for start in range(0, len(keys), COMMIT):
            commit = keys[start : start + COMMIT]
            numbers = np.arange(start, start + len(commit))
            values = drawn_features(numbers, pairs, spec.dim, seed)
            store.append(place, commit, list(values[:, None]))
    return name


def drawn_features(numbers: Array, pairs: int, dim: int, seed: int = 0) -> Array:
    """(n, dim) float32 of some images, clustered as pictures' features are.

    5,000 centers, normal in 64 dimensions, around each a normal cloud half as wide, laid by one
    random matrix into `dim` dimensions with a tenth of noise on top. An image and its mate are
    different points of one cloud. One in `COPIED` images is a copy of the image before it, up to
    a little noise.

    Args:
        numbers: (n,) the left images are 0 to `pairs` - 1, their mates follow.
        seed: of the backbone.
    """
    same = np.random.default_rng([1, seed])
    centers = same.standard_normal((CENTERS, INNER), np.float32)
    into = same.standard_normal((INNER, dim), np.float32) / np.sqrt(np.float32(INNER))
    rows, is_copy = np.unique(numbers - (numbers % COPIED == COPIED - 1), return_inverse=True)
    random = np.random.default_rng([2, seed, int(rows[0])])
    cluster = np.random.default_rng([3, seed]).integers(0, CENTERS, pairs)[rows % pairs]
    inner = centers[cluster] + np.float32(0.5) * random.standard_normal(
        (len(rows), INNER), np.float32
    )
    values = inner @ into + np.float32(0.1) * random.standard_normal((len(rows), dim), np.float32)
    jitter = np.float32(0.02) * random.standard_normal((len(numbers), dim), np.float32)
    return values[is_copy] + jitter * (numbers % COPIED == COPIED - 1)[:, None]


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
