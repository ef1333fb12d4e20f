"""Good subsets of many backbones by beam search, where all 2^M are too many.

Subsets grow by one member at a time: each of the `width` best subsets of a size is extended by
every other backbone, and the `width` best results are extended in turn. Hits are exact, as in
`subset_search`; what is not certain is that the best subset of a size is among those tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.combinations.subset_search import Blocks
from simcore.sim.combine import Term, on_grid
from simcore.types import Array, Monitor

WIDTH = 8  # subsets of each size that are extended

Members = tuple[int, ...]  # positions of backbones, in order


@dataclass(frozen=True)
class TriedSubset:
    """A subset that a beam search has scored: positions of its members, and its hits at 1."""

    members: Members
    hits: int


@dataclass(frozen=True, eq=False)
class _Sum:
    """A sum over some backbones for a block of queries.

    Attributes:
        total: (b, G) float64.
        evidence: (b, G) bool, whether any member has evidence; None for everywhere.
    """

    total: Array
    evidence: Array | None

    def plus(self, other: "_Sum") -> "_Sum":
        if self.evidence is None or other.evidence is None:
            return _Sum(self.total + other.total, None)
        return _Sum(self.total + other.total, self.evidence | other.evidence)

    def hits(self, mates: Array) -> int:
        """How many queries find their mate alone in front."""
        rows = np.arange(len(mates))
        total = (
            self.total if self.evidence is None else np.where(self.evidence, self.total, -np.inf)
        )
        mate = total[rows, mates]
        ahead = (total >= mate[:, None]).sum(axis=1)  # counts the mate itself, too
        return int(((ahead == 1) & (mate > -np.inf)).sum())


def search(
    blocks: Callable[[], Blocks],
    target: Array,
    terms: Sequence[Term],
    *,
    width: int = WIDTH,
    monitor: Monitor = Monitor(),
) -> list[list[TriedSubset]]:
    """The subsets tried of each size from 1 to M, most hits first.

    Args:
        blocks: gives the rows of the M similarity matrices, from the start at each call.
        target: (Q,) column of each query's mate.
        terms: M of them, from `simcore.sim.combine.terms`.
        width: how many subsets of each size are extended.

    Raises:
        Stopped: the monitor asked to stop.
    """
    count = len(terms)
    levels: list[list[TriedSubset]] = []
    parents: list[Members] = [()]
    for size in range(1, count + 1):
        candidates = sorted(
            {tuple(sorted((*p, k))) for p in parents for k in range(count) if k not in p}
        )
        hits = _count_hits(blocks(), target, terms, candidates, monitor)
        tried = [TriedSubset(*pair) for pair in zip(candidates, hits, strict=True)]
        tried.sort(key=lambda subset: (-subset.hits, subset.members))
        levels.append(tried)
        parents = [subset.members for subset in tried[:width]]
        monitor.report("beam search", size, count)
    return levels


def _count_hits(
    blocks: Blocks,
    target: Array,
    terms: Sequence[Term],
    candidates: Sequence[Members],
    monitor: Monitor,
) -> list[int]:
    """Hits of each candidate, in one pass over the matrices.

    Candidates come sorted, so that most begin as their predecessor does and share its sums.
    """
    hits = [0] * len(candidates)
    for start, matrices in blocks:
        monitor.check()
        mates = target[start : start + len(matrices[0])]
        steps = [_step(values, term) for values, term in zip(matrices, terms, strict=True)]
        prefixes: list[tuple[int, _Sum]] = []  # the sums over the first 1, 2, ... members
        for number, members in enumerate(candidates):
            common = 0
            while common < min(len(prefixes), len(members)) and (
                prefixes[common][0] == members[common]
            ):
                common += 1
            del prefixes[common:]
            for member in members[common:]:
                step = steps[member]
                prefixes.append((member, prefixes[-1][1].plus(step) if prefixes else step))
            hits[number] += prefixes[-1][1].hits(mates)
    return hits


def _step(values: Array, term: Term) -> _Sum:
    evidence = ~np.isnan(values)
    return _Sum(on_grid(values, term), None if evidence.all() else evidence)
