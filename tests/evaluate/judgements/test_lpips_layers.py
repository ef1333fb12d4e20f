"""Single LPIPS layers against their sum."""

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.judgements import lpips_layers
from tests.evaluate.judgements.conftest import random_triplets


def test_layers_table_takes_the_best_layer_of_each_group():
    some = random_triplets(count=60)
    is_a = np.array([g == "a" for g in some.group])
    truth = some.vote - 0.5
    zero = np.zeros(60)
    first = (zero, np.where(is_a, truth, -truth))
    second = (zero, np.where(is_a, -truth, truth))
    rows = lpips_layers.best_layers(
        {"net": [first, second]}, {"net": (zero, zero)}, {"net": first}, some
    )
    assert [(r.group, r.layer) for r in rows] == [("a", 0), ("b", 1)]
    for row in rows:
        assert row.calibrated.value == 0.5
        assert row.delta == pytest.approx(0.5 - row.score.value)
    with pytest.raises(BadDataError):
        lpips_layers.best_layers({"net": []}, {}, {}, some)
