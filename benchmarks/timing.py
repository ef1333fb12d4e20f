"""Taking times so that two ways can be compared on a machine that does other things as well."""

import statistics
import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]


def in_turn(ways: Mapping[str, Call], rounds: int = 5, *, warm: bool = True) -> dict[str, float]:
    """Seconds of each way, the middle of some rounds: A B A B, so that a slow moment hits both.

    Args:
        warm: call each once before, untimed.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    if warm:
        for call in ways.values():
            call()
    for _ in range(rounds):
        for name, call in ways.items():
            began = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in found.items()}


def repeat(call: Call, seconds: float = 0.5, least: int = 3) -> float:
    """Seconds of one call: the middle of as many as fit in some time, the first left out."""
    call()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < least or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
