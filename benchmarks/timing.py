"""Timing that compares alternatives on a machine that does other work as well."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

Call = Callable[[], object]


def in_turn(
    calls: Mapping[str, Call],
    rounds: int = 5,
    *,
    warm: bool = True,
    clock: Callable[[], float] = time.perf_counter,
    summary: Callable[[Sequence[float]], float] = statistics.median,
) -> dict[str, float]:
    """Seconds of each call, in the order A B A B, so that a slow moment affects all of them.

    Args:
        warm: call each once before, untimed.
        clock: `time.process_time` for CPU seconds.
        summary: of the rounds, by default the median.
    """
    if warm:
        for call in calls.values():
            call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = clock()
            call()
            seconds[name].append(clock() - began)
    return {name: summary(times) for name, times in seconds.items()}


def repeat(call: Call, seconds: float = 0.5, least: int = 3) -> float:
    """Median seconds of one call, over as many calls as fit into some time, the first left out."""
    call()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < least or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
