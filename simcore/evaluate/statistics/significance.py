"""Is A better than B on the same queries? Exact McNemar, corrected where many are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array


@dataclass(frozen=True)
class Comparison:
    """Two recipes on the same queries.

    Attributes:
        only_a, only_b: queries that one finds and the other does not.
        p: exact two-sided McNemar. p_corrected: after Holm's correction over all comparisons made.
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
        a, b: (Q,) bool, what each finds.

    Returns:
        found by a alone, by b alone, p; p = 1 where they never differ.

    >>> mcnemar(np.array([1, 1, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 0, 0]))
    (6, 0, 0.03125)
    """
    from scipy.stats import binomtest

    if a.shape != b.shape:
        raise ShapeError(f"found {a.size} and {b.size} queries; expected the same ones")
    first, second = a.astype(bool), b.astype(bool)
    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    total = only_a + only_b
    return only_a, only_b, float(binomtest(only_a, total).pvalue) if total else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for how many there are (Holm 1979), in the order given.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    steps = np.asarray(p, np.float64)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in corrected]


def compare(found: Mapping[str, Array], *, against: str | None = None) -> list[Comparison]:
    """All pairs of recipes, or each against one of them."""
    names = list(found)
    pairs = (
        [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        if against is None
        else [(against, b) for b in names if b != against]
    )
    tested = [mcnemar(found[a], found[b]) for a, b in pairs]
    corrected = holm([p for *_, p in tested])
    return [
        Comparison(a, b, only_a, only_b, p, c)
        for (a, b), (only_a, only_b, p), c in zip(pairs, tested, corrected, strict=True)
    ]
