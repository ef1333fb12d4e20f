"""Ray interrupted, on a cluster on this machine; without Ray, a note says so."""

import subprocess
import sys
from collections.abc import Generator
from importlib.util import find_spec

from tests.reliability.programme import Attempt, Work, part


@part("Ray: killed workers and drivers", seconds=100)
def ray(work: Work) -> Generator[Attempt, None, None]:
    """Nothing is half visible, and the run, or the next one, completes every row once."""
    if find_spec("ray") is None or find_spec("lance") is None:
        work.notes.append("not tried, Ray is not installed")
        return
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-m"]
    command += ["slow", "tests/models/extract/test_ray.py", "-k", "killed", "--tb=line"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    for line in ("worker", "driver"):
        failed = [row for row in done.stdout.splitlines() if row.startswith("FAILED")]
        fault = "; ".join(row for row in failed if line in row)
        if done.returncode and not failed:
            fault = done.stdout.strip()[-200:] or done.stderr.strip()[-200:]
        yield Attempt(f"killed {line}", fault)
