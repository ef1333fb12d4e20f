"""Two similarities on the same trials: what one earns more, with its interval."""

import numpy as np

from simcore.errors import ShapeError
from simcore.evaluate.bootstrap import DRAWS
from simcore.types import Array, Score


def difference(
    before: Array, after: Array, group: Array, cluster: Array, *, seed: int = 0
) -> Score:
    """How much more `after` earns than `before`, each group of trials counting alike.

    Trials that share pictures are not independent, so the bootstrap draws whole clusters of them,
    and both similarities together.

    Args:
        before, after: (T,) what each earns a trial.
        group: (T,) kind of each trial. cluster: (T,) which of them hang together.

    Returns:
        Score with the mean of the groups' mean differences, a 95 % interval, and the differences.

    Raises:
        ShapeError: lengths differ, or no trial.

    >>> ones = np.ones(4)
    >>> found = difference(0 * ones, ones, np.zeros(4), np.arange(4))
    >>> found.value, found.low, found.high
    (1.0, 1.0, 1.0)
    """
    if not before.shape == after.shape == group.shape == cluster.shape or not before.size:
        raise ShapeError(
            f"found {before.size} and {after.size} trials of {group.size} groups and "
            f"{cluster.size} clusters; expected the same ones, and at least one"
        )
    more = after.astype(np.float64) - before
    (kinds, kind), (names, place) = (np.unique(v, return_inverse=True) for v in (group, cluster))
    cell = place * kinds.size + kind
    shape = names.size, kinds.size
    earned = np.bincount(cell, more, names.size * kinds.size).reshape(shape)
    count = np.bincount(cell, minlength=names.size * kinds.size).reshape(shape)
    value = float((earned.sum(0) / count.sum(0)).mean())
    random = np.random.default_rng(seed)
    drawn = random.multinomial(names.size, np.full(names.size, 1 / names.size), size=DRAWS)
    trials = drawn @ count
    there = trials > 0  # a draw may hold no cluster with trials of a group
    means = np.where(there, drawn @ earned, 0) / np.maximum(trials, 1)
    low, high = np.quantile(means.sum(1) / there.sum(1), [0.025, 0.975])
    return Score("difference", value, min(float(low), value), max(float(high), value), more)
