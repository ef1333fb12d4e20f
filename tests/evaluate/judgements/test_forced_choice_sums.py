"""Forced choices of backbones and their best sum, against plain loops."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.judgements import forced_choice_sums

FEW_VALUES = st.sampled_from([-2.0, -1.0, 0.0, 0.5, np.nan])  # ties and gaps are likely


def loop_choice(values, mate):
    """One question, as one would say it."""
    known = [n for n, value in enumerate(values) if value == value]
    if not known:
        return -1
    top = max(values[n] for n in known)
    best = [n for n in known if values[n] == top]
    others = [n for n in best if n != mate]
    return best[0] if len(best) == 1 else others[0]


@given(
    hnp.arrays(np.float64, (5, 4), elements=FEW_VALUES), st.lists(st.integers(-1, 3), min_size=5)
)
def test_choices_are_those_of_a_loop(values, mates):
    mate = np.array(mates[:5])
    expected = [loop_choice(row, m) for row, m in zip(values.tolist(), mates[:5], strict=True)]
    assert forced_choice_sums.choices(values, mate).tolist() == expected


def test_a_constant_score_is_never_right():
    chosen = forced_choice_sums.choices(np.zeros((4, 4)), np.arange(4))
    assert (chosen != np.arange(4)).all()


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(np.float64, (4, 6, 3), elements=FEW_VALUES),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
)
def test_the_best_sum_is_that_of_brute_force(values, mates):
    known = ~np.isnan(values)
    summands = np.where(known, values, 0.0)
    everything = chain.from_iterable(combinations(range(4), size) for size in (2, 3, 4))

    def hits(members):
        count = 0
        for question, mate in enumerate(mates):
            row = []
            for option in range(3):
                if any(known[k][question][option] for k in members):
                    row.append(sum(summands[k][question][option] for k in members))
                else:
                    row.append(np.nan)
            count += loop_choice(row, mate) == mate
        return count

    best = forced_choice_sums.best_sum(summands, known, np.array(mates))
    assert best == max(everything, key=hits)  # the first of equal ones


def test_arguments_are_checked():
    mate = np.zeros(2, np.int64)
    one = np.zeros((1, 2, 3))
    with pytest.raises(ShapeError, match="two or more"):
        forced_choice_sums.best_sum(one, one > 0, mate)
    many = np.zeros((13, 2, 3))
    with pytest.raises(BadDataError, match="up to 12"):
        forced_choice_sums.best_sum(many, many > 0, mate)
