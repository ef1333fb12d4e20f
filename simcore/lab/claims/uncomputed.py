"""Data of claims that answers without computing: what a claim lacks is known at once.

A statistic asks its data for backbones, subsets and numbers, and raises what it lacks. Here the
numbers are zeros of the right shape, so that every requirement is checked in milliseconds, where
the ranks of 6,016 mates under every metric take minutes.
"""

from functools import cached_property

import numpy as np

from simcore.lab.claims import universe_pairs
from simcore.lab.claims.judgement_statistics import JudgementData
from simcore.lab.claims.universe_pairs import MateRanks, PairData
from simcore.recipe import Combination
from simcore.types import Array, Metric


class UncomputedPairs(PairData):
    """`PairData` whose mates all come first, by the same score, without near-duplicates."""

    @cached_property
    def groups(self) -> Array:
        """(Q,) each pair for itself."""
        return np.arange(self.count)

    def ranks(self, backbone: str, metric: Metric | None = None) -> MateRanks:
        """Every mate is first.

        Raises:
            BadDataError: not extracted yet.
        """
        self.identity(backbone)
        first = np.zeros(self.count, np.int64)
        return MateRanks(first, first, len(self.pairs.gallery))

    def mate_scores(self, backbone: str) -> Array:
        """(Q,) zeros."""
        self.identity(backbone)
        return np.zeros(self.count)

    def combinations(self, combine: Combination) -> Array:
        """(2^M, Q) float32 zeros, read-only.

        Raises:
            UndecidableError: fewer than two backbones, or too many.
        """
        universe_pairs.check_combinations(self.backbones)
        for name in self.backbones:
            self.identity(name)
        return np.broadcast_to(np.float32(0), (1 << len(self.backbones), self.count))


class UncomputedJudgements(JudgementData):
    """`JudgementData` without any credit."""

    def credit(self, backbone: str, metric: str = "") -> Array:
        """(T,) zeros."""
        return np.zeros(len(self.trials.vote))

    def combinations(self, combine: str) -> Array:
        """(2^M, T) float32 zeros, read-only.

        Raises:
            UndecidableError: fewer than two backbones, or too many.
        """
        universe_pairs.check_combinations(self.backbones)
        return np.broadcast_to(np.float32(0), (1 << len(self.backbones), len(self.trials.vote)))
