"""Recall at 1 of every non-empty subset of backbones, exactly (rosenfeld2019, section 4.4).

A subset S finds query i when no other image j reaches the mate t:

    sum over k in S of (v_k[i, j] - v_k[i, t]) < 0   for every j != t

where v is the similarity itself (Eq. 4) or the normalised one (Eq. 5), and 0 where there is no
evidence. An image about which no member of S knows anything is no rival, and a mate about which
nothing is known is not found. A tie is never a hit.

How it is made fast, row by row:

1. A few strong rivals (the best of each backbone, of all together) are held against all subsets at
   once: the 2^M sums of one rival take one addition each. That settles most rows: nothing is found.
2. While subsets are left, the best rival of one of them is looked for. If it reaches the mate it is
   held against all subsets, else that subset is a hit.
3. Where many are left, the tree of subsets is walked, deciding backbone after backbone, the most
   telling first. A rival drops out below a node where even all its good sides still to come leave
   it behind the mate; a node falls where a rival reaches the mate with all its bad sides counted;
   and where no rival is left, all that remains is a hit.

Values are rounded to multiples of 2^-40, so that sums of float64 are exact, whatever their order:
the counts equal those of the plainest code, ties included.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.sim.combine import GRID, Moments
from simcore.types import Array

MOST = 16  # backbones; 2^16 subsets
# (first row, M similarities (b, G) float32 of the next b queries, NaN = no evidence)
Blocks = Iterable[tuple[int, Sequence[Array]]]
# One of numba's ways to run threads ends the whole process when two searches overlap.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, eq=False)
class SubsetHits:
    """Which queries each subset of M backbones finds first.

    Attributes:
        models: (M,) names; bit k of a mask stands for models[k].
        packed: (Q, 2^M / 8) uint8, bit `mask` of a row says whether that subset finds the query.
    """

    models: tuple[str, ...]
    packed: Array

    @property
    def counts(self) -> Array:
        """(2^M,) int64 hits of every subset by its mask; the empty one finds nothing."""
        return self.count(np.arange(len(self.packed)))

    def count(self, rows: Array) -> Array:
        """(2^M,) int64 hits among some of the queries."""
        total = np.zeros(1 << len(self.models), np.int64)
        for start in range(0, len(rows), 256):
            part = self.packed[rows[start : start + 256]]
            bits = np.unpackbits(part, axis=1, count=total.size, bitorder="little")
            total += bits.sum(axis=0, dtype=np.int64)
        return total

    def of(self, mask: int) -> Array:
        """(Q,) bool, which queries one subset finds."""
        found: Array = (self.packed[:, mask >> 3] >> (mask & 7) & 1).astype(bool)
        return found

    def mask(self, names: Iterable[str]) -> int:
        """The mask of a subset by its names."""
        return sum(1 << self.models.index(name) for name in names)

    def names(self, mask: int) -> tuple[str, ...]:
        """The members of a subset."""
        return tuple(name for k, name in enumerate(self.models) if mask >> k & 1)


def search(
    models: Sequence[str],
    blocks: Blocks,
    target: Array,
    *,
    scale: Sequence[Moments] | None = None,
) -> SubsetHits:
    """All subsets at once.

    Args:
        models: (M,) names, 1 to 16 of them.
        blocks: rows of the M similarity matrices, a few hundred queries at a time.
        target: (Q,) column of each query's mate.
        scale: moments of each full matrix for the normalised sum; None for the plain sum. A matrix
            without spread says nothing.

    Raises:
        BadDataError: more than 16 backbones. ShapeError: shapes do not fit.
    """
    return searches(models, blocks, target, scales=[scale])[0]


def searches(
    models: Sequence[str],
    blocks: Blocks,
    target: Array,
    *,
    scales: Sequence[Sequence[Moments] | None],
) -> list[SubsetHits]:
    """`search` under several scales in one pass over the matrices, which cost the most to make."""
    if not 1 <= len(models) <= MOST:
        raise BadDataError(
            f"found {len(models)} backbones; expected 1 to {MOST}, since every one doubles the work"
        )
    for scale in scales:
        if scale is not None and len(scale) != len(models):
            raise ShapeError(f"found {len(scale)} moments for {len(models)} backbones")
    steps = [
        np.array(
            [(0.0, 1.0)] * len(models) if scale is None else [m.shift_and_gain for m in scale]
        ).T.copy()
        for scale in scales
    ]
    size = 1 << len(models)
    packed = [np.zeros((len(target), (size + 7) // 8), np.uint8) for _ in scales]
    kernel = _kernel()
    for start, matrices in blocks:
        if len(matrices) != len(models) or len({values.shape for values in matrices}) != 1:
            shapes = [values.shape for values in matrices]
            raise ShapeError(f"found similarities of shapes {shapes}; expected {len(models)} alike")
        rows = slice(start, start + len(matrices[0]))
        typed = _typed(matrices)
        for (mean, gain), into in zip(steps, packed, strict=True):
            hits = np.zeros((len(matrices[0]), size), np.bool_)
            with _ONE_AT_A_TIME:
                kernel(typed, target[rows], mean, gain, GRID, hits)
            into[rows] = np.packbits(hits, axis=1, bitorder="little")
    return [SubsetHits(tuple(models), found) for found in packed]


def together(streams: Sequence[Iterator[tuple[int, Array]]]) -> Blocks:
    """M streams of (first row, (b, G)) as one of (first row, M matrices)."""
    for parts in zip(*streams, strict=True):
        yield parts[0][0], [values for _, values in parts]


def _typed(matrices: Sequence[Array]) -> Any:
    from numba.typed import List

    # Where a matrix is contiguous float32 already, nothing is copied.
    return List([np.ascontiguousarray(values, np.float32) for values in matrices])


@lru_cache(maxsize=1)
def _kernel() -> Any:
    from simcore.evaluate.combinations import subset_kernel

    return subset_kernel.search_rows
