"""The in-memory cache: values are computed once, and the least recently used are dropped."""

import threading
import time

import numpy as np
import pytest

from simcore.memory import Memory


def test_a_value_is_computed_once_for_all_threads():
    memory, calls = Memory(), []

    def compute() -> int:
        calls.append(1)
        time.sleep(0.05)
        return 7

    threads = [threading.Thread(target=lambda: memory.get("k", compute)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.get("k", compute) == 7
    assert len(calls) == 1


def test_the_least_recently_used_value_makes_room():
    memory = Memory(max_bytes=250_000)
    for name in "ab":
        memory.get(name, lambda: np.zeros(100_000, np.uint8))
    memory.get("a", lambda: pytest.fail("the value is stored"))
    memory.get("c", lambda: np.zeros(100_000, np.uint8))
    assert "a" in memory
    assert "b" not in memory


def test_a_value_larger_than_the_cache_is_returned_and_replaced_by_the_next():
    memory = Memory(max_bytes=10)
    assert memory.get("a", lambda: b"x" * 100) == b"x" * 100
    memory.get("b", lambda: b"y")
    assert len(memory) == 1


def test_a_failed_computation_is_tried_again():
    memory = Memory()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        memory.get("k", fail)
    assert memory.get("k", lambda: 3) == 3
    memory.clear()
    assert memory.get("k", lambda: 4) == 4


def test_a_computation_may_use_other_values():
    memory = Memory()
    assert memory.get("outer", lambda: memory.get("inner", lambda: 1) + 1) == 2
