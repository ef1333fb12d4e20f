"""How much of the processor other programs use, which decides how far to trust a measured time.

Only Linux tells this without another package; elsewhere it is unknown.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

COUNTERS = Path("/proc/stat")
IDLE = (3, 4)  # numbers of the counters of idle time: idle, and waiting for disks
GUEST = 8  # from here on, counters repeat time that others contain
MIN_SECONDS = 0.1  # the counters advance every hundredth of a second


@dataclass(frozen=True)
class _Reading:
    """Seconds since some moment: on the clock, used by all programs, and used by this one."""

    clock: float
    everyone: float
    own: float


class ProcessorLoad:
    """Watches from its creation on."""

    def __init__(self) -> None:
        self._start = _read()

    def others(self) -> float | None:
        """Mean share of all cores that other programs have used since, 0 to 1; None if unknown."""
        start, end = self._start, _read()
        if start is None or end is None or end.clock - start.clock < MIN_SECONDS:
            return None
        seconds = (end.everyone - start.everyone) - (end.own - start.own)
        share = seconds / ((end.clock - start.clock) * (os.cpu_count() or 1))
        return min(1.0, max(0.0, share))


def others_now() -> float | None:
    """The share of all cores that other programs use during the next moment; None if unknown."""
    load = ProcessorLoad()
    time.sleep(2 * MIN_SECONDS)
    return load.others()


def _read() -> _Reading | None:
    try:
        fields = COUNTERS.read_text("ascii").partition("\n")[0].split()
        ticks = [int(text) for text in fields[1 : 1 + GUEST]]
        per_second = os.sysconf("SC_CLK_TCK")
        if len(ticks) < GUEST:
            return None
    except (OSError, ValueError, AttributeError):
        return None
    busy = sum(value for number, value in enumerate(ticks) if number not in IDLE)
    own = os.times()
    return _Reading(time.monotonic(), busy / per_second, own.user + own.system)
