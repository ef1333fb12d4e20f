"""Is A better than B on the same queries? Exact McNemar test with Holm's correction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array


@dataclass(frozen=True)
class Comparison:
    """Two recipes on the same queries.

    Attributes:
        a, b: names of the recipes.
        only_a, only_b: number of queries that are hits for one and not for the other.
        p: exact two-sided McNemar test.
        p_corrected: after Holm's correction over all comparisons of the call.
    """

    a: str
    b: str
    only_a: int
    only_b: int
    p: float
    p_corrected: float


def mcnemar(a: Array, b: Array) -> tuple[int, int, float]:
    """Exact two-sided McNemar test (McNemar 1947, binomial form).

    Args:
        a, b: (Q,) bool, the hits of two recipes.

    Returns:
        hits of a alone, of b alone, p; p = 1 where they never differ.

    >>> mcnemar(np.array([1, 1, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 0, 0]))
    (6, 0, 0.03125)
    """
    from scipy.special import bdtr  # scipy.stats takes a second to import

    if a.shape != b.shape:
        raise ShapeError(f"Got hits of {a.size} and of {b.size} queries. Pass the same queries.")
    hits_a, hits_b = a.astype(bool), b.astype(bool)
    only_a, only_b = int((hits_a & ~hits_b).sum()), int((hits_b & ~hits_a).sum())
    total = only_a + only_b
    if only_a == only_b:
        return only_a, only_b, 1.0
    # With p = 0.5 the distribution is symmetric: twice the smaller tail.
    return only_a, only_b, min(1.0, 2 * float(bdtr(min(only_a, only_b), total, 0.5)))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for the number of tests (Holm 1979), in the order of `p`.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    steps = np.asarray(p, np.float64)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in corrected]


def compare(hits: Mapping[str, Array], *, against: str | None = None) -> list[Comparison]:
    """All pairs of recipes, or each against one of them.

    Args:
        hits: name of a recipe -> (Q,) bool.
        against: compare only with this one.

    >>> compare({"a": np.ones(6), "b": np.zeros(6)})
    [Comparison(a='a', b='b', only_a=6, only_b=0, p=0.03125, p_corrected=0.03125)]
    """
    names = list(hits)
    pairs = (
        [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        if against is None
        else [(against, b) for b in names if b != against]
    )
    tests = [mcnemar(hits[a], hits[b]) for a, b in pairs]
    corrected = holm([p for *_, p in tests])
    return [
        Comparison(a, b, only_a, only_b, p, p_corrected)
        for (a, b), (only_a, only_b, p), p_corrected in zip(pairs, tests, corrected, strict=True)
    ]
