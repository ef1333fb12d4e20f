"""Asymmetric recall: a pair is a hit when either image finds the other.

Source: risser-maroux2021, 4.3. Human similarity has a direction that pairs do not record, so the
better of the two directions counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError, check_whole_number
from simcore.sim.rank import mate_ranks
from simcore.types import JSON, Array

KS = (1, 5, 20)


def ranks_of(values: Array) -> Array:
    """The better of the two ranks of each pair, 1 at best; ties are ahead of the mate.

    Args:
        values: (N, N) similarity, mates on the diagonal; NaN = no evidence.

    Returns:
        (N,) int64 from 1; N + 1 where neither direction has evidence.

    Raises:
        ShapeError: the matrix is not square.

    >>> ranks_of(np.array([[0.5, 0.9], [0.4, 0.8]])).tolist()
    [1, 1]
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ShapeError(
            f"Asymmetric recall needs a square similarity matrix, got shape {values.shape}."
        )
    mates = np.arange(len(values))
    return np.minimum(mate_ranks(values, mates), mate_ranks(np.ascontiguousarray(values.T), mates))


def curve(ranks: Array) -> Array:
    """(N,) float64: recall at every k from 1 to N, from (N,) ranks.

    >>> curve(np.array([1, 3, 1])).tolist()
    [0.6666666666666666, 0.6666666666666666, 1.0]
    """
    counts = np.bincount(ranks, minlength=ranks.size + 1)[1 : ranks.size + 1]
    share: Array = np.cumsum(counts) / max(ranks.size, 1)
    return share


@dataclass(frozen=True, eq=False)
class RecallOverRuns:
    """Asymmetric recall over R runs, each with its own test pairs.

    Attributes:
        mean: (K,) at every k from 1 to the size of the test gallery.
        deviation: (K,) standard deviation over the runs, 0 for one run; the paper draws two.
        runs: (R, K) curves.
    """

    mean: Array
    deviation: Array
    runs: Array

    def at(self, k: int) -> tuple[float, float]:
        """Mean and deviation of aR@k; a k above N counts as N, the size of the gallery.

        Raises:
            BadDataError: k is no whole number, or below 1.
        """
        check_whole_number("k", k)
        column = min(k, self.mean.size) - 1
        return float(self.mean[column]), float(self.deviation[column])

    def to_dict(self, ks: Sequence[int] = KS) -> JSON:
        """Mean and deviation at each k ("aR"), the curves, and aR@1 of each run."""
        recall = {str(k): dict(zip(("mean", "deviation"), self.at(k), strict=True)) for k in ks}
        return {
            "aR": recall,
            "curve": self.mean.tolist(),
            "curve_deviation": self.deviation.tolist(),
            "runs_aR1": self.runs[:, 0].tolist(),
        }


def over_runs(ranks: Sequence[Array]) -> RecallOverRuns:
    """Mean and deviation of the curves of several runs.

    Args:
        ranks: R arrays (N_r,); the smallest gallery limits the curve.

    >>> over_runs([np.array([1, 2]), np.array([1, 1])]).at(1)[0]
    0.75
    """
    length = min(run.size for run in ranks)
    runs = np.stack([curve(run)[:length] for run in ranks])
    deviation = runs.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(length)
    return RecallOverRuns(runs.mean(axis=0), deviation, runs)
