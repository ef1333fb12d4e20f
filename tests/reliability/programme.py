"""The frame: parts register themselves, run one after another, and are counted.

A part is a generator function that yields one `Attempt` per hostile input, kill or session:

    @part("hostile options of every command")
    def options(work: Work) -> Generator[Attempt]:
        yield Attempt("simcore search --k nan", failure="" or what went wrong)

Modules of this folder named `part_*.py` are imported, so a new file is enough.
"""

import importlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

MAX_FAILURES = 20  # described per part; all are counted


@dataclass(frozen=True)
class Attempt:
    """One attempt to break the program; `failure` is "" if it survived."""

    name: str
    failure: str = ""


@dataclass(frozen=True)
class Work:
    """What a part gets.

    Attributes:
        folder: empty, deleted afterwards. random: seeded. scale: 1 for the full programme, less
            for a short one. patience: factor of time limits.
        notes: what was measured, for the page; a part adds to it.
    """

    folder: Path
    random: Random
    scale: float
    patience: float = 1.0
    notes: list[str] = field(default_factory=list)

    def count(self, full: int) -> int:
        """How many attempts of `full` to make."""
        return max(1, round(full * self.scale))


Run = Callable[[Work], Generator[Attempt, None, None]]


@dataclass(frozen=True)
class Part:
    """One row of the table."""

    name: str
    run: Run
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a part found."""

    name: str
    count: int
    survived: int
    seconds: float
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()


PARTS: dict[str, Part] = {}


def part(name: str, *, seconds: float = 240.0) -> Callable[[Run], Run]:
    """Register a part under the name that the table shows.

    Args:
        seconds: at most; attempts that no longer fit are not made and not counted.
    """

    def register(run: Run) -> Run:
        PARTS[name] = Part(name, run, seconds)
        return run

    return register


def load_parts() -> list[Part]:
    """All parts, in the order of their modules' names."""
    for path in sorted(Path(__file__).parent.glob("part_*.py")):
        importlib.import_module(f"tests.reliability.{path.stem}")
    return list(PARTS.values())


def run(
    only: str = "", *, scale: float = 1.0, patience: float = 1.0, seed: int = 0
) -> list[Outcome]:
    """Run the parts whose names contain `only`; progress on stderr.

    Args:
        patience: factor of the parts' time limits.
    """
    outcomes = []
    for item in load_parts():
        if only not in item.name:
            continue
        folder = Path(tempfile.mkdtemp(prefix="simcore-reliability-"))
        work = Work(folder, Random(seed), scale, patience)
        count, failures, started, first = 0, [], time.monotonic(), 0.0
        try:
            with closing(item.run(work)) as attempts:
                for attempt in attempts:
                    count += 1
                    first = first or time.monotonic()  # preparations are not counted
                    if attempt.failure:
                        failures.append(f"{attempt.name}: {attempt.failure}")
                    if time.monotonic() - first > item.seconds * scale * patience:
                        break
        except KeyboardInterrupt:  # the table shows what was done until then
            work.notes.append("interrupted")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        seconds = time.monotonic() - started
        described, notes = tuple(failures[:MAX_FAILURES]), tuple(work.notes)
        outcome = Outcome(item.name, count, count - len(failures), seconds, described, notes)
        sys.stderr.write(f"{outcome.survived:,} of {count:,}  {item.name}  {seconds:.0f} s\n")
        for line in (*outcome.notes, *outcome.failures):
            sys.stderr.write(f"    {line}\n")
        outcomes.append(outcome)
        if "interrupted" in work.notes:
            break
    return outcomes
