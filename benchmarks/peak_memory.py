"""Memory at its peak: evaluations of 6,016 pairs under eleven representations, as commands.

    python -m benchmarks.peak_memory

Each command runs in a process of its own on a drawn collection; the peak resident size that the
system recorded is reported.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks import synthetic_cache
from benchmarks.results_table import Line, aim, show, skipped
from simcore.models import registry

PAIRS = 6_016
AIM = aim("peak_memory.gigabytes")
COMMANDS = {
    "recall, and their z-sum": ("recall", "--combine", "zsum"),
    "all 2,047 combinations": ("subsets",),
}


def peak(args: Sequence[str]) -> float:
    """GB that a command of simcore held at most.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "simcore", *args, "--json"]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(worker.pid, 0)
    worker.returncode = os.waitstatus_to_exitcode(status)
    assert worker.stderr is not None
    stderr = worker.stderr.read().decode(errors="replace")
    worker.stderr.close()
    if worker.returncode:
        raise RuntimeError(stderr.strip()[-200:])
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e9


def lines(quick: bool = False) -> list[Line]:
    """Each of the commands."""
    if not hasattr(os, "wait4"):
        return [skipped("memory at its peak", "this system does not count it", AIM)]
    models = registry.names(synthetic_cache.GROUP)[: 2 if quick else None]
    pairs = 100 if quick else PAIRS
    results = []
    with synthetic_cache.cache():
        name = synthetic_cache.collection(pairs, models)
        for words, (verb, *more) in COMMANDS.items():
            held = peak(["evaluate", verb, name, "--models", ",".join(models), *more])
            part = f"peak memory, {words}: {pairs:,} pairs, {len(models)} representations"
            results.append(Line(part, held, "GB", aim=AIM))
    return results


if __name__ == "__main__":
    show(lines())
