"""Asymmetric recall: a pair counts as found when either image finds the other.

Source: risser-maroux2021, 4.3. People's likeness has a direction that pairs do not record, so the
optimistic of the two directions counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.sim.rank import mate_ranks
from simcore.types import Array

KS = (1, 5, 20)


def ranks_of(values: Array) -> Array:
    """(N,) int64: the better of the two ranks of each pair, 1 at best; ties are ahead of the mate.

    Args:
        values: (N, N) similarity, mates on the diagonal; NaN = no evidence.

    Raises:
        ShapeError: it is not square.
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ShapeError(f"found similarities of shape {values.shape}; expected as many each side")
    mates = np.arange(len(values))
    return np.minimum(mate_ranks(values, mates), mate_ranks(np.ascontiguousarray(values.T), mates))


def curve(found: Array) -> Array:
    """(N,) float64: share of the pairs found at every k from 1 to N.

    >>> curve(np.array([1, 3, 1])).tolist()
    [0.6666666666666666, 0.6666666666666666, 1.0]
    """
    counts = np.bincount(found, minlength=found.size + 1)[1:]
    share: Array = np.cumsum(counts) / max(found.size, 1)
    return share


@dataclass(frozen=True, eq=False)
class RecallOverRuns:
    """Asymmetric recall over several runs, each with its own test pairs.

    Attributes:
        mean, deviation: (K,) at every k from 1 to the size of the test gallery; the deviation is
            that of the runs (one run: 0), and two of them are what the paper draws.
        runs: (R, K) curves.
    """

    mean: Array
    deviation: Array
    runs: Array

    def at(self, k: int) -> tuple[float, float]:
        """(mean, deviation) of aR@k; a gallery smaller than k is found whole."""
        place = min(k, self.mean.size) - 1
        return float(self.mean[place]), float(self.deviation[place])

    def to_dict(self, ks: Sequence[int] = KS) -> dict:
        """{"1": {"mean", "deviation"}, ...} and the whole curve."""
        table = {str(k): dict(zip(("mean", "deviation"), self.at(k), strict=True)) for k in ks}
        return {
            "aR": table,
            "curve": self.mean.tolist(),
            "curve_deviation": self.deviation.tolist(),
            "runs_aR1": self.runs[:, 0].tolist(),
        }


def over_runs(found: Sequence[Array]) -> RecallOverRuns:
    """Mean and deviation of the curves of several runs.

    Args:
        found: (N_r,) ranks of each run; the shortest gallery sets how far the curve goes.
    """
    shortest = min(one.size for one in found)
    runs = np.stack([curve(one)[:shortest] for one in found])
    deviation = runs.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(shortest)
    return RecallOverRuns(runs.mean(axis=0), deviation, runs)
