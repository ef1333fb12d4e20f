"""Drawn judgements for the tests of their scores."""

from pathlib import Path

import numpy as np

from simcore.data.judgements.trials import Triplets
from simcore.types import ImageSet


def random_triplets(images=9, count=40, seed=0, groups=("a", "b")):
    """`count` triplets of `images` images, whose votes are fifths; no image is read."""
    random = np.random.default_rng(seed)
    names = tuple(str(i) for i in range(images))
    shown = ImageSet(names, tuple(Path(n) for n in names), names)
    ref, left, right = random.integers(0, images, (3, count))
    vote = random.integers(0, 6, count) / 5
    return Triplets(
        shown,
        ref,
        left,
        right,
        vote,
        tuple(groups[i % len(groups)] for i in range(count)),
        np.full(count, 5),
    )
