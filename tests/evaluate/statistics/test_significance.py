"""McNemar and Holm against the binomial law."""

import numpy as np
import pytest
from scipy import stats

from simcore.errors import ShapeError
from simcore.evaluate.statistics import significance


def test_mcnemar_and_holm():
    random = np.random.default_rng(2)
    a, b = random.random(200) < 0.5, random.random(200) < 0.4
    only_a, only_b, p = significance.mcnemar(a, b)
    assert (only_a, only_b) == ((a & ~b).sum(), (b & ~a).sum())
    fewer = min(only_a, only_b)
    assert p == pytest.approx(min(1, 2 * stats.binom.cdf(fewer, only_a + only_b, 0.5)))
    assert significance.mcnemar(a, a) == (0, 0, 1.0)
    rows = significance.compare({"a": a, "b": b, "c": a})
    assert [(r.a, r.b) for r in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(row.p_corrected >= row.p for row in rows)
    assert [(r.a, r.b) for r in significance.compare({"a": a, "b": b}, against="b")] == [("b", "a")]


@pytest.mark.parametrize("queries", [3, 5])
def test_hits_of_other_queries_are_refused(queries):
    with pytest.raises(ShapeError, match=f"{queries} and of 4 queries"):
        significance.mcnemar(np.zeros(queries), np.zeros(4))
