"""`pytest --cpu-times N`: the test files and the tests that take most CPU seconds.

Seconds on the clock say little on a machine that does something else. These are of the worker and
of the processes that a test started and waited for. A browser and a server of several tests count
for the test that ends them.
"""

from collections import Counter
from collections.abc import Generator
from os import times

import pytest
from _pytest.terminal import TerminalReporter


def cpu_seconds() -> float:
    """User and system time of this process and of its ended children."""
    return sum(times()[:4])


class CpuTimes:
    """Measures every phase of every test in its worker, and adds them up per file."""

    def __init__(self, count: int) -> None:
        self.count, self.mark = count, 0.0
        self.files: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self.mark = cpu_seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        now = cpu_seconds()
        report.user_properties.append(("cpu", now - self.mark))
        self.mark = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        seconds = dict(report.user_properties).get("cpu", 0.0)
        self.files[report.nodeid.partition("::")[0]] += seconds
        self.tests[f"{report.when:8} {report.nodeid}"] += seconds

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        terminalreporter.section(f"{sum(self.files.values()):.0f} CPU seconds")
        for counter in (self.files, self.tests):
            for name, seconds in counter.most_common(self.count):
                terminalreporter.line(f"{seconds:7.1f}  {name}")
            terminalreporter.line("")
