"""Images per forward pass: the fastest measured size, and running out of memory."""

import numpy as np
import pytest

from simcore.models.extract.batch_sizes import PASSES, BatchSize


def run(choice: BatchSize, seconds, passes=40):
    """Sizes of the passes, where a pass of B images takes `seconds(B)`."""
    used = []
    for _ in range(passes):
        used.append(choice.current)
        choice.record(choice.current, seconds(choice.current))
    return used


@pytest.mark.parametrize("fastest", [4, 8, 16, 32])
def test_the_fastest_size_is_kept(fastest):
    used = run(BatchSize((4, 8, 16, 32)), lambda size: size * (1 + abs(np.log2(size / fastest))))
    assert set(used[12:]) == {fastest}
    assert used[: 2 * PASSES] == [4] * PASSES + [8] * PASSES


def test_larger_sizes_are_not_tried_once_they_are_slower():
    used = run(BatchSize((4, 8, 16, 32)), lambda size: size * size)
    assert set(used) == {4, 8}
    assert used[-1] == 4


def test_the_first_pass_of_a_size_is_not_counted():
    warm = set()

    def seconds(size):
        cost = 10.0 / size + (100 if size not in warm else 0)
        warm.add(size)
        return cost * size

    assert run(BatchSize((4, 8)), seconds)[-1] == 8


def test_passes_of_other_sizes_say_nothing():
    choice = BatchSize((4, 8))
    for _ in range(20):
        choice.record(3, 1e-9)
    assert choice.current == 4


def test_a_fixed_size_stays():
    assert set(run(BatchSize((16,)), lambda size: 1.0)) == {16}


def test_after_running_out_of_memory_only_smaller_sizes_are_used():
    choice = BatchSize((64, 128, 256, 512))
    run(choice, lambda size: size / (1 + size), passes=2 * PASSES)
    assert choice.current == 256
    choice.shrink()
    assert set(run(choice, lambda size: 1.0)) == {128}
    alone = BatchSize((16,))
    for expected in (8, 4, 2, 1, 1):
        alone.shrink()
        assert alone.current == expected
