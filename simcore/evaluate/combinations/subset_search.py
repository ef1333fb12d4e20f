"""Recall at 1 of every non-empty subset of backbones, exactly (rosenfeld2019, section 4.4).

A subset S finds query i when no other image j reaches the mate t:

    sum over k in S of (v_k[i, j] - v_k[i, t]) < 0   for every j != t

where v is the similarity itself (Eq. 4) or the standardized one (Eq. 5); what it is without
evidence is part of the `Term` of each backbone. An image about which no member of S has evidence is
no rival, and a mate about which no member has evidence is not found. A tie is never a hit.

Each query is searched in three steps:

1. A few strong rivals (the best of each backbone, of all together) are compared with all subsets at
   once: the 2^M sums of one rival take one addition each. That settles most queries: no hit.
2. While subsets are left, the best rival of one of them is computed. If it reaches the mate it is
   compared with all subsets, otherwise that subset is a hit.
3. Where many are left, the tree of subsets is walked, deciding backbone after backbone, the most
   decisive first. A rival is dropped below a node where it stays behind the mate even with all its
   favorable backbones still to come; a node is dropped where a rival reaches the mate even with all
   its unfavorable ones; and where no rival is left, all subsets below are hits.

Values are rounded to multiples of 2^-40, so that sums of float64 are exact in any order: the counts
equal those of the plainest code, ties included.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.sim.combine import GRID, PLAIN, Term
from simcore.types import Array

MAX_BACKBONES = 16  # 2^16 subsets
COUNTED_ROWS = 255  # at a time, so that their sum fits into a byte
STACK_BYTES = 64 << 20  # similarities that are copied side by side
# (first row, M similarities (b, G) float32 of the next b queries, NaN = no evidence)
Blocks = Iterable[tuple[int, Sequence[Array]]]


@dataclass(frozen=True, eq=False)
class SubsetHits:
    """Which queries each subset of M backbones finds first.

    Attributes:
        models: (M,) names; bit k of a mask stands for models[k].
        packed: (Q, 2^M / 8) uint8, bit `mask` of a row says whether that subset finds the query.
    """

    models: tuple[str, ...]
    packed: Array

    @cached_property
    def counts(self) -> Array:
        """(2^M,) int64 hits of every subset by its mask; the empty one has none. Read-only."""
        counts = self.count(np.arange(len(self.packed)))
        counts.flags.writeable = False
        return counts

    def count(self, rows: Array) -> Array:
        """(2^M,) int64 hits among the queries at (n,) `rows`."""
        total = np.zeros(1 << len(self.models), np.int64)
        for start in range(0, len(rows), COUNTED_ROWS):
            part = self.packed[rows[start : start + COUNTED_ROWS]]
            bits = np.unpackbits(part, axis=1, count=total.size, bitorder="little")
            total += bits.sum(axis=0, dtype=np.uint8)
        return total

    def hits_of(self, mask: int) -> Array:
        """(Q,) bool, which queries one subset finds."""
        bits: Array = (self.packed[:, mask >> 3] >> (mask & 7) & 1).astype(bool)
        return bits

    def restricted(self, models: Sequence[str]) -> "SubsetHits":
        """The hits of the subsets of some of the backbones: which queries a subset finds does not
        depend on backbones that are not in it.

        >>> hits = SubsetHits(("a", "b"), np.array([[0b1010]], np.uint8))  # {a} and {a, b} find it
        >>> hits.restricted(["a"]).counts.tolist(), hits.restricted(["b"]).counts.tolist()
        ([0, 1], [0, 0])
        """
        bits = [1 << self.models.index(name) for name in models]
        masks = np.zeros(1, np.int64)
        for bit in bits:
            masks = np.concatenate([masks, masks | bit])
        packed = np.empty((len(self.packed), (len(masks) + 7) // 8), np.uint8)
        for start in range(0, len(packed), 256):
            part = self.packed[start : start + 256]
            hits = np.unpackbits(part, axis=1, bitorder="little")[:, masks]
            packed[start : start + 256] = np.packbits(hits, axis=1, bitorder="little")
        return SubsetHits(tuple(models), packed)

    def mask(self, names: Iterable[str]) -> int:
        """The mask of a subset by its names.

        >>> SubsetHits(("a", "b", "c"), np.zeros((0, 1), np.uint8)).mask(["c", "a"])
        5
        """
        return sum(1 << self.models.index(name) for name in names)

    def names(self, mask: int) -> tuple[str, ...]:
        """The members of a subset."""
        return tuple(name for k, name in enumerate(self.models) if mask >> k & 1)


def search(
    models: Sequence[str],
    blocks: Blocks,
    target: Array,
    *,
    terms: Sequence[Term] | None = None,
) -> SubsetHits:
    """The hits of all subsets.

    Args:
        models: (M,) names, 1 to 16 of them.
        blocks: rows of the M similarity matrices, a few hundred queries at a time.
        target: (Q,) column of each query's mate.
        terms: M of them, from `simcore.sim.combine.terms`; None for plain sums of similarities
            that are all known.

    Raises:
        BadDataError: more than 16 backbones.
        ShapeError: shapes do not fit.
    """
    return search_each(models, blocks, target, terms_of_each=[terms or [PLAIN] * len(models)])[0]


def search_each(
    models: Sequence[str],
    blocks: Blocks,
    target: Array,
    *,
    terms_of_each: Sequence[Sequence[Term]],
) -> list[SubsetHits]:
    """`search` for several kinds of sum in one pass over the matrices, which cost most."""
    # numba takes long to import, and is needed for this search only.
    from simcore.evaluate.combinations import subset_kernel

    if not 1 <= len(models) <= MAX_BACKBONES:
        raise BadDataError(
            f"The subset search takes 1 to {MAX_BACKBONES} backbones, got {len(models)}. "
            "Each one doubles the work."
        )
    for terms in terms_of_each:
        if len(terms) != len(models):
            raise ShapeError(f"Got {len(terms)} terms for {len(models)} backbones.")
    steps = [
        np.array([(term.shift, term.gain, term.fill) for term in terms], np.float64)
        for terms in terms_of_each
    ]
    size = 1 << len(models)
    packed = [np.zeros((len(target), (size + 7) // 8), np.uint8) for _ in steps]
    for start, matrices in blocks:
        if len(matrices) != len(models) or len({values.shape for values in matrices}) != 1:
            shapes = [values.shape for values in matrices]
            raise ShapeError(
                f"Got similarities of shapes {shapes}. Pass {len(models)} of the same shape."
            )
        for first, count, stacked in _stacks(matrices):
            rows = slice(start + first, start + first + count)
            for step, out in zip(steps, packed, strict=True):
                hits = np.zeros((count, size), np.bool_)
                subset_kernel.search_rows(stacked, target[rows], step, GRID, hits)
                out[rows] = np.packbits(hits, axis=1, bitorder="little")
    return [SubsetHits(tuple(models), bits) for bits in packed]


def compile_kernel() -> None:
    """Compile what `search` runs, which takes seconds on a machine that never did."""
    search(["a"], [(0, [np.zeros((1, 2), np.float32)])], np.zeros(1, np.int64))


def zip_streams(streams: Sequence[Iterator[tuple[int, Array]]]) -> Blocks:
    """M streams of (first row, (b, G)) as one stream of (first row, M matrices)."""
    for parts in zip(*streams, strict=True):
        yield parts[0][0], [values for _, values in parts]


def _stacks(matrices: Sequence[Array]) -> Iterator[tuple[int, int, Array]]:
    """(first row, b rows, (M, B, G) float32 whose first b rows count), all in the same memory.

    The copy costs less than the import of numba's typed lists, and one array is compiled once for
    any number of backbones.
    """
    rows, columns = matrices[0].shape
    step = max(1, min(rows, STACK_BYTES // max(4 * len(matrices) * columns, 1)))
    buffer = np.empty((len(matrices), step, columns), np.float32)
    for first in range(0, rows, step):
        count = min(step, rows - first)
        for k, values in enumerate(matrices):
            buffer[k, :count] = values[first : first + count]
        yield first, count, buffer
