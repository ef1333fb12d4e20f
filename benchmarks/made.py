"""A cache of its own with a collection of pairs in it: drawn features, no picture behind them.

Features lie where the real ones of backbones would, as wide as these are, so that every command
can be run on them; what it costs is real, what it finds means nothing.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from simcore.data.collections import catalog, stored
from simcore.data.collections.found import Row
from simcore.data.collections.reading import Seen
from simcore.data.store import Store
from simcore.models import extract, registry
from simcore.types import Array

NAME = "drawn"
GROUP = "rosenfeld2019"  # eleven representations, 15,872 numbers an image


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


def collection(pairs: int, backbones: Sequence[str], *, name: str = NAME) -> str:
    """Remember `pairs` drawn pairs with features of each backbone; returns the name."""
    keys = [f"{name}-{side}-{n:07}" for side in ("l", "r") for n in range(pairs)]
    seen = {Path(f"/drawn/{key}.jpg"): Seen(key, 200, 245, 1) for key in keys}
    files = list(seen)
    rows = [Row(f"{n:07}", files[n], f"{n:07}", files[pairs + n]) for n in range(pairs)]
    with catalog.KEPT.making(name) as (work, tell):
        stored.write(work, rows, seen)
        tell({
            "kind": "pairs", "source": "drawn", "trim": 0, "paired": True, "rows": pairs,
            "images": 2 * pairs, "bytes": 2 * pairs, "votes": False, "credits": [], "skipped": [],
            "digest": stored.digest(rows, seen),
        })  # fmt: skip
    for seed, backbone in enumerate(backbones):
        spec = registry.spec(backbone)
        values = features(pairs, spec.dim, seed)
        Store().append(extract.slot(spec, "fp32"), keys, list(values[:, None]))
    return name


def features(pairs: int, dim: int, seed: int = 0) -> Array:
    """(2 pairs, dim) float32, left images first; a mate is half of what its image is."""
    random = np.random.default_rng(seed)
    sides = random.standard_normal((2, pairs, dim), np.float32)
    sides[1] = 0.5 * sides[0] + sides[1]
    return sides.reshape(2 * pairs, dim)
