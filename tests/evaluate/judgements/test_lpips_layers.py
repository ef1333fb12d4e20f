"""Single LPIPS layers against their sum."""

from pathlib import Path

import numpy as np
import pytest

from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError
from simcore.evaluate.judgements import lpips_layers
from simcore.types import ImageSet


def asked(images=9, count=40, seed=0, groups=("a", "b")):
    random = np.random.default_rng(seed)
    names = tuple(str(i) for i in range(images))
    shown = ImageSet(names, tuple(Path(n) for n in names), names)
    ref, left, right = random.integers(0, images, (3, count))
    vote = random.integers(0, 6, count) / 5
    return Triplets(
        shown,
        ref,
        left,
        right,
        vote,
        tuple(groups[i % len(groups)] for i in range(count)),
        np.full(count, 5),
    )


def test_layers_table_takes_the_best_layer_of_each_group():
    some = asked(count=60)
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
